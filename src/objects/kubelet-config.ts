/** What each kubelet is configured with: as it answers itself, as kubeadm wishes it, as a file says (controls.md 0.2). */
import { parse } from 'yaml'
import type { NodeObject, ObjectRef, Path, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { valueAt } from './path.ts'
import { positionOf, refOf } from './ref.ts'

/** What a control that judges kubelets lists under `consults`. */
export const KUBELET_LADDER = ['KubeletConfigz', 'Node', 'ConfigMap', 'KubeletConfiguration'] as const
export type KubeletView = View<(typeof KUBELET_LADDER)[number]>

export interface KubeletInstance {
  readonly name: string
  readonly source: 'configz' | 'kubelet-config' | 'file'
  readonly config: Readonly<Record<string, unknown>>
  /** As it runs, flags and drop-ins included (configz). */
  readonly effective: boolean
  /** A drop-in: what it does not say is said elsewhere. */
  readonly partial: boolean
  readonly subject: ObjectRef
  /** Where the configuration stands in subject, for an edit: `[]` the object itself, `['data', 'kubelet']` a text; absent on a node. */
  readonly at?: Path
  readonly grade: 'E1'
}
export interface Kubelets {
  readonly instances: readonly KubeletInstance[]
  readonly unknown?: { readonly unknown: string; readonly answer: string }
  /** Coverage, to be said with a pass. */
  readonly notes: readonly string[]
}

export const kubelets = (view: KubeletView): Kubelets => derived(view, climb)

function climb(view: KubeletView): Kubelets {
  const answered = answersOf(view)
  if (answered !== undefined && answered.instances.length > 0) return answered
  const wished = wishedFor(view)
  if (wished !== undefined)
    return {
      instances: [wished],
      notes: ['evidence: ConfigMap kube-system/kubelet-config, which says what is wished for, not what runs', ...(answered?.notes ?? [])],
    }
  const files = view.all('KubeletConfiguration').map(
    (file): KubeletInstance => ({
      name: file.metadata.name,
      source: 'file',
      config: file,
      effective: false,
      partial: /\.d\//.test(positionOf(file)?.file ?? ''),
      subject: refOf(file),
      at: [],
      grade: 'E1',
    }),
  )
  if (files.length > 0)
    return { instances: files, notes: ['evidence: KubeletConfiguration files; command-line flags of the kubelets were not seen'] }
  return { instances: [], notes: [], unknown: nothingSeen(view, answered?.notes ?? []) }
}

function answersOf(view: KubeletView): Kubelets | undefined {
  const fact = view.fact('KubeletConfigz')
  if (fact === undefined) return undefined
  const nodes = new Map(view.all('Node').map((node) => [node.metadata.name, node]))
  const asked = fact.nodes.filter(({ node }) => !isVirtual(nodes.get(node)))
  const instances = asked.flatMap(({ node, config }): KubeletInstance[] => {
    if (config === undefined) return []
    const object = nodes.get(node)
    return [
      {
        name: node,
        source: 'configz',
        config,
        effective: true,
        partial: false,
        subject: object === undefined ? { apiVersion: 'v1', kind: 'Node', name: node } : refOf(object),
        grade: 'E1',
      },
    ]
  })
  const silent = asked.filter((answer) => answer.config === undefined)
  const unasked = nodes
    .values()
    .filter((node) => !isVirtual(node) && !fact.nodes.some((answer) => answer.node === node.metadata.name))
    .toArray().length
  const total = asked.length + unasked
  const notes = [
    ...(instances.length < total ? [`${instances.length} of ${total} nodes answered configz`] : []),
    ...new Set(silent.flatMap((answer) => answer.refused ?? [])),
  ]
  if (nodes.values().some(isVirtual)) notes.push('virtual nodes have no kubelet of the usual kind and were left out')
  return { instances, notes }
}

/** Fargate and virtual-kubelet nodes have no node proxy to ask. */
function isVirtual(node: NodeObject | undefined): boolean {
  const labels = node?.metadata.labels ?? {}
  return labels['type'] === 'virtual-kubelet' || labels['eks.amazonaws.com/compute-type'] === 'fargate'
}

function wishedFor(view: KubeletView): KubeletInstance | undefined {
  const map = view.find('ConfigMap', 'kube-system', 'kubelet-config')
  const text = map?.data?.['kubelet']
  if (map === undefined || text === undefined) return undefined
  try {
    const config: unknown = parse(text, { maxAliasCount: 50 })
    if (config === null || typeof config !== 'object' || Array.isArray(config)) return undefined
    return {
      name: 'kubelet-config',
      source: 'kubelet-config',
      config: config as Record<string, unknown>,
      effective: false,
      partial: false,
      subject: refOf(map),
      at: ['data', 'kubelet'],
      grade: 'E1',
    }
  } catch {
    return undefined
  }
}

function nothingSeen(view: KubeletView, notes: readonly string[]): { unknown: string; answer: string } {
  if (view.source.kind !== 'live')
    return { unknown: 'no kubelet configuration is among these files', answer: 'add /var/lib/kubelet/config.yaml of a node' }
  const unread = view.unread('KubeletConfigz')
  return {
    unknown: ['no kubelet configuration can be seen', ...(unread === undefined ? [] : [unread.because]), ...notes].join('; '),
    answer:
      unread?.answer ??
      'allow get on nodes/proxy for the time of the scan (it is itself an escalation right: take it away again), or scan /var/lib/kubelet/config.yaml with --manifests',
  }
}

/** What kubelet defaults to when it reads a configuration file. Without one the legacy defaults of its flags hold; configz shows those itself. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  'authentication.anonymous.enabled': false,
  'authentication.webhook.enabled': true,
  'authorization.mode': 'Webhook',
  readOnlyPort: 0,
  eventRecordQPS: 50,
  makeIPTablesUtilChains: true,
  podPidsLimit: -1,
  protectKernelDefaults: false,
  rotateCertificates: false,
  seccompDefault: false,
  serverTLSBootstrap: false,
  streamingConnectionIdleTimeout: '4h0m0s',
}

/** A setting as the kubelet works with it. `unseen`: a drop-in that does not mention it. */
export function kubeletSetting(
  instance: KubeletInstance,
  path: readonly string[],
): { readonly value: unknown; readonly from: 'set' | 'default' | 'unset' | 'unseen' } {
  const value = valueAt(instance.config, path)
  if (value !== undefined && value !== null) return { value, from: 'set' }
  if (instance.partial) return { value: undefined, from: 'unseen' }
  const key = path.join('.')
  return Object.hasOwn(DEFAULTS, key) ? { value: DEFAULTS[key], from: 'default' } : { value: undefined, from: 'unset' }
}

/** The parts of an observation that say where; the node's settings are the operator's to change, so they are scored even on a kube-system ConfigMap. */
export function kubeletFinding(
  instance: KubeletInstance,
  path: readonly string[],
): { readonly subject: ObjectRef; readonly at?: Path; readonly key: string; readonly origin: 'workload' } {
  const at: Path | undefined = instance.source === 'file' ? path : instance.at
  return { subject: instance.subject, ...(at !== undefined && { at }), key: path.join('.'), origin: 'workload' }
}
