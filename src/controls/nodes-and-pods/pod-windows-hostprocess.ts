import { leaveHostNetwork } from '../../../remediations/host-network.ts'
import { type SpecEdit, setPodField } from '../../../remediations/pod-field.ts'
import { mayBreak } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import type { Path, PodSpec } from '../../model/index.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Windows containers must not be processes of their node',
  severity: 'critical',
  why: 'A HostProcess container is no container: its processes run on the Windows node itself, see its files and its network, and as SYSTEM own it.',
  references: [
    { standard: 'PSS', section: 'baseline/windowsHostProcess' },
    { standard: 'CIS', section: '5.2.10' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0202' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec) {
    for (const { at, container, options } of setters(spec)) {
      if (options?.hostProcess !== true) continue
      yield {
        ...(container !== undefined && { container }),
        at: [...at, 'hostProcess'],
        reason: container === undefined ? 'runs its containers as processes of the node' : 'runs a container as a process of the node',
        detail: options.runAsUserName === undefined ? 'the user is up to the image' : `as ${options.runAsUserName}`,
        evidence: { hostProcess: true, runAsUserName: options.runAsUserName ?? null },
      }
    }
  }),
  remedy: setPodField({
    wish: () => 'set securityContext.windowsOptions.hostProcess: false for the pod and its containers, and hostNetwork: false',
    // The API server wants all containers of a pod to be alike, and the network of the node for HostProcess ones only.
    change: ({ workload: { spec } }) => ({
      edits: [
        ...setters(spec).flatMap(({ at, options }): SpecEdit[] => [
          ...(options?.hostProcess === true ? [{ set: [...at, 'hostProcess'], to: false }] : []),
          ...(isOfTheHost(options?.runAsUserName) ? [{ unset: [...at, 'runAsUserName'] }] : []),
        ]),
        ...(spec.hostNetwork === true ? leaveHostNetwork(spec) : []),
      ],
      summary: `run its containers as containers, not as processes of the node${spec.hostNetwork === true ? ', on a network of their own' : ''}`,
      prediction: mayBreak(
        'what it does with services, drivers, files or the network settings of the Windows node fails',
        'an image built on the base image for HostProcess containers does not start as an ordinary one: build it on nanoserver or servercore',
        ...(spec.hostNetwork === true
          ? ['its address changes: hostNetwork goes with it, since only HostProcess containers may have it']
          : []),
        ...(setters(spec).some(({ options }) => isOfTheHost(options?.runAsUserName))
          ? ['it runs as the user of its image instead of an account of the node']
          : []),
      ),
    }),
  }),
  verify: 'Run whoami and hostname in the new container: neither is that of the node.',
})

interface Setter {
  /** Of `windowsOptions`. */
  readonly at: Path
  readonly container?: string
  readonly options: { readonly hostProcess?: boolean; readonly runAsUserName?: string } | undefined
}
const setters = (spec: PodSpec): readonly Setter[] => [
  { at: ['securityContext', 'windowsOptions'], options: spec.securityContext?.windowsOptions },
  ...[...eachContainer(spec)].map(({ container, at }) => ({
    at: [...at, 'securityContext', 'windowsOptions'],
    container: container.name,
    options: container.securityContext?.windowsOptions,
  })),
]

/** An account that ordinary containers do not have. */
const isOfTheHost = (user: unknown): boolean => typeof user === 'string' && /^nt authority\\/i.test(user)
