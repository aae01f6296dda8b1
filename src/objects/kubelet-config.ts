/** What each kubelet is configured with: as it answers itself, as kubeadm wishes it, as a file says (controls.md 0.2). */
import type { ConfigFile, NodeObject, ObjectRef, Path, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { fewOf } from './few-of.ts'
import { parsed } from './flag-kubeadm.ts'
import { filesOf, mergedConfig } from './kubelet-files.ts'
import { flaggedIn } from './kubelet-flags.ts'
import { positionOf, refOf } from './ref.ts'

/** What a control that judges kubelets lists under `consults`. */
export const KUBELET_LADDER = ['KubeletConfigz', 'Hosts', 'Node', 'ConfigMap', 'KubeletConfiguration'] as const
export type KubeletView = View<(typeof KUBELET_LADDER)[number]>

export interface KubeletInstance {
  readonly name: string
  readonly source: 'configz' | 'kubelet-config' | 'file'
  readonly config: Readonly<Record<string, unknown>>
  /** As it runs, flags and drop-ins included (configz). */
  readonly effective: boolean
  /** Settings that a flag says, by dotted path: what is empty there is not made a default any more. */
  readonly flagged?: readonly string[]
  /** A drop-in: what it does not say is said elsewhere. */
  readonly partial: boolean
  /** Of a node that runs Windows, as far as that is known. */
  readonly windows: boolean
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
  /** Nodes of the usual kind that showed nothing. */
  readonly missing: number
}

export const kubelets = (view: KubeletView): Kubelets => derived(view, climb)

function climb(view: KubeletView): Kubelets {
  const answered = withHosts(answersOf(view), view)
  const odd = oddOnes(view, new Set(answered?.instances.map(({ name }) => name)))
  const whole: Kubelets = answered !== undefined && answered.instances.length > 0 ? answered : climbOn(view, answered)
  return odd === undefined || whole.unknown !== undefined ? whole : { ...whole, unknown: odd }
}

/** Nodes that did not answer themselves, and whose files do not tell. */
function oddOnes(view: KubeletView, seen: ReadonlySet<string>): Kubelets['unknown'] {
  const clauses = (view.fact('Hosts')?.hosts ?? []).flatMap((host) => {
    const files = seen.has(host.node) ? undefined : filesOf(host)
    return files === undefined ? [] : files.faults.map((fault) => `what the kubelet of ${host.node} works with is not known: ${fault}`)
  })
  return clauses.length === 0 ? undefined : { unknown: fewOf(clauses), answer: ODD }
}
const ODD = 'mend the file and restart the kubelet, or allow get on nodes/proxy for the time of the scan, so that it answers itself'

function climbOn(view: KubeletView, answered: Answered | undefined): Kubelets {
  const wished = wishedFor(view)
  const live = view.source.kind === 'live'
  // Among files both count: the ConfigMap is what the next node gets, the file what one has.
  const files = live && wished.length > 0 ? [] : view.all('KubeletConfiguration').map(fromFile)
  const notes = [
    ...(wished.length > 0 ? ['evidence: ConfigMap kube-system/kubelet-config, which says what is wished for, not what runs'] : []),
    ...(files.length > 0 ? ['evidence: KubeletConfiguration files; command-line flags of the kubelets were not seen'] : []),
    ...(answered?.notes ?? []),
  ]
  const instances = [...wished, ...files]
  const missing = answered?.missing ?? 0
  // What a drop-in does not say is said by a file that was not seen: nothing passes by drop-ins alone.
  if (instances.length > 0)
    return { instances, notes, missing, ...(instances.every(({ partial }) => partial) && { unknown: DROP_INS_ALONE }) }
  return { instances: [], notes: [], missing, unknown: nothingSeen(view, answered?.notes ?? []) }
}

const DROP_INS_ALONE = {
  unknown: 'only drop-ins of a kubelet configuration are among these files, not the file that they change',
  answer: 'add /var/lib/kubelet/config.yaml of the node',
}

const fromFile = (file: ConfigFile): KubeletInstance => ({
  name: file.metadata.name,
  source: 'file',
  config: file,
  effective: false,
  partial: /\.d\//.test(positionOf(file)?.file ?? ''),
  windows: false,
  subject: refOf(file),
  at: [],
  grade: 'E1',
})

interface Answered {
  readonly instances: readonly KubeletInstance[]
  readonly notes: readonly string[]
  readonly missing: number
}

function answersOf(view: KubeletView): Answered | undefined {
  const fact = view.fact('KubeletConfigz')
  if (fact === undefined) return undefined
  const nodes = new Map(view.all('Node').map((node) => [node.metadata.name, node]))
  const asked = fact.nodes.filter(({ node }) => !isVirtual(nodes.get(node)))
  const instances = asked.flatMap(({ node, config }): KubeletInstance[] =>
    config === undefined ? [] : [{ ...onNode(node, nodes.get(node)), source: 'configz', config, effective: true }],
  )
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
  return { instances, notes, missing: total - instances.length }
}

const onNode = (name: string, node: NodeObject | undefined) => ({
  name,
  partial: false,
  windows: node !== undefined && isWindowsNode(node),
  subject: node === undefined ? { apiVersion: 'v1', kind: 'Node', name } : refOf(node),
  grade: 'E1' as const,
})

/** The files of nodes that did not answer themselves. */
function withHosts(answered: Answered | undefined, view: KubeletView): Answered | undefined {
  const heard = new Set(answered?.instances.map(({ name }) => name))
  const hosts = view.fact('Hosts')?.hosts ?? []
  const read = hosts.flatMap((host): KubeletInstance[] => {
    const files = heard.has(host.node) ? undefined : filesOf(host)
    if (files === undefined || files.faults.length > 0) return []
    return [
      {
        ...onNode(host.node, view.find('Node', undefined, host.node)),
        source: 'file',
        config: mergedConfig(files),
        effective: false,
        flagged: flaggedIn(files.flags),
      },
    ]
  })
  if (read.length === 0) return answered
  const unseen = read.filter(({ name }) => hosts.find(({ node }) => node === name)?.kubelet === undefined).length
  const nodes = view.all('Node').filter((node) => !isVirtual(node)).length
  const seen = heard.size + read.length
  return {
    instances: [...(answered?.instances ?? []), ...read],
    notes: [
      ...(answered?.notes ?? []),
      `${read.length} nodes were judged by their files${unseen === 0 ? ' and flags' : `; command-line flags of ${unseen} kubelets were not seen`}`,
      ...(seen < nodes ? [`${seen} of ${nodes} nodes were seen`] : []),
    ],
    missing: Math.max(0, nodes - seen),
  }
}

/** Fargate and virtual-kubelet nodes have no node proxy to ask. */
function isVirtual(node: NodeObject | undefined): boolean {
  const labels = node?.metadata.labels ?? {}
  return labels['type'] === 'virtual-kubelet' || labels['eks.amazonaws.com/compute-type'] === 'fargate'
}

const isWindowsNode = ({ metadata, status }: NodeObject): boolean =>
  (metadata.labels?.['kubernetes.io/os'] ?? status?.nodeInfo?.operatingSystem) === 'windows'

function wishedFor(view: KubeletView): readonly KubeletInstance[] {
  const map = view.find('ConfigMap', 'kube-system', 'kubelet-config')
  const config = map && parsed(map.data?.['kubelet'])
  if (map === undefined || config === undefined) return []
  return [
    {
      name: 'kubelet-config',
      source: 'kubelet-config',
      config,
      effective: false,
      partial: false,
      windows: false,
      subject: refOf(map),
      at: ['data', 'kubelet'],
      grade: 'E1',
    },
  ]
}

function nothingSeen(view: KubeletView, notes: readonly string[]): { unknown: string; answer: string } {
  if (view.source.kind !== 'live')
    return { unknown: 'no kubelet configuration is among these files', answer: 'add /var/lib/kubelet/config.yaml of a node' }
  const unread = view.unread('KubeletConfigz')
  return {
    unknown: ['no kubelet configuration can be seen', ...(unread === undefined ? [] : [unread.because]), ...notes].join('; '),
    answer:
      unread?.answer ??
      'allow get on nodes/proxy for the time of the scan (it is itself an escalation right: take it away again), say how nodes are reached with --host, or scan /var/lib/kubelet/config.yaml with --manifests',
  }
}
