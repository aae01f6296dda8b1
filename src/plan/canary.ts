/** A change of a Deployment in two steps: one new pod beside all the old ones, and the rest once that pod has proved itself. */
import type { ControllerObject, Edit, Json, KubeObject, Path, Plan, Snapshot, Step } from '../model/index.ts'
import { applyEdits, invertEdits, valueAt } from '../objects/path.ts'
import { refText } from '../objects/ref.ts'
import { planDigest, stepId } from './digest.ts'
import { objectAt } from './objects-by-ref.ts'
import { workloadOf } from './rollout-watch.ts'

/** Below the default `progressDeadlineSeconds` of 600, which must be longer; left alone, the others follow one by one at this pace. */
export const PACE_SECONDS = 300

interface DeploymentSpec {
  readonly replicas?: number
  readonly paused?: boolean
  readonly progressDeadlineSeconds?: number
  readonly strategy?: { readonly type?: string }
}

/** The plan with every change of a live Deployment of two pods or more split in two; everything else stays as it is. */
export function withCanaries(plan: Plan, view: Snapshot): Plan {
  const steps = plan.steps.flatMap((step) => splitStep(step, view))
  return { ...plan, steps, digest: planDigest(steps) }
}

function splitStep(step: Step, view: Snapshot): readonly Step[] {
  const [change] = step.changes
  const ref = workloadOf(step)
  if (view.source.kind !== 'live' || step.carriedOut !== 'live' || change?.type !== 'edit' || ref?.kind !== 'Deployment') return [step]
  const object = objectAt(view, ref) as ControllerObject | undefined
  if (object === undefined || !canGoOneByOne(object.spec)) return [step]
  const slow = slowEdits(object)
  const held = applyEdits(object, [...change.edits, ...slow])
  const release = slow.map((edit) => restored(object, 'set' in edit ? edit.set : edit.unset))
  const first: Step = {
    ...step,
    id: stepId(`${step.id} canary`),
    title: `${step.title} (in one pod first)`,
    changes: [{ ...change, edits: [...change.edits, ...slow] }],
    inverse: [{ ...change, edits: invertEdits(object, [...change.edits, ...slow]) }],
    mends: [],
    canary: 'first',
  }
  const rest: Step = {
    ...step,
    title: `${refText(ref)}: let its other pods follow`,
    risk: 'restarts-pods',
    mayBreak: [],
    changes: [{ ...change, edits: release }],
    inverse: [{ ...change, edits: invertEdits(held, release) }],
    after: [first.id],
    canary: 'rest',
  }
  return [first, rest]
}

function canGoOneByOne(spec: DeploymentSpec | undefined): boolean {
  const { replicas = 1, paused = false, progressDeadlineSeconds = 600, strategy = {} } = spec ?? {}
  return replicas > 1 && !paused && strategy.type !== 'Recreate' && progressDeadlineSeconds > PACE_SECONDS
}

/** No old pod goes before the new one has been ready for the whole pace: until then there is one of it, and as many old ones as before. */
const slowEdits = (object: KubeObject): Edit[] =>
  (
    [
      [['spec', 'strategy', 'rollingUpdate', 'maxSurge'], 1],
      [['spec', 'strategy', 'rollingUpdate', 'maxUnavailable'], 0],
      [['spec', 'minReadySeconds'], PACE_SECONDS],
    ] as const
  )
    .filter(([path, to]) => valueAt(object, path) !== to)
    .map(([path, to]) => ({ set: path, to }))

function restored(object: KubeObject, path: Path): Edit {
  const before = valueAt(object, path) as Json | undefined
  return before === undefined ? { unset: path } : { set: path, to: before }
}
