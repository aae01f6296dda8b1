/** Flags of the controller manager and the scheduler, with the probes that must follow the address they listen on. */
import type { Change, ContainerSpec, Edit, Finding, PodObject, Proposal, Remedy } from '../src/model/index.ts'
import { type Component, commandLineOf } from '../src/objects/flag-parse.ts'
import { FLAG_LADDER } from '../src/objects/flags.ts'
import { isNamedBy, refText } from '../src/objects/ref.ts'
import { proposeFlags } from './apiserver-flag.ts'

export interface ComponentEvidence {
  readonly component: Component
  readonly flag: string
  readonly to: string
}

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const

export const hardenComponent: Remedy<ComponentEvidence> = {
  family: 'apiserver-flag',
  reads: FLAG_LADDER,
  propose(finding, context): Proposal {
    const { component, flag, to } = finding.evidence
    const proposal = proposeFlags({ component, flags: { [flag]: to }, mayBreak: mayBreak(finding) }, finding, context)
    if (flag !== 'bind-address' || !('changes' in proposal)) return proposal
    const pods = context.view.all('Pod').filter((pod) => isNamedBy(pod, finding.subject))
    const misplaced = pods.flatMap((pod) => misplacedProbes(pod, component))
    if (misplaced.length === 0) return proposal
    // The kubelet kills what does not answer its probes: the flag alone would take the component down for good.
    const isNear = pods.every(({ spec }) => spec.hostNetwork === true)
    if (context.view.source.kind !== 'live' || (isNear && proposal.changes.some(isOnHost)))
      return { ...proposal, changes: withProbes(proposal.changes, pods, component) }
    const names = [...new Set(misplaced.map(({ probe }) => probe))].join(' and ')
    return {
      byHand: `in the manifest of ${refText(finding.subject)} on its node set --bind-address=${to} and, in the same edit, host: ${to} under httpGet of ${names}: the kubelet asks another address now, and would kill ${component} again and again`,
    }
  },
}

function mayBreak({ evidence: { component, flag } }: Finding<ComponentEvidence>): readonly string[] {
  if (flag === 'bind-address') return [`whoever scrapes the metrics of ${component} from outside its node gets no answer any more`]
  if (flag === 'use-service-account-credentials')
    return [
      'controllers act as service accounts of kube-system with the ClusterRoles system:controller:*: where those were changed or RBAC is off, they are refused',
    ]
  return []
}

/** Probes that ask an address on which a component that is bound to 127.0.0.1 does not answer. */
function misplacedProbes(pod: PodObject, component: Component): readonly { readonly container: ContainerSpec; readonly probe: string }[] {
  return (pod.spec?.containers ?? [])
    .filter((container) => commandLineOf(container, component) !== undefined)
    .flatMap((container) =>
      PROBES.filter((probe) => {
        const get = handlerOf(container, probe)
        return get !== undefined && !isLocal(get.host)
      }).map((probe) => ({ container, probe })),
    )
}
type Handler = { readonly host?: string }
const handlerOf = (container: ContainerSpec, probe: (typeof PROBES)[number]): Handler | undefined => {
  const { httpGet, tcpSocket } = (container[probe] ?? {}) as { httpGet?: Handler; tcpSocket?: Handler }
  return httpGet ?? tcpSocket
}
const isLocal = (host: string | undefined): boolean => host === '127.0.0.1' || host === 'localhost'

const isOnHost = ({ type }: Change): boolean => type === 'host'

/** In the same write as the flag. */
function withProbes(changes: readonly Change[], pods: readonly PodObject[], component: Component): readonly Change[] {
  return changes.map((change) => {
    if (change.type === 'host' && change.action.do === 'flags') {
      const { action } = change
      const own = pods.filter(({ spec }) => spec.nodeName === action.node)
      return { ...change, action: { ...action, edits: own.flatMap((pod) => probeEdits(pod, component)) } }
    }
    const pod = change.type === 'edit' ? pods.find((one) => isNamedBy(one, change.target)) : undefined
    if (pod === undefined || change.type !== 'edit') return change
    return { ...change, edits: [...change.edits, ...probeEdits(pod, component)] }
  })
}

const probeEdits = (pod: PodObject, component: Component): readonly Edit[] =>
  misplacedProbes(pod, component).map(({ container, probe }): Edit => {
    const handler = (container[probe as 'livenessProbe'] as { httpGet?: Handler }).httpGet !== undefined ? 'httpGet' : 'tcpSocket'
    return { set: ['spec', 'containers', { name: container.name }, probe, handler, 'host'], to: '127.0.0.1' }
  })
