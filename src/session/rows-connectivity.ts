/** Namespaces, and how many pods of each some policy isolates: where one begins to look who reaches whom. */
import { rememberedWith } from '../objects/derived.ts'
import type { ReachMatrix } from '../objects/network-matrix.ts'
import { blindSpots, clusterPolicies, enforcing, matrixOf, type NamespaceEnds, namespaceEnds } from './connectivity.ts'
import { foreseenSteps, type Sight, sightOf } from './connectivity-sight.ts'
import type { Foretold } from './network-foretold.ts'
import { bannerRows, blindRows } from './rows-banner.ts'
import { blank, choice, inColumns, prose, type Row, row, type Tone } from './rows-line.ts'
import { agedRows, cutRows } from './rows-network.ts'
import { endTitle } from './rows-reach.ts'
import type { State } from './store-state.ts'
import { count, sentence } from './text.ts'

export function connectivityRows(state: State, width: number): Row[] {
  const { scan } = state
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const { snapshot } = scan
  const all = namespaceEnds(snapshot)
  const sight = sightOf(state)
  const plain: Sight = { show: 'now', snapshot, matrix: matrixOf(snapshot) }
  const shown = typeof sight === 'string' ? plain : sight
  const [own, platform] = [all.filter((one) => !one.isOfThePlatform), all.filter((one) => one.isOfThePlatform)]
  const wide = clusterPolicies(snapshot)
  const plugin = enforcing(snapshot)
  return [
    ...bannerRows(snapshot, width),
    ...blindRows(scan.snapshot, width),
    ...(typeof sight === 'string' ? prose(sight, width, { indent: 0, tone: 'dim' }) : changeRows(state, sight, width)),
    ...(all.length === 0
      ? [row({ text: scan.synced ? 'There are no namespaces here, and no workloads.' : 'Still reading.', tone: 'dim' })]
      : [columns(snapshot.source.kind === 'live' ? 'pods' : 'workloads')]),
    ...own.map((one) => namespaceRow(shown, one)),
    ...(platform.length === 0 ? [] : [blank, row({ text: "The platform's own: shown, but nothing is proposed", tone: 'dim' })]),
    ...platform.map((one) => namespaceRow(shown, one)),
    blank,
    ...(wide > 0 ? [row({ text: `${count(wide, 'policy', 'policies')} of the whole cluster besides.`, tone: 'dim' })] : []),
    ...shown.matrix.ends
      .filter(({ is }) => is !== 'workload')
      .map((end) =>
        choice(`end:${end.id}`, (w) =>
          inColumns(w, [
            { text: endTitle(end), grow: true },
            { text: 'enter: what it reaches', tone: 'dim' },
          ]),
        ),
      ),
    ...(plugin === undefined
      ? []
      : prose(`${plugin.name} enforces policies: told by its name, not tried.`, width, { indent: 0, tone: 'dim' })),
  ]
}

/** What the plan would cut, first, then how much it changes. */
function changeRows(state: State, { show, foretold }: Sight, width: number): Row[] {
  if (show === 'now' || foretold === undefined) return []
  const by = foreseenSteps(state)?.by ?? 'the plan'
  return [
    ...agedRows(state, width),
    ...inUseRows(foretold, width),
    ...prose(`With ${by}: ${changeText(foretold)}.`, width, { indent: 0 }),
    blank,
  ]
}

const pairs = (number: number): string => count(number, 'pair')
export function changeText({ pairs: { lost, gained } }: Foretold): string {
  if (lost + gained === 0) return 'nobody reaches less or more than now'
  return `${pairs(lost)} ${lost === 1 ? 'loses' : 'lose'} ports, ${gained === 0 ? 'none gains any' : `${pairs(gained)} ${gained === 1 ? 'gains' : 'gain'} some`}`
}

/** Red, before everything else: what is in use and would be cut; else what is known of that. */
function inUseRows(told: Foretold, width: number): Row[] {
  const cut = cutRows(told, width)
  if (cut.length > 0) return cut
  // What could not be read stands above already.
  const said = told.words.evidence
    .filter((text) => !text.startsWith('not complete'))
    .flatMap((text) => prose(sentence(text), width, { indent: 0, tone: 'dim' }))
  return said
}

const WIDTHS = { pods: 9, ingress: 17, egress: 12, policies: 8 } as const
const isNarrow = (width: number): boolean => width < 76
const ingressWidth = (width: number): number => (isNarrow(width) ? 12 : WIDTHS.ingress)
const nameWidth = (width: number): number => {
  const remark = width >= 100 ? 26 : isNarrow(width) ? 0 : 9
  return Math.max(14, Math.min(40, width - WIDTHS.pods - ingressWidth(width) - WIDTHS.egress - WIDTHS.policies - 5 - remark))
}
const columns = (pods: string): Row => ({
  line: (width) =>
    inColumns(width, [
      { text: 'namespace', width: nameWidth(width), tone: 'dim' },
      { text: pods.padStart(WIDTHS.pods), width: WIDTHS.pods, tone: 'dim' },
      { text: isNarrow(width) ? 'isolated: in' : 'isolated: ingress', width: ingressWidth(width), tone: 'dim' },
      { text: isNarrow(width) ? 'out' : 'egress', width: WIDTHS.egress, tone: 'dim' },
      { text: 'policies', width: WIDTHS.policies, tone: 'dim' },
      { text: '', grow: true },
    ]),
})

function namespaceRow(sight: Sight, one: NamespaceEnds): Row {
  return choice(`net:${one.name}`, (width) => {
    const then = sight.foretold === undefined ? undefined : isolatedIn(sight.foretold.after).get(one.name)
    const isKnown = blindSpots(sight.snapshot).policies.length === 0
    const isolated = (direction: 'ingress' | 'egress') =>
      one.total === 0
        ? { text: '-', tone: 'dim' as const }
        : isKnown
          ? isolatedCell(sight, one[direction], then?.[direction] ?? one[direction], one.total)
          : { text: '? of ' + one.total, tone: 'unknown' as const }
    return inColumns(width, [
      { text: one.name, width: nameWidth(width) },
      { text: String(one.total + one.hostNetwork).padStart(WIDTHS.pods), width: WIDTHS.pods },
      { ...isolated('ingress'), width: ingressWidth(width) },
      { ...isolated('egress'), width: WIDTHS.egress },
      { text: String(one.policies).padStart(WIDTHS.policies), width: WIDTHS.policies, tone: one.policies === 0 ? 'dim' : 'plain' },
      {
        text: one.hostNetwork === 0 ? '' : width >= 100 ? `${one.hostNetwork} on the host network` : `+${one.hostNetwork} host`,
        grow: true,
        tone: 'dim',
      },
    ])
  })
}
function isolatedCell({ show }: Sight, now: number, then: number, total: number): { readonly text: string; readonly tone: Tone } {
  const number = show === 'planned' ? then : now
  const text =
    show === 'difference' && then !== now
      ? `${now} -> ${then} of ${total}`
      : `${number === 0 ? 'none' : number === total ? 'all' : number} of ${total}`
  const end = show === 'now' ? now : then
  return { text, tone: end === total ? 'ok' : end === 0 ? 'fail' : 'medium' }
}

/** Pods that some policy isolates, by namespace. */
const isolatedIn = rememberedWith((matrix: ReachMatrix) => {
  const sums = new Map<string, { ingress: number; egress: number }>()
  for (const { namespace, isolated } of matrix.ends) {
    if (namespace === undefined) continue
    const { ingress, egress } = sums.get(namespace) ?? { ingress: 0, egress: 0 }
    sums.set(namespace, { ingress: ingress + isolated.ingress, egress: egress + isolated.egress })
  }
  return sums
})

export function connectivityNumbers({ scan }: State): string {
  if (scan === undefined) return ''
  const own = namespaceEnds(scan.snapshot).filter(({ isOfThePlatform }) => !isOfThePlatform)
  if (blindSpots(scan.snapshot).policies.length > 0) return 'policies not known'
  const total = own.reduce((sum, one) => sum + one.total, 0)
  const isolated = (direction: 'ingress' | 'egress') => own.reduce((sum, one) => sum + one[direction], 0)
  return `${isolated('ingress')} of ${total} isolated for ingress, ${isolated('egress')} for egress`
}
