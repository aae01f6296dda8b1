/** Requests that API Priority and Fairness never makes wait (flowcontrol.apiserver.k8s.io/v1, priority level `exempt`). */
import type { ObjectRef, Path, View } from '../model/index.ts'
import { refOf } from './ref.ts'

/** Those that Kubernetes makes itself, and puts back when they are changed. */
const OWN = new Set(['exempt', 'probes'])
/** Distributions and providers exempt parts of their own. */
const PLATFORM = /^(openshift|eks|gke|aks|rke2|k3s)-/

export interface ExemptFlow {
  readonly subject: ObjectRef
  readonly at: Path
  readonly origin: 'workload' | 'system'
  readonly detail: string
}

export const exemptFlows = (view: View<'FlowSchema'>): readonly ExemptFlow[] =>
  view.all('FlowSchema').flatMap((schema) => {
    const level = (schema.spec?.['priorityLevelConfiguration'] as { readonly name?: unknown } | undefined)?.name
    const { name } = schema.metadata
    if (level !== 'exempt' || OWN.has(name)) return []
    return [
      {
        subject: refOf(schema),
        at: ['spec', 'priorityLevelConfiguration', 'name'],
        origin: PLATFORM.test(name) ? ('system' as const) : ('workload' as const),
        detail: `FlowSchema ${name} has the priority level exempt`,
      },
    ]
  })
