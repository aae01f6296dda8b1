/** Takes a Service, Ingress or route off the network it should not be on, or narrows who may reach it. */

import { remedy } from '../src/model/define.ts'
import type {
  Change,
  Edit,
  Finding,
  IngressBackend,
  IngressObject,
  Json,
  Kind,
  KubeObject,
  Path,
  Proposal,
  Remedy,
  RouteObject,
  ServiceObject,
} from '../src/model/index.ts'
import { rangeWidth } from '../src/objects/address.ts'
import { ROUTE_KINDS } from '../src/objects/entry-points.ts'
import { valueAt } from '../src/objects/path.ts'
import { isNamedBy, refText } from '../src/objects/ref.ts'

/** `backends`: names of the Services that must not be reached through an Ingress or a route; empty for a finding about a Service itself. */
export interface Exposure {
  readonly backends: readonly string[]
}

const CLOSABLE = ['Service', 'Ingress', ...ROUTE_KINDS] as const satisfies readonly Kind[]
const MAY_BREAK = ['whoever comes in from outside by this way is cut off: look who does before it is closed']

/** A Service becomes ClusterIP; an Ingress or route loses its rules to the Services named, or goes where none is left. */
export const closeExposure: Remedy<Exposure> = remedy<Exposure>({
  family: 'service-exposure',
  reads: CLOSABLE,
  propose(finding, { view }): Proposal {
    const kind = finding.subject.kind
    if (!isClosable(kind)) return { byHand: 'take the tunnel away, or have its way in guarded by a login and an access list' }
    const object = (view.all(kind) as readonly KubeObject[]).find((one) => isNamedBy(one, finding.subject))
    if (object === undefined) return { refused: `${refText(finding.subject)} is not there any more` }
    const change =
      kind === 'Service'
        ? edit(finding, clusterIpEdits(object as ServiceObject))
        : withoutBackends(finding, object, new Set(finding.evidence.backends))
    const summary =
      kind === 'Service'
        ? 'make it reachable inside the cluster only'
        : change.type === 'delete'
          ? 'delete it'
          : 'take out the rules that lead to the API server'
    return { changes: [change], risk: 'may-break', summary, mayBreak: MAY_BREAK }
  },
})
const isClosable = (kind: string): kind is (typeof CLOSABLE)[number] => (CLOSABLE as readonly string[]).includes(kind)
const edit = ({ subject }: Pick<Finding, 'subject'>, edits: readonly Edit[]): Change => ({ type: 'edit', target: subject, edits })

/** Fields that the API server refuses on a ClusterIP Service, or that go on exposing it. */
const OUTSIDE = [
  'externalIPs',
  'externalTrafficPolicy',
  'healthCheckNodePort',
  'allocateLoadBalancerNodePorts',
  'loadBalancerClass',
  'loadBalancerIP',
  'loadBalancerSourceRanges',
]

/** The edits that keep a Service inside the cluster; only what is there is taken away. */
export function clusterIpEdits(service: ServiceObject): readonly Edit[] {
  const unset = (path: Path): Edit[] => (valueAt(service, path) === undefined ? [] : [{ unset: path }])
  return [
    ...((service.spec?.type ?? 'ClusterIP') === 'ClusterIP' ? [] : [{ set: ['spec', 'type'], to: 'ClusterIP' }]),
    ...OUTSIDE.flatMap((field) => unset(['spec', field])),
    ...(service.spec?.ports ?? []).flatMap((_port, index) => unset(['spec', 'ports', index, 'nodePort'])),
  ]
}

function withoutBackends(finding: Finding<Exposure>, object: KubeObject, backends: ReadonlySet<string>): Change {
  const edits =
    object.kind === 'Ingress'
      ? ingressEdits(object as IngressObject, backends)
      : routeEdits(object as RouteObject, object.metadata.namespace, backends)
  return edits === undefined ? { type: 'delete', target: finding.subject } : edit(finding, edits)
}

/** Undefined where nothing else is left. `backends` hold `namespace/name`. */
function ingressEdits(
  { metadata: { namespace = 'default' }, spec = {} }: IngressObject,
  backends: ReadonlySet<string>,
): readonly Edit[] | undefined {
  const leads = (backend: IngressBackend | undefined): boolean =>
    backend?.service !== undefined && backends.has(`${namespace}/${backend.service.name}`)
  const rules = (spec.rules ?? []).flatMap((rule) => {
    const paths = (rule.http?.paths ?? []).filter((path) => !leads(path.backend))
    const had = rule.http?.paths?.length ?? 0
    if (paths.length === had) return [rule]
    return paths.length === 0 ? [] : [{ ...rule, http: { ...rule.http, paths } }]
  })
  const keepsDefault = spec.defaultBackend !== undefined && !leads(spec.defaultBackend)
  if (rules.length === 0 && !keepsDefault) return undefined
  return [
    ...(leads(spec.defaultBackend) ? [{ unset: ['spec', 'defaultBackend'] }] : []),
    ...(rules.length === (spec.rules ?? []).length && rules.every((rule, index) => rule === spec.rules![index])
      ? []
      : [{ set: ['spec', 'rules'], to: rules as unknown as Json }]),
  ]
}

function routeEdits({ spec = {} }: RouteObject, namespace = 'default', backends: ReadonlySet<string>): readonly Edit[] | undefined {
  const rules = (spec.rules ?? []).filter(
    (rule) =>
      !(rule.backendRefs ?? []).some(
        (ref) => (ref.kind ?? 'Service') === 'Service' && backends.has(`${ref.namespace ?? namespace}/${ref.name}`),
      ),
  )
  return rules.length === 0 ? undefined : [{ set: ['spec', 'rules'], to: rules as unknown as Json }]
}

/** Lets only the ranges that the operator names reach a load balancer. */
export const limitSources: Remedy<unknown> = remedy<unknown>({
  family: 'service-exposure',
  reads: ['Service'],
  options: {
    cidrs: {
      describe:
        'the address ranges that may reach the API, separated by commas: your own, those of CI and GitOps, and those the nodes come from',
    },
  },
  propose({ subject }, { options }): Proposal {
    if (subject.kind !== 'Service')
      return {
        byHand: 'set an access list where the endpoint is: a security group, a firewall, or the load balancer before the API servers',
      }
    const ranges =
      typeof options['cidrs'] === 'string'
        ? options['cidrs']
            .split(',')
            .map((range) => range.trim())
            .filter((range) => range !== '')
        : []
    if (ranges.length === 0)
      return {
        needs: { option: 'cidrs', question: 'Which address ranges may reach the API (yours, CI, GitOps, and where the nodes come from)?' },
      }
    const wrong = ranges.find((range) => rangeWidth(range) !== 'narrow')
    if (wrong !== undefined)
      return { refused: `${wrong} is ${rangeWidth(wrong) === undefined ? 'no address range' : 'too wide to be an access list'}` }
    return {
      changes: [{ type: 'edit', target: subject, edits: [{ set: ['spec', 'loadBalancerSourceRanges'], to: ranges }] }],
      risk: 'may-break',
      summary: `let only ${ranges.join(', ')} in`,
      mayBreak: [
        'everybody else loses the API at once: you, CI, GitOps and nodes that come from elsewhere',
        'a provider whose load balancers know no access lists ignores the field',
      ],
    }
  },
})
