/** The matrix as one JSON document, written piece by piece: a big cluster has millions of cells. */
import { once } from 'node:events'
import { asciiControls } from '../../objects/display.ts'
import { endText } from '../../objects/network-ends.ts'
import { enforcement } from '../../objects/network-enforced.ts'
import type { MatrixEnd, ReachMatrix } from '../../objects/network-matrix.ts'
import { reachMatrix } from '../../objects/network-matrix.ts'
import { isNone, samePorts } from '../../objects/network-ports.ts'
import { refText } from '../../objects/ref.ts'
import type { CutFlow } from '../../plan/network-cuts.ts'
import { changesBetween, flowsCutBetween, matricesOf } from '../../plan/network-impact.ts'
import { portsJson } from './reach-one.ts'
import type { ReachIo, ReachSeen } from './reach-read.ts'

/** In characters; then it is waited until whoever reads has taken it. */
const PIECE = 2 ** 16

/** Cells without any port are left out. */
export async function writeJson(seen: ReachSeen, { namespace }: { readonly namespace?: readonly string[] }, io: ReachIo): Promise<void> {
  const { now, planned, unread, steps } = seen
  const { enforced, plugins } = enforcement(now)
  const { before, after } = planned === undefined ? { before: reachMatrix(now), after: undefined } : matricesOf(now, planned)
  const isAsked = (...ends: readonly MatrixEnd[]) =>
    namespace === undefined || ends.some((end) => end.namespace !== undefined && namespace.includes(end.namespace))
  let text = ''
  const write = async (more: string): Promise<void> => {
    text += more
    if (text.length < PIECE) return
    const ready = io.stdout.write(asciiControls(text))
    text = ''
    if (!ready) await once(io.stdout, 'drain')
  }
  const list = async (name: string, items: Iterable<object>, isLast = false): Promise<void> => {
    let between = ''
    await write(`  ${JSON.stringify(name)}: [`)
    for (const item of items) {
      await write(`${between}\n    ${JSON.stringify(item)}`)
      between = ','
    }
    await write(`${between === '' ? '' : '\n  '}]${isLast ? '' : ','}\n`)
  }
  const source = { kind: now.source.kind, name: now.source.name }
  await write(`{\n  "schema": "k8s-harden/reach/v1",\n  "source": ${JSON.stringify(source)},\n  "enforced": ${enforced ?? null},\n`)
  await list(
    'plugins',
    plugins.map(({ name, enforces, why }) => ({ name, enforces, why })),
  )
  await write(`  "complete": ${unread.length === 0},\n  "unread": ${JSON.stringify(unread)},\n`)
  await list('ends', before.ends.filter((end) => namespace === undefined || end.is !== 'workload' || isAsked(end)).map(endJson))
  await list('now', cells(before, isAsked), planned === undefined)
  if (planned !== undefined && after !== undefined) {
    await write(`  "steps": ${steps},\n`)
    await list('planned', cells(after, isAsked))
    await list('difference', differences(seen, before, after, isAsked))
    const { cut, evidence } = flowsCutBetween(now, planned)
    await write(`  "evidence": ${JSON.stringify(evidence ?? null)},\n`)
    await list('cut', cut.map(cutJson), true)
  }
  await write('}\n')
  io.stdout.write(asciiControls(text))
}

const endJson = ({ id, is, text, pods, hostNetwork, isolated, isolatedBy, ends }: MatrixEnd) => ({
  id,
  is,
  text,
  ...(is === 'workload' && {
    pods,
    hostNetwork,
    // Of how many of its pods, or of its template.
    of: ends.length,
    isolated,
    isolatedBy: { ingress: isolatedBy.ingress.map(refText), egress: isolatedBy.egress.map(refText) },
  }),
})

function* cells(matrix: ReachMatrix, isAsked: (...ends: MatrixEnd[]) => boolean): Generator<object> {
  for (const from of matrix.ends)
    for (const to of matrix.ends) {
      if ((from.is !== 'workload' && to.is !== 'workload') || !isAsked(from, to)) continue
      const { ports, perhaps, partly } = matrix.cell(from, to)
      if (isNone(ports) && isNone(perhaps) && partly === undefined) continue
      yield {
        from: from.id,
        to: to.id,
        ports: portsJson(ports),
        ...(!samePorts(ports, perhaps) && { perhaps: portsJson(perhaps) }),
        ...(partly !== undefined && { partly: portsJson(partly) }),
      }
    }
}

function* differences(
  { now, planned }: ReachSeen,
  before: ReachMatrix,
  after: ReachMatrix,
  isAsked: (...ends: MatrixEnd[]) => boolean,
): Generator<object> {
  for (const { from, to, lost, gained, perhaps } of changesBetween(now, planned!, before, after))
    if (isAsked(from, to)) yield { from: from.id, to: to.id, lost: portsJson(lost), gained: portsJson(gained), ...(perhaps && { perhaps }) }
}

const cutJson = ({ from, to, port, flow, perhaps }: CutFlow) => ({
  from: endText(from),
  to: endText(to),
  protocol: flow.protocol,
  port,
  count: flow.count,
  ...(flow.last !== undefined && { last: flow.last }),
  ...(perhaps && { perhaps }),
})
