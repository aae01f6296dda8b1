/** What a finding about a default role or binding carries, and those findings that a human has to judge. */
import type { BindingObject, Observation, RoleObject, Severity } from '../model/index.ts'
import { fewOf } from './few-of.ts'
import { BOOTSTRAP_RANGE, isKubeadms, isLabelledDefault } from './rbac-bootstrap.ts'
import { type RbacEvidence, shortList } from './rbac-exposure.ts'
import { refOf } from './ref.ts'

/** Labels by which a ClusterRole gets into a default one. */
export interface GatheredEvidence {
  readonly labels: readonly string[]
  readonly into: readonly string[]
  readonly gains: readonly string[]
}
/** What is for a human to judge about a default, and a default that gathers by foreign labels. */
export interface StateEvidence {
  readonly state: 'missing' | 'frozen' | 'selectors' | 'no-default' | 'elsewhere' | 'foreign'
  readonly what: readonly string[]
}
export type DriftEvidence = RbacEvidence | GatheredEvidence | StateEvidence

type Found = Observation<DriftEvidence>
const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate'

/** The defaults are the cluster's own, but what was done to them is not: it is scored wherever they stand. */
export const at = (object: RoleObject | BindingObject, ...path: (string | number)[]) => ({
  subject: refOf(object),
  ...(path.length > 0 && { at: path }),
  origin: 'workload' as const,
})

/** What stands in labels and annotations: that the API server is to leave it alone, and that it is a default though nobody ships it. */
export function* marks(object: RoleObject | BindingObject, isDefault: boolean): Iterable<Found> {
  if (isDefault && object.metadata.annotations?.[AUTOUPDATE] === 'false') {
    const reason = 'is not brought up to date when the API server starts'
    yield { ...at(object, 'metadata', 'annotations', AUTOUPDATE), key: 'frozen', reason, ...soft('frozen', []) }
  }
  if (!isDefault && isLabelledDefault(object) && !isKubeadms(object)) {
    const reason = `is labelled as a default of Kubernetes, and is none of ${BOOTSTRAP_RANGE}`
    yield { ...at(object, 'metadata', 'labels'), key: 'no-default', reason, ...soft('no-default', []) }
  }
}
export const lost = (object: RoleObject | BindingObject, what: readonly string[]): Found => ({
  ...at(object),
  key: 'missing',
  reason: 'grants less than Kubernetes ships it with',
  detail: fewOf(what),
  ...soft('missing', shortList(what)),
})
/** For a human to judge, and nothing that a remedy of another finding on the same object takes along. */
export const soft = (state: StateEvidence['state'], what: readonly string[]) => ({
  verdict: 'review' as const,
  severity: 'low' as Severity,
  evidence: { state, what },
})
