/** A finding about pods that no policy isolates: which flows were seen into them, or out of them, and where to look at all of it. */
import type { Finding, Snapshot } from '../model/index.ts'
import { openFlows } from '../objects/network-flows-open.ts'
import { flowText } from '../plan/network-words.ts'
import { isOfNetwork } from './network-findings.ts'
import { blank, heading, prose, type Row, row } from './rows-line.ts'
import { count } from './text.ts'

/** More would not be read on a screen. */
const MOST = 6
const WAYS = { ingress: 'into', egress: 'out of' } as const

/** Empty for findings of other things. */
export function findingNetworkRows(finding: Finding, snapshot: Snapshot, width: number): Row[] {
  if (!isOfNetwork(finding)) return []
  const direction = /^net-default-deny-(ingress|egress)$/.exec(finding.control)?.[1] as 'ingress' | 'egress' | undefined
  return [
    blank,
    heading('Who reaches whom (N shows all of it)'),
    ...(direction === undefined ? [] : seenRows(finding, direction, snapshot, width)),
  ]
}

function seenRows({ subject, evidence }: Finding, direction: 'ingress' | 'egress', snapshot: Snapshot, width: number): Row[] {
  const names = (evidence as { readonly uncovered?: readonly string[] } | null)?.uncovered
  const flows = names && openFlows(snapshot, direction, subject.namespace ?? subject.name, new Set(names))
  if (flows === undefined)
    return prose(`No record of flows was given (--flows FILE), so what goes ${WAYS[direction]} these pods is not known.`, width, {
      tone: 'dim',
    })
  const from = snapshot.fact('ObservedFlows')?.from.join(', ') ?? ''
  if (flows.length === 0)
    return prose(`The record (${from}) has no flow ${WAYS[direction]} pods that nothing isolates: that proves little.`, width, {
      tone: 'dim',
    })
  return [
    ...prose(`${count(flows.length, 'flow')} ${WAYS[direction]} pods that nothing isolates, seen in ${from}:`, width),
    ...flows.slice(0, MOST).flatMap((one) => prose(flowText(one), width, { indent: 4, mark: '- ' })),
    ...(flows.length > MOST ? [row({ text: `    and ${flows.length - MOST} more`, tone: 'dim' })] : []),
  ]
}
