/** Operators that do with their own account's rights what a custom resource says (E32): whoever writes one acts as that account. */
import type { PodSpec } from '../model/index.ts'
import type { PartName } from './rbac-graph-parts.ts'
import { inText, type Power, type Powered, scopeOf } from './rbac-graph-subjects.ts'
import type { Workload } from './workloads.ts'

/** One that runs, and whose definition is there. */
export interface Operator {
  readonly part: PartName
  /** `kustomizations`; for people. */
  readonly resource: string
  /** Whose rights it uses. */
  readonly namespace: string
  readonly account: string
  /** It acts as an account of the object's own namespace instead, which the object names. */
  readonly asTenant: boolean
  /** It looks at objects in its own namespace only. */
  readonly atHome: boolean
}

interface Known extends Pick<Operator, 'part' | 'resource'> {
  readonly group: string
  readonly image: RegExp
  /** Of a container's command or arguments, where one image holds several programs. */
  readonly program?: RegExp
  readonly tenant?: RegExp
  readonly elsewhere?: RegExp
}
const KNOWN: readonly Known[] = [
  {
    part: 'writeKustomization',
    resource: 'kustomizations',
    group: 'kustomize.toolkit.fluxcd.io',
    image: /(^|\/)kustomize-controller([:@]|$)/,
    tenant: /^--default-service-account=./,
  },
  {
    part: 'writeHelmRelease',
    resource: 'helmreleases',
    group: 'helm.toolkit.fluxcd.io',
    image: /(^|\/)helm-controller([:@]|$)/,
    tenant: /^--default-service-account=./,
  },
  {
    part: 'writeApplication',
    resource: 'applications',
    group: 'argoproj.io',
    image: /(^|\/)argocd([:@]|$)/,
    program: /argocd-application-controller$/,
    elsewhere: /^--application-namespaces(=|$)/,
  },
  {
    part: 'writeProviderObject',
    resource: 'objects',
    group: 'kubernetes.crossplane.io',
    image: /(^|\/)(provider-kubernetes)([:@]|$)/,
  },
]

/** `definitions`: `plural.group` of those that are there. */
export function operatorsIn(all: readonly Workload[], definitions: ReadonlySet<string>, live: boolean): readonly Operator[] {
  const known = KNOWN.filter(({ resource, group }) => definitions.has(`${resource}.${group}`))
  if (known.length === 0) return []
  return all.flatMap(({ spec, namespace, serviceAccount, pods }) =>
    live && pods.length === 0
      ? []
      : known.flatMap((one) => {
          const container = containerOf(spec, one)
          if (container === undefined) return []
          const words = [...(container.command ?? []), ...(container.args ?? [])]
          const says = (pattern: RegExp | undefined) => pattern !== undefined && words.some((word) => pattern.test(word))
          const { part, resource } = one
          const atHome = one.elsewhere !== undefined && !says(one.elsewhere)
          return [{ part, resource, namespace, account: serviceAccount, asTenant: says(one.tenant), atHome }]
        }),
  )
}

const containerOf = ({ containers }: PodSpec, { image, program }: Known) =>
  (containers ?? []).find(
    (one) =>
      image.test((one.image ?? '').replace(/@.*$/, '')) &&
      (program === undefined || [...(one.command ?? []), ...(one.args ?? [])].some((word) => program.test(word))),
  )

/** Where writing such an object leads: to the account whose rights are used. */
export const operatedBy = (
  { parts }: Powered,
  operators: readonly Operator[],
): readonly { readonly to: string; readonly can: string; readonly power: Power }[] =>
  operators.flatMap(({ part, resource, namespace, account, asTenant, atHome }) =>
    (parts.get(part) ?? []).flatMap((power) => {
      const scope = scopeOf(power)
      if (!asTenant && atHome && scope !== '' && scope !== namespace) return []
      return [{ to: asTenant ? `accounts:${scope}` : `operator:${namespace}/${account}`, can: `write ${resource}${inText(scope)}`, power }]
    }),
  )
