/** The flags of the control plane's components, from the best source there is (controls.md 0.2). */
import type { KubeObject, NodeObject, ObjectRef, Path, Remark, View } from '../model/index.ts'
import { othersUnseen } from './api-servers.ts'
import { derived } from './derived.ts'
import { distribution } from './distribution.ts'
import { defaultFlag } from './flag-defaults.ts'
import { embeddedFlags, mayEmbedApiServer, nodeArguments } from './flag-k3s.ts'
import { EXTRA_ARGS, kubeadmFlags, parsed } from './flag-kubeadm.ts'
import { type Component, commandLineOf, etcdVariables, staticPods } from './flag-parse.ts'
import { isNarrowed } from './narrowed.ts'
import { refOf } from './ref.ts'
import { minorOf } from './version.ts'

/** What a control that judges flags lists under `consults`. */
export const FLAG_LADDER = ['ApiServerFlagz', 'ApiServers', 'Pod', 'Node', 'ConfigMap', 'ClusterConfiguration', 'ServerVersion'] as const
export type FlagView = View<(typeof FLAG_LADDER)[number]>

export { parsed } from './flag-kubeadm.ts'
export type { Component } from './flag-parse.ts'

/** One running (or declared) copy of a component. */
export interface ComponentInstance {
  readonly name: string
  readonly component: Component
  readonly source: 'flagz' | 'static-pod' | 'cluster-configuration' | 'node-annotation'
  readonly flags: ReadonlyMap<string, string>
  /** Defaults are included: what is missing is empty, whatever the version (flagz). */
  readonly effective: boolean
  readonly subject: ObjectRef
  /** Of the list (or map) that holds the flags, in subject; absent where they cannot be edited there. */
  readonly at?: Path
  readonly grade: 'E1'
}
export interface ComponentFlags {
  readonly instances: readonly ComponentInstance[]
  /** Set exactly where there is no instance: why, and what would answer. */
  readonly unknown?: { readonly unknown: string; readonly answer: string }
  /** What the instances do not cover. */
  readonly remarks: readonly Remark[]
}

/** Subject of a finding about an API server that has no Pod we can see. */
export const CONTROL_PLANE: ObjectRef = { apiVersion: 'k8s-harden/v1', kind: 'ControlPlane', name: 'kube-apiserver' }

/**
 * Every copy of a component that can be seen, each with its flags. Copies may disagree: a control judges each of them.
 * flagz speaks for the one API server that answered; static pods for one each; a ClusterConfiguration for all, as wished for.
 */
export const componentFlags = (view: FlagView, component: Component): ComponentFlags => derived(view, BY_COMPONENT[component])

const BY_COMPONENT: Readonly<Record<Component, (view: FlagView) => ComponentFlags>> = {
  'kube-apiserver': (view) => climb(view, 'kube-apiserver'),
  'kube-controller-manager': (view) => climb(view, 'kube-controller-manager'),
  'kube-scheduler': (view) => climb(view, 'kube-scheduler'),
  etcd: (view) => climb(view, 'etcd'),
}

function climb(view: FlagView, component: Component): ComponentFlags {
  const pods = componentPods(view, component)
  const flagz = component === 'kube-apiserver' ? view.fact('ApiServerFlagz') : undefined
  const embedded = pods.length > 0 ? [] : view.all('Node').flatMap((node) => embeddedInstance(node, component))
  if (flagz !== undefined) return withFlagz(flagz.flags, pods, embedded, view)
  if (pods.length > 0) return { instances: pods, remarks: podRemarks(view, component, pods.length) }
  const configured = clusterConfigurations(view, component)
  if (configured.length > 0)
    return {
      instances: configured,
      remarks: [{ note: 'evidence: the kubeadm ClusterConfiguration, which says what is wished for, not what runs' }],
    }
  if (embedded.length > 0)
    return {
      instances: embedded,
      remarks: [{ note: 'evidence: the start arguments k3s writes on its nodes' }, ...embeddedRemarks(view, component, embedded.length)],
    }
  return { instances: [], unknown: nothingSeen(view, component), remarks: [] }
}

// ── flagz ──────────────────────────────────────────────────────────────────────────────────────
function withFlagz(
  answered: Readonly<Record<string, string>>,
  pods: readonly ComponentInstance[],
  embedded: readonly ComponentInstance[],
  view: FlagView,
): ComponentFlags {
  const flags = new Map(Object.entries(answered).map(([name, value]) => [name, listText(value)]))
  const known = [...pods, ...embedded]
  const address = flags.get('advertise-address')
  const isWho = ({ name, flags: own }: ComponentInstance): boolean =>
    pods.length > 0 ? own.get('advertise-address') === address : addressesOf(view.find('Node', undefined, name)).includes(address!)
  const who = known.length === 1 ? known[0] : address === undefined ? undefined : known.find(isWho)
  const instance: ComponentInstance = {
    name: who?.name ?? 'kube-apiserver',
    component: 'kube-apiserver',
    source: 'flagz',
    flags,
    effective: true,
    subject: who?.subject ?? CONTROL_PLANE,
    ...(who?.at !== undefined && { at: who.at }),
    grade: 'E1',
  }
  const instances = [instance, ...known.filter((other) => other !== who)]
  return { instances, remarks: aloneRemarks(view, pods, embedded, instances.length) }
}
function aloneRemarks(
  view: FlagView,
  pods: readonly ComponentInstance[],
  embedded: readonly ComponentInstance[],
  seen: number,
): readonly Remark[] {
  if (embedded.length > 0) return embeddedRemarks(view, 'kube-apiserver', seen)
  if (pods.length > 0) return podRemarks(view, 'kube-apiserver', seen)
  return [{ note: 'only the API server that answered /flagz was seen' }, ...others(view, 'kube-apiserver', 1)]
}
const addressesOf = (node: NodeObject | undefined): readonly string[] => (node?.status?.addresses ?? []).map(({ address }) => address)

/** Go prints a list flag as `[a,b]`. */
const listText = (value: string): string => (value.startsWith('[') && value.endsWith(']') ? value.slice(1, -1) : value)

// ── static pods ────────────────────────────────────────────────────────────────────────────────
function componentPods(view: FlagView, component: Component): readonly ComponentInstance[] {
  return staticPods(view).flatMap((pod) => {
    for (const container of pod.spec?.containers ?? []) {
      const line = commandLineOf(container, component)
      const flags = line && new Map([...(component === 'etcd' ? etcdVariables(container) : []), ...line.flags])
      if (line === undefined || flags === undefined || flags.size === 0 || line.hidden) continue
      const at: Path | undefined = line.at && ['spec', 'containers', { name: container.name }, ...line.at]
      return [
        {
          name: pod.metadata.name,
          component,
          source: 'static-pod' as const,
          flags,
          effective: false,
          subject: refOf(pod),
          ...(at && { at }),
          grade: 'E1' as const,
        },
      ]
    }
    return []
  })
}

/** Of the other components nobody tells how many there are. */
const others = (view: FlagView, component: Component, seen: number, areAll?: boolean): readonly Remark[] =>
  [component === 'kube-apiserver' ? othersUnseen(view, seen, areAll) : undefined].filter((one) => one !== undefined)

const podRemarks = (view: FlagView, component: Component, seen: number): readonly Remark[] => {
  const unread = view.unread('Pod')
  return [
    ...hiddenLines(view, component).map((unknown) => ({ unknown, answer: `ps -ww -C ${component} -o args on its node` })),
    ...(unread === undefined ? [] : [{ note: `not all pods could be read, so there may be another ${component}: ${unread.because}` }]),
    ...others(view, component, seen),
  ]
}

/** A command line of which a part is not seen is not judged by the rest. */
const hiddenLines = (view: FlagView, component: Component): string[] =>
  staticPods(view).flatMap((pod) =>
    (pod.spec?.containers ?? []).some((container) => commandLineOf(container, component)?.hidden)
      ? [`some flags of ${pod.metadata.name} stand in a variable of its script, so that it was not judged`]
      : [],
  )

// ── kubeadm ────────────────────────────────────────────────────────────────────────────────────
/** A file beats the ConfigMap, which nobody has to keep up to date. */
function clusterConfigurations(view: FlagView, component: Component): readonly ComponentInstance[] {
  const instance = (object: KubeObject, configuration: Readonly<Record<string, unknown>>, at: Path): ComponentInstance[] => {
    const flags = kubeadmFlags(configuration, component)
    return flags === undefined
      ? []
      : [{ name: component, component, source: 'cluster-configuration', flags, effective: false, subject: refOf(object), at, grade: 'E1' }]
  }
  const files = view.all('ClusterConfiguration').flatMap((file) => instance(file, file, EXTRA_ARGS[component]))
  if (files.length > 0) return files
  const map = view.find('ConfigMap', 'kube-system', 'kubeadm-config')
  const configuration = map && parsed(map.data?.['ClusterConfiguration'])
  return map && configuration ? instance(map, configuration, ['data', 'ClusterConfiguration']) : []
}

// ── k3s ────────────────────────────────────────────────────────────────────────────────────────
function embeddedInstance(node: NodeObject, component: Component): ComponentInstance[] {
  const flags = embeddedFlags(node, component)
  const started = nodeArguments(node)
  if (flags === undefined || started === undefined) return []
  return [
    {
      name: node.metadata.name,
      component,
      source: 'node-annotation',
      flags,
      effective: false,
      subject: refOf(node),
      at: ['metadata', 'annotations', started.annotation],
      grade: 'E1',
    },
  ]
}

/** Servers that say nothing of how they were started may have other flags. */
const embeddedRemarks = (view: FlagView, component: Component, seen: number): readonly Remark[] => {
  const silent = view.all('Node').filter((node) => nodeArguments(node) === undefined && mayEmbedApiServer(node))
  return silent.length === 0
    ? others(view, component, seen, view.unread('Node') === undefined)
    : silent.map(({ metadata }) => ({
        unknown: `how k3s was started on ${metadata.name} cannot be read from its node, so that it was not judged`,
        answer: `scan with --host ${metadata.name}=ssh:root@ADDRESS`,
      }))
}

// ── nothing ────────────────────────────────────────────────────────────────────────────────────
const PROVIDERS: Readonly<Record<string, string>> = {
  eks: 'Amazon EKS',
  gke: 'GKE',
  aks: 'AKS',
  oke: 'OKE',
  doks: 'DigitalOcean Kubernetes',
}
function nothingSeen(view: FlagView, component: Component): { unknown: string; answer: string } {
  const { name, managed } = distribution(view)
  if (managed)
    return {
      unknown: `the provider runs the control plane and does not show the flags of ${component}`,
      answer: `no command shows it: look into the documentation of ${PROVIDERS[name] ?? 'the provider'}, and write what you find into the file of --exceptions as an attestation`,
    }
  if (view.source.kind !== 'live')
    return {
      unknown: `no ${component} is among these files`,
      answer: `add /etc/kubernetes/manifests/${component}.yaml or the kubeadm ClusterConfiguration`,
    }
  const refusals = (
    component === 'kube-apiserver' ? (['ApiServerFlagz', 'Pod', 'ConfigMap'] as const) : (['Pod', 'ConfigMap'] as const)
  ).flatMap((what) => view.unread(what) ?? [])
  const why = [...hiddenLines(view, component), ...refusals.map((unread) => unread.because)]
  const narrowed = isNarrowed(view, 'Pod') && !view.source.namespaces!.includes('kube-system')
  if (view.unread('Pod') === undefined && hiddenLines(view, component).length === 0)
    why.push(narrowed ? 'kube-system was left out of this scan' : `kube-system shows no static pod that runs ${component}`)
  const answers = refusals.map((unread) => unread.answer)
  if (name === 'talos') answers.push('talosctl -n NODE get staticpods -o yaml')
  if (name === 'openshift') answers.push('oc get kubeapiserver cluster -o yaml')
  if (name === 'microk8s') answers.push(`look into /var/snap/microk8s/current/args/${component} of a control-plane node`)
  else if (name === 'k0s') answers.push('look at spec.api.extraArgs and its like in /etc/k0s/k0s.yaml of a controller')
  else if (name !== 'talos') answers.push('scan /etc/kubernetes/manifests of a control-plane node with --manifests')
  return { unknown: `the flags of ${component} cannot be seen: ${why.join('; ')}`, answer: [...new Set(answers)].join('; or ') }
}

// ── reading a flag ─────────────────────────────────────────────────────────────────────────────
/** The value a component works with. An empty value is none; an unset flag has the default of its version (the weaker one where that is unknown). */
export function effectiveFlag(
  instance: ComponentInstance,
  flag: string,
  minor: number | undefined,
): { readonly value: string | undefined; readonly from: 'set' | 'default' | 'unset' } {
  const set = instance.flags.get(flag)
  if (set !== undefined && set !== '') return { value: set, from: 'set' }
  const value = defaultFlag(instance.component, flag, minor)
  return value === undefined ? { value: undefined, from: 'unset' } : { value, from: 'default' }
}

/** Is a boolean flag on? As Go's ParseBool; unset means the default. */
export const isOn = (instance: ComponentInstance, flag: string, minor: number | undefined): boolean =>
  ['true', 't', '1'].includes((effectiveFlag(instance, flag, minor).value ?? 'false').toLowerCase())

/** Items of a comma-separated flag, without blanks. */
export const listFlag = (instance: ComponentInstance, flag: string, minor: number | undefined): readonly string[] =>
  (effectiveFlag(instance, flag, minor).value ?? '')
    .split(',')
    .map((item) => item.trim().replace(/^"|"$/g, ''))
    .filter((item) => item !== '')

/**
 * The parts of an observation that say where. The control plane's flags are the operator's to set, so such findings are scored
 * (`origin: workload`) although its pods stand in kube-system.
 */
export function flagFinding(
  instance: ComponentInstance,
  flag: string,
): { readonly subject: ObjectRef; readonly at?: Path; readonly key: string; readonly origin: 'workload' } {
  return { subject: instance.subject, ...(instance.at && { at: instance.at }), key: `${instance.component} --${flag}`, origin: 'workload' }
}

/** Minor version of the API server; from the files' images or ClusterConfiguration where there is no server. */
export const serverMinor = (view: FlagView): number | undefined => derived(view, findMinor)

function findMinor(view: FlagView): number | undefined {
  const stated = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
  if (stated !== undefined && Number.isFinite(stated)) return stated
  for (const pod of staticPods(view)) {
    const container = pod.spec?.containers?.find((one) => commandLineOf(one, 'kube-apiserver') !== undefined)
    const minor = minorOf(container?.image?.split('@')[0]?.split(':').at(-1))
    if (minor !== undefined) return minor
  }
  const file =
    view.all('ClusterConfiguration')[0] ?? parsed(view.find('ConfigMap', 'kube-system', 'kubeadm-config')?.data?.['ClusterConfiguration'])
  return minorOf(file?.['kubernetesVersion'])
}
