/** Where labels of namespaces decide what is allowed: whoever may write them decides it too. */
import type { LabelSelector, NamespaceObject, SpecObject, View } from '../model/index.ts'
import { remembered } from './derived.ts'
import { refOf, refText } from './ref.ts'

export const SELECTING_KINDS = [
  'Namespace',
  'NetworkPolicy',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
] as const
export type SelectingView = View<(typeof SELECTING_KINDS)[number]>

const POD_SECURITY = 'pod-security.kubernetes.io/'
/** The API server itself writes this label, and puts it back. */
const FORCED = 'kubernetes.io/metadata.name'

/** Namespaces with Pod Security labels, and policies and webhooks that select namespaces by labels which somebody could set: `Namespace shop`. */
export function labelsDecide(view: SelectingView): readonly string[] {
  return [
    ...view.all('Namespace').filter(isLabelled),
    ...view
      .all('NetworkPolicy')
      .filter(({ spec }) =>
        [...(spec?.ingress ?? []).flatMap(({ from }) => from ?? []), ...(spec?.egress ?? []).flatMap(({ to }) => to ?? [])].some(
          ({ namespaceSelector }) => byFreeLabels(namespaceSelector),
        ),
      ),
    ...[...view.all('MutatingWebhookConfiguration'), ...view.all('ValidatingWebhookConfiguration')].filter(({ webhooks }) =>
      (webhooks ?? []).some(({ namespaceSelector }) => byFreeLabels(namespaceSelector)),
    ),
    ...[...view.all('ValidatingAdmissionPolicy'), ...view.all('ValidatingAdmissionPolicyBinding')].filter(selects),
  ].map((object) => refText(refOf(object)))
}

const isLabelled = ({ metadata }: NamespaceObject): boolean =>
  Object.keys(metadata.labels ?? {}).some((key) => key.startsWith(POD_SECURITY))
/** Names of the namespaces that have labels of Pod Security. */
export const labelled = (view: View<'Namespace'>): readonly string[] =>
  view
    .all('Namespace')
    .filter(isLabelled)
    .map(({ metadata }) => metadata.name)
    .sort()

const selects = remembered(({ spec }: SpecObject): boolean =>
  ['matchConstraints', 'matchResources'].some((field) =>
    byFreeLabels((spec?.[field] as { readonly namespaceSelector?: LabelSelector } | undefined)?.namespaceSelector),
  ),
)

const byFreeLabels = (selector: LabelSelector | null | undefined): boolean =>
  [...Object.keys(selector?.matchLabels ?? {}), ...(selector?.matchExpressions ?? []).map(({ key }) => key)].some((key) => key !== FORCED)
