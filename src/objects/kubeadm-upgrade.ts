/** What the next `kubeadm upgrade` would make of flags: it writes every static pod anew, from the ClusterConfiguration it keeps. */
import type { ConfigMapObject, FactName, Json, Kind, ObjectRef, PodObject, Readable, Unread, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { editsOfPod, isUnder } from './flag-edits.ts'
import { EXTRA_ARGS, extraArgs, kubeadmFlags, parsed, writesByItself } from './flag-kubeadm.ts'
import { type Component, commandLineOf, flagNameOf, staticPods } from './flag-parse.ts'
import type { FLAG_LADDER } from './flags.ts'
import { applyEdits, valueAt } from './path.ts'
import { refOf } from './ref.ts'

type Fields = Readonly<Record<string, unknown>>
type UpgradeView = View<(typeof FLAG_LADDER)[number]>

/** A flag with which a static pod runs and that kubeadm would write otherwise, or the other way round. */
export interface ForgottenFlag {
  readonly component: Component
  readonly flag: string
  /** What kubeadm would write; undefined: not this flag. */
  readonly given: string | undefined
  /** It stands in `extraArgs`. */
  readonly stated: boolean
  /** kubeadm writes it whatever `extraArgs` say, often with what is the node's own. */
  readonly byItself: boolean
  /** What they run with, all that differ from each other; undefined: without it. */
  readonly runs: readonly (string | undefined)[]
  /** Is it of one node alone, or given more than once, so that its value cannot be written for all? */
  readonly own: boolean
  /** Those that have its file, as far as kubeadm would not mount them. */
  readonly volumes: readonly ExtraVolume[]
}
/** kubeadm's HostPathMount. */
export interface ExtraVolume {
  readonly [key: string]: Json
  readonly name: string
  readonly hostPath: string
  readonly mountPath: string
  readonly readOnly: boolean
  readonly pathType: string
}
export interface Upgrade {
  readonly flags: readonly ForgottenFlag[]
  /** The ConfigMap, and what it says. */
  readonly kept?: { readonly ref: ObjectRef; readonly map: ConfigMapObject; readonly configuration: Fields }
  /** It could not be read: then `flags` are those it would have to say. */
  readonly unread?: Unread
}
const NOTHING: Upgrade = { flags: [] }

/** Of a live cluster that kubeadm made. */
export const nextUpgrade = (view: UpgradeView): Upgrade => derived(view, findUpgrade)

function findUpgrade(view: UpgradeView): Upgrade {
  if (view.source.kind !== 'live') return NOTHING
  const map = view.find('ConfigMap', 'kube-system', 'kubeadm-config') as ConfigMapObject | undefined
  if (map === undefined) {
    const unread = view.unread('ConfigMap')
    const isKubeadm = staticPods(view).some(({ metadata }) => Object.keys(metadata.annotations ?? {}).some((key) => MADE_BY.test(key)))
    return unread === undefined || !isKubeadm ? NOTHING : { flags: forgotten({}, view), unread }
  }
  const configuration = parsed(map.data?.['ClusterConfiguration'])
  return configuration === undefined ? NOTHING : { flags: forgotten(configuration, view), kept: { ref: refOf(map), map, configuration } }
}
const MADE_BY = /^kubeadm\.kubernetes\.io\//

const COMPONENTS = Object.keys(EXTRA_ARGS) as readonly Component[]
const forgotten = (configuration: Fields, view: UpgradeView): readonly ForgottenFlag[] =>
  COMPONENTS.flatMap((component) => ofComponent(component, configuration, podsOf(component, view)))

interface Running {
  readonly pod: PodObject
  readonly flags: ReadonlyMap<string, string>
}
/** Those whose flags can be seen and set. */
const podsOf = (component: Component, view: UpgradeView): readonly Running[] =>
  staticPods(view).flatMap((pod) => {
    const line = containerOf(pod, component) && commandLineOf(containerOf(pod, component)!, component)
    return line?.at === undefined ? [] : [{ pod, flags: line.flags }]
  })
const containerOf = (pod: PodObject, component: Component) =>
  pod.spec?.containers?.find((container) => commandLineOf(container, component) !== undefined)

function ofComponent(component: Component, configuration: Fields, running: readonly Running[]): readonly ForgottenFlag[] {
  const written = kubeadmFlags(configuration, component)
  if (written === undefined || running.length === 0) return []
  const stated = extraArgs(configuration, component)
  const mounted = valueAt(configuration, [...EXTRA_ARGS[component].slice(0, -1), 'extraVolumes'])
  const names = new Set([...running.flatMap(({ flags }) => [...flags.keys()]), ...written.keys()])
  return [...names].flatMap((flag): ForgottenFlag[] => {
    const given = written.get(flag)
    const byItself = writesByItself(configuration, component, flag)
    const runs = [...new Set(running.map(({ flags }) => flags.get(flag)))]
    // Its value is the node's, and kubeadm sees to it; or it is none of what components run with.
    if (byItself && (given === undefined || (!stated.has(flag) && runs.every((value) => value === undefined)))) return []
    const volumes = byItself || component === 'etcd' ? [] : running.flatMap((one) => unmounted(one, component, flag, mounted))
    if (volumes.length === 0 && runs.every((value) => value === given)) return []
    return [
      {
        component,
        flag,
        given,
        stated: stated.has(flag),
        byItself,
        runs,
        own: running.some((one) => isOwn(one, component, flag)),
        volumes,
      },
    ]
  })
}

function isOwn({ pod, flags }: Running, component: Component, flag: string): boolean {
  const { command = [], args = [] } = containerOf(pod, component)!
  if ([...command, ...args].filter((word) => flagNameOf(word) === flag).length > 1) return true
  const own = [pod.spec.nodeName, flags.get('advertise-address')].filter((one) => one !== undefined && one !== '')
  return own.some((one) => flags.get(flag)?.includes(one!) === true)
}

/** kubeadm's own volumes (phases/controlplane/volumes.go); whatever else a manifest mounts it knows from `extraVolumes` alone. */
const KUBEADM_VOLUME = /^(k8s-certs|.*ca-certs|.*ca-certificates|kubeconfig|flexvolume-dir|etcd-(data|certs)(-\d+)?|etc-pki.*)$/

const unmounted = (one: Running, component: Component, flag: string, mounted: unknown): readonly ExtraVolume[] => {
  const path = one.flags.get(flag) ?? ''
  return path.startsWith('/') ? volumesOf(one.pod, component, mounted).filter(({ mountPath }) => isUnder(path, mountPath)) : []
}

/** What a manifest mounts that kubeadm would not. */
function volumesOf(pod: PodObject, component: Component, mounted: unknown): readonly ExtraVolume[] {
  const known = (Array.isArray(mounted) ? mounted : []) as readonly Partial<ExtraVolume>[]
  return (containerOf(pod, component)!.volumeMounts ?? []).flatMap((mount): ExtraVolume[] => {
    const { path: hostPath, type } = pod.spec.volumes?.find(({ name }) => name === mount.name)?.hostPath ?? {}
    if (hostPath === undefined || KUBEADM_VOLUME.test(mount.name) || mount.subPath !== undefined) return []
    const { name, mountPath } = mount
    const readOnly = mount.readOnly === true
    const has = known.some(
      (one) => typeof one.mountPath === 'string' && isUnder(mountPath, one.mountPath) && (one.readOnly !== true || readOnly),
    )
    return has ? [] : [{ name, hostPath, mountPath, readOnly, pathType: type ?? '' }]
  })
}

/** The volumes that all copies of a component have and kubeadm would not give them: what a file that a flag names speaks of may lie there too. */
export function forgottenVolumes(view: UpgradeView, component: Component): readonly ExtraVolume[] {
  const { kept } = nextUpgrade(view)
  if (kept === undefined || component === 'etcd') return []
  const mounted = valueAt(kept.configuration, [...EXTRA_ARGS[component].slice(0, -1), 'extraVolumes'])
  const [first = [], ...others] = podsOf(component, view).map(({ pod }) => volumesOf(pod, component, mounted))
  return first.filter((volume) =>
    others.every((list) => list.some((one) => one.mountPath === volume.mountPath && one.hostPath === volume.hostPath)),
  )
}

// ── the world after it ─────────────────────────────────────────────────────────────────────────
/** What was asked of components as they run now says nothing of that world. */
export const OF_NOW: ReadonlySet<Readable> = new Set([
  ...(['ApiServerFlagz', 'ApiServerMetrics', 'ApiServerHealth', 'StoredForm'] as const),
  ...(['AnonymousProbe', 'ProfilingProbe', 'IssuerDiscovery'] as const),
])

/** What there would be once kubeadm had written these flags its way: the static pods alone, judged by their manifests. */
export function afterUpgrade(view: View<Readable>, flags: readonly ForgottenFlag[]): View<Readable> {
  const known = derived(view, foreseen)
  const key = flags.map(({ component, flag }) => `${component} ${flag}`).join('\0')
  let after = known.get(key)
  if (after === undefined) known.set(key, (after = without(view, flags)))
  return after
}
const foreseen = (_view: View<Readable>): Map<string, View<Readable>> => new Map()

function without(view: View<Readable>, flags: readonly ForgottenFlag[]): View<Readable> {
  const pods = staticPods(view).map((pod) => rewritten(pod, flags))
  return {
    revision: view.revision,
    source: view.source,
    now: view.now,
    all: ((kind: Kind) => (kind === 'Pod' ? pods : view.all(kind))) as View<Readable>['all'],
    find: ((kind: Kind, namespace: string | undefined, name: string) =>
      kind === 'Pod'
        ? pods.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
        : view.find(kind, namespace, name)) as View<Readable>['find'],
    fact: ((fact: FactName) => (OF_NOW.has(fact) ? undefined : view.fact(fact))) as View<Readable>['fact'],
    unread: (what) => (OF_NOW.has(what) ? { what, why: 'not-asked', because: 'it is of now', answer: '' } : view.unread(what)),
    locate: (ref, at) => view.locate(ref, at),
  }
}

function rewritten(pod: PodObject, flags: readonly ForgottenFlag[]): PodObject {
  let after = pod
  for (const component of new Set(flags.map((one) => one.component))) {
    if (containerOf(pod, component) === undefined) continue
    const values = flags.filter((one) => one.component === component).map((one) => [one.flag, writtenBy(one)] as const)
    after = applyEdits(after, editsOfPod(after, component, Object.fromEntries(values), []) ?? [])
  }
  return after
}
/** What another file says, or one that is not mounted, nobody sees: it is as good as none. */
const writtenBy = ({ given, runs }: ForgottenFlag): string | null =>
  given === undefined || (given.startsWith('/') && runs.some((value) => value !== undefined)) ? null : given
