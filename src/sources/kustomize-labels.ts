/** Labels and annotations that a kustomization puts on what it builds, where kustomize puts them (its api/internal/konfig/builtinpluginconsts). */
type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value)

export interface Additions {
  readonly labels: Fields
  /** Also those of pod templates. */
  readonly templates: boolean
  /** Also what selects pods. */
  readonly selectors: boolean
}

/** From `commonLabels` and `labels`, in that order. */
export function additionsOf(kustomization: Fields): readonly Additions[] {
  const common = kustomization.commonLabels
  const entries = Array.isArray(kustomization.labels) ? kustomization.labels.filter(isFields) : []
  return [
    ...(isFields(common) ? [{ labels: common, templates: true, selectors: true }] : []),
    ...entries.map(({ pairs, includeSelectors, includeTemplates }) => ({
      labels: isFields(pairs) ? pairs : {},
      templates: includeSelectors === true || includeTemplates === true,
      selectors: includeSelectors === true,
    })),
  ]
}

/** The same object with `additions` under the mapping at `path`; where `made` is false only if that is there. */
function withPairs(object: Fields, path: readonly string[], additions: Fields, made = true): Fields {
  const [key, ...rest] = path
  if (key === undefined) return { ...object, ...additions }
  const inner = object[key]
  if (!isFields(inner) && (!made || (inner !== undefined && inner !== null))) return object
  return { ...object, [key]: withPairs(isFields(inner) ? inner : {}, rest, additions, made) }
}

const TEMPLATE: readonly (readonly string[])[] = [['spec', 'template']]
const TEMPLATES: Readonly<Record<string, typeof TEMPLATE>> = {
  Deployment: TEMPLATE,
  ReplicaSet: TEMPLATE,
  StatefulSet: TEMPLATE,
  DaemonSet: TEMPLATE,
  ReplicationController: TEMPLATE,
  Job: TEMPLATE,
  CronJob: [
    ['spec', 'jobTemplate'],
    ['spec', 'jobTemplate', 'spec', 'template'],
  ],
}
/** The object, and where `inTemplates` what it makes, with additions to these metadata. */
const withMetadata = (object: Fields, field: 'labels' | 'annotations', additions: Fields, inTemplates: boolean): Fields =>
  [[], ...(inTemplates ? (TEMPLATES[String(object.kind)] ?? []) : [])].reduce(
    (here, at) => withPairs(here, [...at, 'metadata', field], additions),
    object,
  )
/** Where a kind says which pods are its own; a Job says so only if somebody wrote it down. */
const SELECTORS: Readonly<Record<string, { readonly path: readonly string[]; readonly made: boolean }>> = {
  Service: { path: ['spec', 'selector'], made: true },
  ReplicationController: { path: ['spec', 'selector'], made: true },
  Deployment: { path: ['spec', 'selector', 'matchLabels'], made: true },
  ReplicaSet: { path: ['spec', 'selector', 'matchLabels'], made: true },
  StatefulSet: { path: ['spec', 'selector', 'matchLabels'], made: true },
  DaemonSet: { path: ['spec', 'selector', 'matchLabels'], made: true },
  Job: { path: ['spec', 'selector', 'matchLabels'], made: false },
  NetworkPolicy: { path: ['spec', 'podSelector', 'matchLabels'], made: false },
}

export function labelled(object: Fields, { labels, templates, selectors }: Additions): Fields {
  const here = withMetadata(object, 'labels', labels, templates)
  const selector = SELECTORS[String(object.kind)]
  if (!selectors || selector === undefined) return here
  const selecting = withPairs(here, selector.path, labels, selector.made)
  return object.kind === 'NetworkPolicy' ? withPeers(selecting, labels) : selecting
}

/** The pods that a NetworkPolicy lets in or out are labelled by the same kustomization. */
function withPeers(policy: Fields, labels: Fields): Fields {
  const spec = isFields(policy.spec) ? policy.spec : {}
  const rules = (list: unknown, peers: 'from' | 'to'): unknown =>
    Array.isArray(list)
      ? list.map((rule: unknown) =>
          isFields(rule) && Array.isArray(rule[peers])
            ? {
                ...rule,
                [peers]: rule[peers].map((peer: unknown) =>
                  isFields(peer) ? withPairs(peer, ['podSelector', 'matchLabels'], labels, false) : peer,
                ),
              }
            : rule,
        )
      : list
  return {
    ...policy,
    spec: {
      ...spec,
      ...('ingress' in spec && { ingress: rules(spec.ingress, 'from') }),
      ...('egress' in spec && { egress: rules(spec.egress, 'to') }),
    },
  }
}

/** `commonAnnotations`: on the object and on the pods it makes. */
export const annotated = (object: Fields, annotations: Fields): Fields => withMetadata(object, 'annotations', annotations, true)
