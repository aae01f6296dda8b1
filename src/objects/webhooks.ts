/** Admission webhooks: what they are asked about, who answers, and whether they belong to a policy engine. */
import type { ControllerObject, KubeObject, LabelSelector, ServiceObject, View, WebhookConfigurationObject } from '../model/index.ts'
import { caExpiry } from './ca-bundle.ts'
import { matchesPairs, matchesSelector, namespaceLabels } from './selectors.ts'
import { type Workload, type WorkloadKind, workloads } from './workloads.ts'

export type Webhook = NonNullable<WebhookConfigurationObject['webhooks']>[number]
export const WEBHOOK_KINDS = ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'] as const

const ENGINES =
  /kyverno|gatekeeper|kubewarden|jspolicy|neuvector|stackrox|twistlock|polaris|datree|kubescape|connaisseur|ratify|k-rail|(^|[.-])opa($|[.-])|policy\.sigstore|policy-controller|image-?polic/i
/** Told by the names its own installation gives; one that hides its name is judged as any other webhook. */
export const isPolicyEngine = (configuration: KubeObject, webhook: Webhook): boolean =>
  ENGINES.test(configuration.metadata.name) || ENGINES.test(webhook.name) || ENGINES.test(webhook.clientConfig?.service?.name ?? '')
/** Kyverno writes its configurations anew from its policies: a patch would not last. */
export const isSelfManaged = (configuration: KubeObject): boolean => /^kyverno-/.test(configuration.metadata.name)

export const failsOpen = (webhook: Webhook): boolean => webhook.failurePolicy === 'Ignore'

type Rule = NonNullable<Webhook['rules']>[number]
const has = (list: readonly string[] | undefined, ...values: string[]): boolean => values.some((value) => list?.includes(value) === true)
const ofCore = (rule: Rule): boolean => has(rule.apiGroups, '', '*') && has(rule.apiVersions, 'v1', '*')
/** Is it asked when a pod is created, changed, or given an ephemeral container? As the API server matches rules. */
export const asksAbout = (webhook: Webhook, what: 'create' | 'update' | 'ephemeral'): boolean =>
  (webhook.rules ?? []).some(
    (rule) =>
      ofCore(rule) &&
      has(rule.operations, '*', what === 'create' ? 'CREATE' : 'UPDATE') &&
      (what === 'ephemeral'
        ? has(rule.resources, '*/*', 'pods/*', '*/ephemeralcontainers', 'pods/ephemeralcontainers')
        : has(rule.resources, '*', '*/*', 'pods')),
  )

/** Is it asked about pods of a namespace? A namespace that was not read has no labels but its name. */
export const reachesNamespace = (webhook: Webhook, name: string, view: View<'Namespace'>): boolean =>
  matchesSelector(webhook.namespaceSelector ?? {}, namespaceLabels(name, view.find('Namespace', undefined, name)?.metadata.labels))

/** Labels that a selector goes by, beside the name that every namespace has. */
export const keysOf = (selector: LabelSelector | null | undefined): readonly string[] => [
  ...Object.keys(selector?.matchLabels ?? {}),
  ...(selector?.matchExpressions ?? []).map(({ key }) => key).filter((key) => key !== 'kubernetes.io/metadata.name'),
]

export interface Backend {
  readonly service: ServiceObject | undefined
  /** Copies that are ready (in files: that are asked for), of all workloads behind the Service; undefined where none is seen. */
  readonly copies: number | undefined
  readonly workloads: readonly Workload[]
}
export type BackendView = View<'Service' | WorkloadKind>
export function backendOf(webhook: Webhook, view: BackendView): Backend | undefined {
  const at = webhook.clientConfig?.service
  if (at === undefined) return undefined
  const service = view.find('Service', at.namespace, at.name)
  const behind = workloads(view).filter(
    (workload) => workload.namespace === at.namespace && matchesPairs(service?.spec?.selector, workload.templateLabels),
  )
  return {
    service,
    workloads: behind,
    copies: behind.length === 0 ? undefined : behind.reduce((sum, one) => sum + copiesOf(one.object, view), 0),
  }
}

function copiesOf(object: KubeObject | undefined, view: View<WorkloadKind>): number {
  if (object === undefined || object.kind === 'Pod') return 1
  const { spec, status = {} } = object as ControllerObject
  if (object.kind === 'DaemonSet') return Number(status['numberReady'] ?? 2)
  const wanted = spec?.replicas ?? 1
  return view.source.kind === 'live' ? Math.min(wanted, Number(status['readyReplicas'] ?? 0)) : wanted
}

/** Does a PodDisruptionBudget keep a drain from taking all its copies at once? The pods of a DaemonSet are not drained. */
export const isBudgeted = ({ ref, namespace, templateLabels }: Workload, view: View<'PodDisruptionBudget'>): boolean =>
  ref.kind === 'DaemonSet' ||
  view
    .all('PodDisruptionBudget')
    .some(
      ({ metadata, spec }) =>
        metadata.namespace === namespace &&
        matchesSelector(spec?.selector, templateLabels) &&
        !isVoid(spec?.minAvailable, spec?.maxUnavailable),
    )
const isVoid = (least: number | string | undefined, most: number | string | undefined): boolean =>
  most === '100%' || (most === undefined && (least === undefined || Number.parseInt(String(least), 10) === 0))

/** Requests that the API server let pass without asking it, since that server started; undefined where that is not known. */
export const passedOver = ({ name }: Webhook, view: View<'ApiServerMetrics'>): number | undefined =>
  view
    .fact('ApiServerMetrics')
    ?.samples.filter((sample) => sample.name === 'apiserver_admission_webhook_fail_open_count' && sample.labels['name'] === name)
    .reduce((sum, { value }) => sum + value, 0)

/** When the API server stops trusting it; undefined where it has no bundle of its own, or one that cannot be read. */
export const caEnd = ({ clientConfig }: Webhook): string | undefined =>
  clientConfig?.caNotAfter ?? (typeof clientConfig?.caBundle === 'string' ? caExpiry(clientConfig.caBundle) : undefined)
