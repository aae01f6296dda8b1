import { controls as allControls } from '../../controls/index.gen.ts'
import { wantedBy } from '../../engine/evaluator.ts'
import type { Readable, RegisteredControl, Snapshot } from '../../model/index.ts'
import { narrowed } from '../../objects/narrowed.ts'
import { CNI_KINDS } from '../../objects/network-cni.ts'
import { FLOW_KINDS } from '../../objects/network-flows.ts'
import { REACH_KINDS } from '../../objects/network-reach.ts'
import { compile, plannable } from '../../plan/compile.ts'
import { worldAfter } from '../../plan/network-impact.ts'
import { LiveScan } from '../../session/live-scan.ts'
import { type Opened, openSource } from '../open-source.ts'
import { chooseControls, parseSettings, type SourceOptions } from '../options.ts'

export interface ReachIo {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: { write(text: string): unknown }
  readonly stdin: NodeJS.ReadableStream
}
export interface ReadOptions extends SourceOptions {
  readonly namespace?: readonly string[]
  readonly planned?: boolean
  readonly practice?: readonly string[]
  readonly control?: readonly string[]
  readonly set?: readonly string[]
}
export interface ReachSeen {
  readonly now: Snapshot
  /** With the whole plan carried out; only where it was asked for. */
  readonly planned?: Snapshot
  /** Steps of that plan. */
  readonly steps: number
  /** Why an answer may be wrong. */
  readonly unread: readonly string[]
}

/** What decides who reaches whom; with `planned` also what the controls want that make the plan. */
export async function readReach(options: ReadOptions, signal: AbortSignal): Promise<ReachSeen> {
  const { namespace, ...source } = options
  const controls = options.planned ? chooseControls(allControls, options) : []
  const values = parseSettings(allControls, options.set)
  const wanted = new Set<Readable>([...REACH_KINDS, ...CNI_KINDS, ...FLOW_KINDS, 'ObservedFlows', ...wantedBy(controls)])
  let scan = await scanned(await openSource(source), controls, wanted, signal)
  // Whoever may read single namespaces only is still told what can be told of those.
  if (namespace !== undefined && scan.state.snapshot.unread('Pod') !== undefined && !signal.aborted)
    scan = await scanned(await openSource({ ...source, namespace }), controls, wanted, signal)
  const now = scan.state.snapshot
  const unread = [...unreadOf(now), ...scan.state.problems.map(({ file, line, message }) => `${file}:${line} ${message}`)]
  if (!options.planned) return { now, steps: 0, unread }
  const plan = compile(plannable(scan.findings), new Map(controls.map((control) => [control.id, control])), now, { values })
  return { now, planned: worldAfter(now, plan.steps), steps: plan.steps.length, unread }
}

async function scanned(
  { source }: Opened,
  controls: readonly RegisteredControl[],
  wanted: ReadonlySet<Readable>,
  signal: AbortSignal,
): Promise<LiveScan> {
  const scan = new LiveScan({ source, controls, follow: false })
  await scan.run(signal, wanted)
  return scan
}

function unreadOf(view: Snapshot): readonly string[] {
  const unread = REACH_KINDS.map((kind) => view.unread(kind)?.because).filter((because) => because !== undefined)
  return [...new Set([...unread, ...narrowed(view, REACH_KINDS).map(({ because }) => because)])]
}
