/** Sets flags of the API server, the controller manager, the scheduler or etcd: in the file where they stand, or as files and steps for a live cluster. */

import { remedy } from '../src/model/define.ts'
import type {
  Change,
  ConfigMapObject,
  Edit,
  Finding,
  PodObject,
  Proposal,
  Readable,
  Remedy,
  RemedyContext,
  RemedyOption,
  View,
} from '../src/model/index.ts'
import { keptByMaker } from '../src/objects/cluster-makers.ts'
import { distribution } from '../src/objects/distribution.ts'
import {
  editsOfConfigMap,
  editsOfConfiguration,
  editsOfPod,
  type FlagValues,
  type HostFile,
  missingMounts,
} from '../src/objects/flag-edits.ts'
import { parsed } from '../src/objects/flag-kubeadm.ts'
import { type Component, type ComponentInstance, componentFlags, FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { rancherServers } from '../src/objects/host-files.ts'
import { isNamedBy, refOf, refText, sameObject } from '../src/objects/ref.ts'
import { handOver } from './flag-handover.ts'
import { hostChanges } from './flag-hosts.ts'
import { stampOf } from './flag-runbook.ts'
import { optionsOf, PROVIDER_OPTIONS, type ProviderCommands, providerProposal } from './provider-command.ts'

export type { FlagValues, HostFile } from '../src/objects/flag-edits.ts'

export interface FlagChange {
  /** Default: kube-apiserver. */
  readonly component?: Component
  /** New values; null takes a flag away; a function gets the value that is set now. */
  readonly flags: Readonly<Record<string, string | null | ((current: string | undefined) => string | null)>>
  /** Files and directories of the node that the flags name; mounted where they are not yet. */
  readonly files?: readonly HostFile[]
  /** Default: "set --a=b". */
  readonly summary?: string
  readonly mayBreak?: readonly string[]
  /** Steps that come first in the runbook of a live cluster, and how to see afterwards that it worked, beside scanning again. */
  readonly first?: readonly string[]
  readonly verify?: readonly string[]
  /** What the way back must wait for. */
  readonly undoFirst?: readonly string[]
  /** Name of the file that is handed over, where the flags must not share their steps with others of the component. */
  readonly step?: string
  /** Changes that must be there before the flags, such as the file a flag names. */
  readonly before?: readonly Change[]
  /** Where a provider runs the control plane. */
  readonly provider?: ProviderCommands
}

/** A remedy that always sets the same flags, or that finds them out from the finding. */
export const setFlags = <E = any>(
  change: FlagChange | ((finding: Finding<E>, context: RemedyContext) => FlagChange | Proposal),
  options?: Readonly<Record<string, RemedyOption>>,
): Remedy<E> =>
  remedy<E>({
    family: 'apiserver-flag',
    reads: FLAG_LADDER,
    options: {
      ...(typeof change === 'object' && change.provider !== undefined && { ...PROVIDER_OPTIONS, ...optionsOf(change.provider) }),
      ...options,
    },
    propose(finding, context) {
      const wanted = typeof change === 'function' ? change(finding, context) : change
      return 'flags' in wanted ? proposeFlags(wanted, finding, context) : wanted
    },
  })

/** What setting flags comes to for one finding. The instances it is about are those of its subject, or all where it is about something else. */
export function proposeFlags(
  change: FlagChange,
  finding: Finding<unknown>,
  { view, options }: Pick<RemedyContext, 'view' | 'options'>,
): Proposal {
  const component = change.component ?? 'kube-apiserver'
  const { instances } = componentFlags(view, component)
  const about = instances.filter((instance) => sameObject(instance.subject, finding.subject))
  const chosen = about.length > 0 ? about : instances
  const { name, managed } = distribution(view)
  // Its flags may be seen (flagz), but its manifest is the provider's.
  if (managed) return providerProposal(name, change.provider, view, options)
  if (chosen.length === 0) return { byHand: `set ${words(resolved(change, undefined))} on ${component}` }
  const summary = change.summary ?? `set ${words(resolved(change, chosen[0]))}`
  const mayBreak = [...RESTARTS[component], ...(change.mayBreak ?? [])]
  if (view.source.kind === 'live') return live(change, component, chosen, view, summary, mayBreak)
  const edits = chosen.flatMap((instance) => inFile(change, component, instance, view))
  const stuck = edits.find((edit) => typeof edit === 'string')
  if (stuck !== undefined) return { byHand: `${stuck}: set ${words(resolved(change, chosen[0]))} there` }
  return {
    changes: [...(change.before ?? []), ...alsoConfigured(change, component, chosen, view), ...(edits as Change[])],
    risk: 'may-break',
    summary,
    mayBreak,
  }
}

const RESTARTS: Readonly<Record<Component, readonly string[]>> = {
  'kube-apiserver': [
    'the kubelet restarts the API server as soon as its manifest changes: a single one is away for a few seconds, and a mistake keeps it down',
  ],
  'kube-controller-manager': ['the controller manager restarts: controllers pause for a moment'],
  'kube-scheduler': ['the scheduler restarts: pods wait for a moment'],
  etcd: ['etcd restarts: change one member at a time, or the cluster loses its quorum'],
}

/** The values for one instance, functions answered. */
function resolved({ flags }: FlagChange, instance: ComponentInstance | undefined): FlagValues {
  return Object.fromEntries(
    Object.entries(flags).map(([flag, value]) => [
      flag,
      typeof value === 'function' ? value(instance?.flags.get(flag) || undefined) : value,
    ]),
  )
}
const words = (values: FlagValues): string =>
  Object.entries(values)
    .map(([flag, value]) => (value === null ? `no --${flag}` : `--${flag}=${value}`))
    .join(', ')

function live(
  change: FlagChange,
  component: Component,
  instances: readonly ComponentInstance[],
  view: View<Readable>,
  summary: string,
  mayBreak: readonly string[],
): Proposal {
  const all = componentFlags(view, component).instances
  const valuesOf = (instance: ComponentInstance) => resolved(change, instance)
  const onHosts = hostChanges(
    { component, chosen: instances, instances: all, valuesOf, files: change.files ?? [], before: change.before ?? [], summary },
    view,
  )
  const maker = keptByMaker(component, Object.keys(change.flags), view)
  if (onHosts !== undefined && !('missing' in onHosts)) {
    const changes = [...onHosts, ...alsoConfigured(change, component, instances, view)]
    return { changes, risk: 'may-break', summary, mayBreak: [...mayBreak, ...(maker === undefined ? [] : [maker])] }
  }
  const file = handOver({
    component,
    values: resolved(change, instances[0]),
    files: change.files ?? [],
    instances: all,
    nodes: all.map((instance) => {
      const pod = view.all('Pod').find((one) => isNamedBy(one, instance.subject)) as PodObject | undefined
      const files = change.files ?? []
      const mounts = pod === undefined ? files.map((one) => ({ ...one, has: 'nothing' as const })) : missingMounts(pod, component, files)
      return { instance, values: valuesOf(instance), mounts, ...(pod !== undefined && { node: pod.spec.nodeName ?? pod.metadata.name }) }
    }),
    configMap: view.unread('ConfigMap') === undefined ? view.find('ConfigMap', 'kube-system', 'kubeadm-config') !== undefined : undefined,
    stamp: stampOf(view),
    ...(change.step !== undefined && { step: change.step }),
    distribution: distribution(view),
    servers: rancherServers(view),
    ...(maker !== undefined && { maker }),
    minor: serverMinor(view),
    first: [...(onHosts === undefined ? [] : [notReached(onHosts.missing)]), ...(change.first ?? [])],
    verify: change.verify ?? [],
    undoFirst: change.undoFirst ?? [],
  })
  return 'byHand' in file ? file : { changes: [...(change.before ?? []), file], risk: 'may-break', summary, mayBreak }
}

/** All of them or none: a control plane whose nodes differ is nobody's wish. */
const notReached = (nodes: readonly string[]): string =>
  `${nodes.join(', ')} ${nodes.length === 1 ? 'is' : 'are'} not reached, so this is left to you on all nodes; with --host NODE=CARRIER for ${nodes.length === 1 ? 'it' : 'each'} too, k8s-harden takes these steps itself`

/** The edit of the file an instance was read from, or words why it cannot be made. */
function inFile(change: FlagChange, component: Component, instance: ComponentInstance, view: View<Readable>): readonly (Change | string)[] {
  const values = resolved(change, instance)
  const files = change.files ?? []
  const edit = (edits: readonly Edit[]): Change => ({ type: 'edit', target: instance.subject, edits })
  if (instance.source === 'static-pod') {
    const pod = view.all('Pod').find((one) => isNamedBy(one, instance.subject)) as PodObject
    const edits = editsOfPod(pod, component, values, files)
    return [edits === undefined ? `${refText(instance.subject)} starts ${component} from a shell script` : edit(edits)]
  }
  if (instance.source !== 'cluster-configuration') return [`${refText(instance.subject)} only says how ${component} was started`]
  if (instance.subject.kind !== 'ConfigMap') {
    const file = view.all('ClusterConfiguration').find((one) => isNamedBy(one, instance.subject))!
    return [edit(editsOfConfiguration(file, component, values, files))]
  }
  const map = view.find('ConfigMap', 'kube-system', 'kubeadm-config') as ConfigMapObject
  return [edit(editsOfConfigMap(map, 'ClusterConfiguration', (content) => editsOfConfiguration(content, component, values, files)))]
}

/** A ClusterConfiguration beside the static pods is changed with them, or the next `kubeadm upgrade` writes the old flags back. */
function alsoConfigured(change: FlagChange, component: Component, instances: readonly ComponentInstance[], view: View<Readable>): Change[] {
  // What flagz says is of a static pod too, where one can be seen.
  const pod = instances.find(({ source, subject }) => source === 'static-pod' || (source === 'flagz' && subject.kind === 'Pod'))
  if (pod === undefined) return []
  const values = resolved(change, pod)
  const files = change.files ?? []
  const map = view.find('ConfigMap', 'kube-system', 'kubeadm-config')
  return [
    ...view
      .all('ClusterConfiguration')
      .map((file): Change => ({ type: 'edit', target: refOf(file), edits: editsOfConfiguration(file, component, values, files) })),
    ...(map !== undefined && parsed(map.data?.['ClusterConfiguration']) !== undefined
      ? [
          {
            type: 'edit' as const,
            target: refOf(map),
            edits: editsOfConfigMap(map, 'ClusterConfiguration', (content) => editsOfConfiguration(content, component, values, files)),
          },
        ]
      : []),
  ]
}
