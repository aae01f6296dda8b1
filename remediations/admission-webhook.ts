/** Mends registrations of admission webhooks, one field of one webhook at a time; what could lock the cluster is done in order, or by hand. */
import { remedy } from '../src/model/define.ts'
import type {
  Change,
  ControllerObject,
  Edit,
  Finding,
  Json,
  KubeObject,
  LabelSelector,
  PathElement,
  Proposal,
  Readable,
  Remedy,
  Risk,
  View,
  WebhookConfigurationObject,
} from '../src/model/index.ts'
import { refText } from '../src/objects/ref.ts'
import { matchesSelector } from '../src/objects/selectors.ts'
import type { WebhookFaultKind } from '../src/objects/webhook-faults.ts'
import { asksAbout, backendOf, isBudgeted, isSelfManaged, reachesNamespace, WEBHOOK_KINDS, type Webhook } from '../src/objects/webhooks.ts'
import { WORKLOAD_KINDS } from '../src/objects/workloads.ts'
import { objectOf } from './role-binding.ts'

export type WebhookEvidence = { readonly is: WebhookFaultKind; readonly webhook: string }

export const mendWebhook = (): Remedy<WebhookEvidence> =>
  remedy<WebhookEvidence>({
    family: 'admission-webhook',
    reads: [...WEBHOOK_KINDS, 'Service', 'Namespace', 'PodDisruptionBudget', ...WORKLOAD_KINDS],
    propose(finding, { view }): Proposal {
      const { is } = finding.evidence
      const configuration = objectOf(view, finding.subject) as WebhookConfigurationObject | undefined
      const webhook = configuration?.webhooks?.find((one) => one.name === finding.evidence.webhook)
      if (configuration === undefined || webhook === undefined)
        return { refused: `${refText(finding.subject)} has no such webhook any more` }
      if (is === 'no-budget') return budgeted(webhook, view)
      const words = BY_HAND[is]?.(webhook)
      if (words !== undefined) return { byHand: words }
      if (isSelfManaged(configuration))
        return {
          byHand: `Kyverno writes ${refText(finding.subject)} itself: ${IN_KYVERNO[is] ?? 'change it in the values of its installation'}`,
        }
      if (is === 'ignore') return closed(finding, webhook, view)
      if (is === 'single') return spared(finding, webhook, view)
      if (is === 'rules') return asked(finding, webhook)
      return change(finding, webhook, { set: ['timeoutSeconds'], to: 10 }, 'wait no more than 10 seconds for it', 'may-break', [
        'an answer that takes longer than 10 seconds counts as a failure from then on',
      ])
    },
  })

const BY_HAND: Readonly<Partial<Record<WebhookFaultKind, (webhook: Webhook) => string>>> = {
  expired: () =>
    'renew its serving certificate and the CA in clientConfig.caBundle (cert-manager and most engines do it when their pods restart)',
  outside: () => 'see who runs that server and whether it may see every such object; if not, run the webhook in this cluster',
  'no-backend': ({ clientConfig }) =>
    `install what stands behind Service ${clientConfig?.service?.namespace}/${clientConfig?.service?.name} again, or delete the configuration if it was left behind by an uninstall`,
  'namespace-selector': () =>
    'see who may update namespaces (kubectl auth can-i update namespaces --as=USER): if tenants may, exempt namespaces by kubernetes.io/metadata.name instead',
  'object-selector': () =>
    'make the exemption in the engine, by namespace and name, and then take objectSelector away: anyone may set a label on what they create',
  'match-condition': () =>
    'let the condition go by request.userInfo or namespaceObject instead: anyone may set labels and annotations on what they create',
}
const IN_KYVERNO: Readonly<Partial<Record<WebhookFaultKind, string>>> = {
  ignore:
    'set spec.webhookConfiguration.failurePolicy: Fail in the policies (spec.failurePolicy before 1.13), once it runs with two replicas or more',
  single:
    'run its admission controller with three replicas (admissionController.replicas in its chart), and exclude kube-system in config.webhooks',
  timeout: 'set spec.webhookConfiguration.timeoutSeconds: 10 in the policies',
  rules: 'let the policies match pods/ephemeralcontainers and the operation UPDATE',
}

function change(
  finding: Finding<WebhookEvidence>,
  webhook: Webhook,
  edit: { readonly set: readonly PathElement[]; readonly to: Json },
  summary: string,
  risk: Risk,
  mayBreak: readonly string[],
): Proposal {
  const edits: Edit[] = [{ set: ['webhooks', { name: webhook.name }, ...edit.set], to: edit.to }]
  return {
    changes: [{ type: 'edit', target: finding.subject, edits }],
    summary: `${summary} (webhook ${webhook.name})`,
    risk,
    ...(mayBreak.length > 0 && { mayBreak }),
  }
}

/** Its own pods, and the cluster's, must be able to start while it is away. */
function closed(finding: Finding<WebhookEvidence>, webhook: Webhook, view: View<Readable>): Proposal {
  const own = webhook.clientConfig?.service?.namespace
  const reached = ['kube-system', ...(own === undefined ? [] : [own])].filter((name) => reachesNamespace(webhook, name, view))
  const copies = backendOf(webhook, view)?.copies ?? 0
  if (reached.length > 0 || copies < 2)
    return {
      byHand: [
        'in this order:',
        ...(reached.length > 0 ? [`leave ${reached.join(' and ')} out of its namespaceSelector by kubernetes.io/metadata.name;`] : []),
        ...(copies < 2 ? [`run it with two replicas or more and a PodDisruptionBudget (now ${copies} ready);`] : []),
        'then set failurePolicy: Fail',
      ].join(' '),
    }
  return change(
    finding,
    webhook,
    { set: ['failurePolicy'], to: 'Fail' },
    'refuse what the policy engine cannot be asked about',
    'may-break',
    ['while none of its pods answers, nothing that it is asked about can be created or changed, outside kube-system and its own namespace'],
  )
}

function spared(finding: Finding<WebhookEvidence>, webhook: Webhook, view: View<Readable>): Proposal {
  const own = webhook.clientConfig?.service?.namespace
  const names = [...new Set(['kube-system', ...(own === undefined ? [] : [own])])].filter((name) => reachesNamespace(webhook, name, view))
  const selector: LabelSelector = webhook.namespaceSelector ?? {}
  const to = {
    ...selector,
    matchExpressions: [...(selector.matchExpressions ?? []), { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: names }],
  } as unknown as Json
  return change(finding, webhook, { set: ['namespaceSelector'], to }, `do not ask it about ${names.join(' and ')}`, 'may-break', [
    `it refuses nothing in ${names.join(' and ')} any more: hold who may write there by RBAC; better still, run two replicas of it as well`,
  ])
}

/** One at a time may go: that never stops a drain for good where there are two. Two budgets for one pod would, so none is put beside another. */
function budgeted(webhook: Webhook, view: View<Readable>): Proposal {
  const bare = (backendOf(webhook, view)?.workloads ?? []).filter((workload) => !isBudgeted(workload, view))
  const taken = bare.find(({ ref, namespace, templateLabels, object }) => {
    const isIn = view.all('PodDisruptionBudget').filter(({ metadata }) => metadata.namespace === namespace)
    const isThere = isIn.some(({ metadata, spec }) => metadata.name === ref.name || matchesSelector(spec?.selector, templateLabels))
    return isThere || selectorOf(object) === undefined
  })
  if (taken !== undefined)
    return { byHand: `see to it that one PodDisruptionBudget with maxUnavailable: 1 selects the pods of ${refText(taken.ref)}` }
  const changes = bare.map(({ namespace, ref: { name }, object }): Change => {
    const labels = { 'app.kubernetes.io/managed-by': 'k8s-harden' }
    const spec = { maxUnavailable: 1, selector: selectorOf(object)! }
    const budget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name, namespace, labels }, spec }
    return { type: 'create', object: budget }
  })
  return { changes, summary: `let a drain take one copy of it at a time (webhook ${webhook.name})`, risk: 'safe' }
}
/** Of a controller that was read; a bare pod has none. */
const selectorOf = (object: KubeObject | undefined): LabelSelector | undefined =>
  object?.apiVersion.startsWith('apps/') ? ((object as ControllerObject).spec?.selector as LabelSelector | undefined) : undefined

function asked(finding: Finding<WebhookEvidence>, webhook: Webhook): Proposal {
  const rule = (resource: string) => ({ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: [resource], scope: '*' })
  const missing = [
    ...(asksAbout(webhook, 'update') ? [] : [rule('pods')]),
    ...(asksAbout(webhook, 'ephemeral') ? [] : [rule('pods/ephemeralcontainers')]),
  ]
  const to = [...(webhook.rules ?? []), ...missing] as unknown as Json
  return change(finding, webhook, { set: ['rules'], to }, 'ask it about every change of a pod', 'may-break', [
    'kubectl debug is refused where its container is against the policy, and so are changes of running pods that are',
  ])
}
