/** What is wrong with one registered admission webhook. */
import type { KubeObject, PathElement, View } from '../model/index.ts'
import { refText } from './ref.ts'
import { isLoopbackUrl } from './tls.ts'
import {
  asksAbout,
  type BackendView,
  backendOf,
  caEnd,
  failsOpen,
  isBudgeted,
  isPolicyEngine,
  keysOf,
  passedOver,
  reachesNamespace,
  type Webhook,
} from './webhooks.ts'

export type WebhookFaultKind =
  | 'ignore'
  | 'object-selector'
  | 'match-condition'
  | 'namespace-selector'
  | 'rules'
  | 'timeout'
  | 'expired'
  | 'outside'
  | 'no-backend'
  | 'single'
  | 'no-budget'
export interface WebhookFault {
  readonly is: WebhookFaultKind
  /** Relative to the webhook. */
  readonly field: readonly PathElement[]
  readonly detail: string
}
const LONGEST = 10
export type FaultView = BackendView & View<'Namespace' | 'PodDisruptionBudget' | 'ApiServerMetrics'>

/** `isSure`: everything that could answer for it was read. */
export function* webhookFaults(configuration: KubeObject, webhook: Webhook, view: FaultView, isSure: boolean): Iterable<WebhookFault> {
  if (configuration.kind === 'ValidatingWebhookConfiguration' && isPolicyEngine(configuration, webhook)) yield* waysAround(webhook, view)
  const { timeoutSeconds = LONGEST, clientConfig } = webhook
  if (timeoutSeconds > LONGEST) yield { is: 'timeout', field: ['timeoutSeconds'], detail: `timeoutSeconds: ${timeoutSeconds}` }
  const end = caEnd(webhook)
  if (end !== undefined && Date.parse(end) < view.now)
    yield { is: 'expired', field: ['clientConfig', 'caBundle'], detail: `its last certificate expired at ${end}` }
  const { url } = clientConfig ?? {}
  if (url !== undefined && !isLoopbackUrl(url))
    yield { is: 'outside', field: ['clientConfig', 'url'], detail: URL.canParse(url) ? new URL(url).host : url }
  yield* behind(webhook, view, isSure)
}

function* waysAround(webhook: Webhook, view: FaultView): Iterable<WebhookFault> {
  if (failsOpen(webhook)) {
    const count = passedOver(webhook, view) ?? 0
    const proof = count > 0 ? `; since it started, the API server has passed it over ${count} ${count === 1 ? 'time' : 'times'}` : ''
    yield { is: 'ignore', field: ['failurePolicy'], detail: `failurePolicy: Ignore${proof}` }
  }
  const keys = keysOf(webhook.objectSelector)
  if (keys.length > 0) yield { is: 'object-selector', field: ['objectSelector'], detail: keys.join(', ') }
  const condition = webhook.matchConditions?.find(({ expression }) => BY_LABEL.test(expression))
  if (condition !== undefined) yield { is: 'match-condition', field: ['matchConditions'], detail: condition.expression }
  const spaces = keysOf(webhook.namespaceSelector).filter((key) => !GUARDED.has(key))
  if (spaces.length > 0) yield { is: 'namespace-selector', field: ['namespaceSelector'], detail: spaces.join(', ') }
  if (!asksAbout(webhook, 'create')) return
  const missing = [
    ...(asksAbout(webhook, 'update') ? [] : ['UPDATE of pods']),
    ...(asksAbout(webhook, 'ephemeral') ? [] : ['pods/ephemeralcontainers']),
  ]
  if (missing.length > 0) yield { is: 'rules', field: ['rules'], detail: `not asked about ${missing.join(' and ')}` }
}
const BY_LABEL = /\bobject\.metadata\s*(\.|\[['"])\s*\??(labels|annotations)/
/** Gatekeeper's second webhook guards the first of these, and OPA's installation keeps the other to its own namespace. */
const GUARDED = new Set(['admission.gatekeeper.sh/ignore', 'control-plane'])

function* behind(webhook: Webhook, view: FaultView, isSure: boolean): Iterable<WebhookFault> {
  const at = webhook.clientConfig?.service
  const backend = backendOf(webhook, view)
  if (at === undefined || backend === undefined) return
  const where = `${at.namespace}/${at.name}`
  if (backend.service === undefined) {
    if (view.unread('Service') === undefined) yield { is: 'no-backend', field: ['clientConfig', 'service'], detail: where }
    return
  }
  if (!isSure || failsOpen(webhook) || backend.copies === undefined) return
  if (!asksAbout(webhook, 'create') || !reachesNamespace(webhook, 'kube-system', view)) return
  if (backend.copies <= 1) yield { is: 'single', field: ['namespaceSelector'], detail: `${where} has ${backend.copies} ready` }
  else if (view.unread('PodDisruptionBudget') === undefined) {
    const bare = backend.workloads.filter((workload) => !isBudgeted(workload, view)).map(({ ref }) => refText(ref))
    if (bare.length > 0) yield { is: 'no-budget', field: ['clientConfig', 'service'], detail: `${where}, by ${bare.join(', ')}` }
  }
}
