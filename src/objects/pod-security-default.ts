/** The cluster-wide default of Pod Security Admission: what holds where a namespace has no label of its own (controls.md 4.17). */
import type { PodSecurityAnswer, View } from '../model/index.ts'
import { distribution } from './distribution.ts'
import { fewOf } from './few-of.ts'
import { componentFlags, FLAG_LADDER } from './flags.ts'
import { isMapping, list, type Mapping } from './spec-fields.ts'

export const DECLARED_DEFAULT_KINDS = ['AdmissionConfiguration', ...FLAG_LADDER] as const
export const CLUSTER_DEFAULT_KINDS = ['PodSecurityProbe', ...DECLARED_DEFAULT_KINDS] as const
type DeclaredView = View<(typeof DECLARED_DEFAULT_KINDS)[number]>
type DefaultView = View<(typeof CLUSTER_DEFAULT_KINDS)[number]>

/** `answers`: by namespace, where the API server was asked by a dry run. */
export type ClusterDefault = Declared & { readonly answers: ReadonlyMap<string, PodSecurityAnswer> }
export type Declared =
  /** The level that holds where a namespace has no label of its own, and the namespaces it leaves out. */
  | { readonly level: string; readonly exempt: readonly string[]; readonly from: string }
  | { readonly unseen: string; readonly answer: string }
  /** The plugin does not run at all: labels have no effect. */
  | { readonly off: string }

/** What holds for a namespace without a label, as far as it can be seen. */
export function clusterDefault(view: DefaultView): ClusterDefault {
  const declared = declaredDefault(view)
  const { answers: all = [] } = view.fact('PodSecurityProbe') ?? {}
  const answers = new Map(all.map((answer) => [answer.namespace, answer]))
  if (!('unseen' in declared)) return { ...declared, answers }
  if (all.length > 0 && all.every(({ is }) => is === 'admitted'))
    return { level: 'privileged', exempt: [], from: `dry runs of a privileged pod were admitted to ${fewOf([...answers.keys()])}`, answers }
  const probe = view.unread('PodSecurityProbe')
  return { ...declared, ...(probe?.why === 'forbidden' && { answer: `${declared.answer}, or ${probe.answer}` }), answers }
}

/** The level that a namespace without a label is held to by the cluster's default; undefined where it is to none, or that is not known. */
export function defaultLevel(namespace: string, byDefault: ClusterDefault): Held | undefined {
  const { level, version } = byDefault.answers.get(namespace) ?? {}
  // What the server does counts for more than what a file says.
  if (level !== undefined) return { level, version: version ?? 'latest' }
  if (!('level' in byDefault) || byDefault.exempt.includes(namespace)) return undefined
  return byDefault.level === 'baseline' || byDefault.level === 'restricted' ? { level: byDefault.level, version: 'latest' } : undefined
}
export interface Held {
  readonly level: 'baseline' | 'restricted'
  readonly version: string
}

/** The same by what files and flags say alone: nothing is tried for it. */
export function declaredDefault(view: DeclaredView): Declared {
  const { instances, unknown } = componentFlags(view, 'kube-apiserver')
  const off = instances.find((instance) => instance.flags.get('disable-admission-plugins')?.split(',').includes('PodSecurity'))
  if (off !== undefined) return { off: `${off.name} runs with --disable-admission-plugins=PodSecurity` }
  for (const file of view.all('AdmissionConfiguration')) {
    const plugin = list(file['plugins']).find((one): one is Mapping => isMapping(one) && one['name'] === 'PodSecurity')
    if (plugin === undefined) continue
    const configuration = plugin['configuration']
    if (!isMapping(configuration))
      return { unseen: `${file.metadata.name} keeps the configuration of PodSecurity in another file`, answer: 'scan that file as well' }
    const { defaults, exemptions } = configuration
    const level = isMapping(defaults) && typeof defaults['enforce'] === 'string' ? defaults['enforce'] : 'privileged'
    return { level, exempt: list(isMapping(exemptions) ? exemptions['namespaces'] : undefined).map(String), from: file.metadata.name }
  }
  const configured = instances.find((instance) => (instance.flags.get('admission-control-config-file') ?? '') !== '')
  if (configured !== undefined)
    return {
      unseen: `${configured.name} reads ${configured.flags.get('admission-control-config-file')}, which cannot be seen from here`,
      answer: 'scan that file with --manifests',
    }
  if (instances.length > 0) return { level: 'privileged', exempt: [], from: 'no --admission-control-config-file' }
  const { name, managed, certain } = distribution(view)
  if (managed && certain) return { level: 'privileged', exempt: [], from: `${name} offers no cluster-wide Pod Security default` }
  return {
    unseen: unknown?.unknown ?? 'the flags of the API server cannot be seen',
    answer: unknown?.answer ?? 'allow get on the path /flagz',
  }
}

export const isExempt = (namespace: string, byDefault: ClusterDefault): boolean =>
  'exempt' in byDefault && byDefault.exempt.includes(namespace)
