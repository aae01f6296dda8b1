import type { KubeObject, LabelSelector, Snapshot, Step } from '../model/index.ts'
import { isSystemNamespace } from '../objects/ownership.ts'
import { refOf, refText } from '../objects/ref.ts'
import { matchesSelector, namespaceLabels } from '../objects/selectors.ts'
import { applyPlan } from '../plan/in-memory.ts'
import { objectAt } from '../plan/objects-by-ref.ts'

/** Changes that can stop system pods, whoever may do what. */
export function refuseOnSystem(step: Step, snapshot: Snapshot): string | undefined {
  for (const change of step.changes) {
    if (step.carriedOut !== 'live' || (change.type !== 'create' && change.type !== 'edit')) continue
    const ref = change.type === 'create' ? refOf(change.object) : change.target
    if (ref.kind.endsWith('NetworkPolicy') && isSystemNamespace(ref.namespace))
      return `${refText(ref)} would isolate pods of ${ref.namespace}, which the whole cluster needs (DNS, metrics, admission)`
    if (
      ref.kind === 'Namespace' &&
      isSystemNamespace(ref.name) &&
      change.type === 'edit' &&
      change.edits.some((edit) => 'set' in edit && edit.set.at(-1) === 'pod-security.kubernetes.io/enforce')
    )
      return `enforcing a Pod Security level on ${ref.name} could keep system pods from starting again`
    if (!ADMISSION.has(ref.kind)) continue
    const object = change.type === 'create' ? change.object : objectAt(applyPlan(snapshot, [{ ...step, changes: [change] }]), ref)
    const stops = systemNamespacesOf(snapshot).find((namespace) => blocks(object, namespace))
    if (stops !== undefined)
      return `${refText(ref)} would also be asked about pods of ${stops.name}, and could keep the cluster's own components from starting`
  }
  return undefined
}

const ADMISSION = new Set(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'ValidatingAdmissionPolicyBinding'])

interface Space {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}
const systemNamespacesOf = (snapshot: Snapshot): readonly Space[] => {
  const known = snapshot
    .all('Namespace')
    .filter((namespace) => isSystemNamespace(namespace.metadata.name))
    .map(({ metadata: { name, labels = {} } }) => ({ name, labels: namespaceLabels(name, labels) }))
  return known.length > 0 ? known : [{ name: 'kube-system', labels: namespaceLabels('kube-system') }]
}

/** A webhook that fails closed, or a policy binding that denies, and that does not leave this namespace out. */
function blocks(object: KubeObject | undefined, { labels }: Space): boolean {
  if (object?.kind.endsWith('WebhookConfiguration')) {
    const { webhooks = [] } = object as KubeObject & { webhooks?: readonly { failurePolicy?: string; namespaceSelector?: LabelSelector }[] }
    return webhooks.some((webhook) => webhook.failurePolicy !== 'Ignore' && matchesSelector(webhook.namespaceSelector ?? {}, labels))
  }
  if (object?.kind !== 'ValidatingAdmissionPolicyBinding') return false
  const { spec = {} } = object as KubeObject & {
    spec?: {
      validationActions?: readonly string[]
      matchResources?: { namespaceSelector?: LabelSelector; resourceRules?: readonly { resources?: readonly string[] }[] }
    }
  }
  const rules = spec.matchResources?.resourceRules ?? []
  // Nothing that is refused about a Service keeps a component from starting.
  const isOfServices = rules.length > 0 && rules.every(({ resources }) => resources?.join() === 'services')
  return (
    !isOfServices &&
    (spec.validationActions ?? []).includes('Deny') &&
    matchesSelector(spec.matchResources?.namespaceSelector ?? {}, labels)
  )
}
