/** Closes a namespace for egress, after opening DNS, the API server and what its objects show to be called. */

import { remedy } from '../../src/model/define.ts'
import type { Change, Proposal, Readable, Remedy, View } from '../../src/model/index.ts'
import { fewOf } from '../../src/objects/few-of.ts'
import { asksElsewhere, type ClusterDns, clusterDns } from '../../src/objects/network-dns.ts'
import { edgesOf, isOfFiles, NEED_READS } from '../../src/objects/network-needs.ts'
import { aliasTarget } from '../../src/objects/network-needs-services.ts'
import { apiServerRule, asksPodIdentity, callsApiServer, OUTSIDE_KINDS } from '../../src/objects/network-outside.ts'
import { podRanges } from '../../src/objects/network-pod-ranges.ts'
import { REACH_KINDS } from '../../src/objects/network-reach.ts'
import { endsByNamespace, namespaceOf } from '../../src/objects/network-service-targets.ts'
import { allowDns, dnsRuleOf } from './allow-dns.ts'
import { ciliumPolicies } from './cilium-entities.ts'
import { narrowFirst, onCilium, refusedFor } from './default-deny.ts'
import {
  commonsOf,
  grantsOf,
  hostCalls,
  IDENTITY,
  isGoogles,
  metadataGrant,
  OTHER_DNS,
  type Outside,
  selectorsOf,
  TOKEN,
} from './egress-rules.ts'
import { type Grant, policySet } from './policy-set.ts'

export const defaultDenyEgress = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'network-policy',
    reads: [...new Set([...NEED_READS, ...REACH_KINDS, ...OUTSIDE_KINDS])],
    options: {
      mode: {
        describe: 'Which pods may be called besides those that configuration and recorded flows name',
        default: 'fence',
        choices: [
          { value: 'fence', label: 'pods of the same namespace', risk: 'may-break' },
          { value: 'strict', label: 'only those that are seen to be called', risk: 'may-break' },
        ],
      },
      outside: {
        describe: 'What may be called outside of the cluster',
        default: 'everything',
        choices: [
          { value: 'everything', label: 'everything but the metadata service of the cloud', risk: 'may-break' },
          { value: 'evidence', label: 'addresses that EndpointSlices and recorded flows show', risk: 'may-break' },
          { value: 'nothing', label: 'nothing but DNS and the API server', risk: 'may-break' },
        ],
      },
    },
    propose({ subject: { name: namespace }, key, evidence }, { view, options }): Proposal {
      const refusal = narrowFirst(evidence, 'k8s-harden reach shows who calls what') ?? refusedFor(view, namespace)
      if (refusal !== undefined) return refusal
      if (key === 'silent' || key === 'shut') return allowDns(view, namespace, key)
      const [strict, outside] = [options['mode'] === 'strict', options['outside'] as Outside]
      const here = [
        ...new Set((endsByNamespace(view).get(namespace) ?? []).filter((end) => !end.hostNetwork).map(({ workload }) => workload)),
      ]
      const tokens = here.filter((workload) => callsApiServer(workload, view))
      const cilium = onCilium(view) && !isGoogles(view)
      const api = apiServerRule(view)
      if (tokens.length > 0 && api.peers.length === 0 && outside !== 'everything' && !cilium) return { refused: noApiServer(view) }
      const dns = clusterDns(view)
      const dnsRule = dnsRuleOf(view)
      const edges = edgesOf(view, 'from', namespace)
      const set = policySet({
        view,
        namespace,
        direction: 'egress',
        grants: [
          ...edges.flatMap((edge) => grantsOf(view, edge, namespace, strict, outside)),
          ...(cilium || api.peers.length === 0
            ? []
            : tokens.map((workload): Grant => ({ to: workload, name: 'allow-api-server', rule: { ...api, because: [TOKEN] } }))),
          ...here.filter(asksElsewhere).map((workload): Grant => ({ to: workload, name: 'allow-other-dns', rule: OTHER_DNS })),
          ...(outside === 'nothing' ? [] : here.flatMap((workload) => metadataGrant(view, workload))),
          ...(outside === 'everything'
            ? []
            : here.filter(asksPodIdentity).map((workload): Grant => ({ to: workload, name: 'allow-pod-identity', rule: IDENTITY }))),
        ],
        commons: commonsOf(view, edges, namespace, strict, outside, dnsRule),
        deny: { name: 'default-deny-egress', because: 'net-default-deny-egress: pods that no policy selects call whatever they like' },
      })
      if ('refused' in set) return set
      const entities = cilium ? ciliumPolicies(namespace, selectorsOf(view, tokens), dns.onNode, hostCalls(view, edges, namespace)) : []
      return {
        changes: [...entities, ...set.policies].map((object): Change => ({ type: 'create', object })),
        risk: 'may-break',
        summary: `deny egress from namespace ${namespace} by default, and allow ${fewOf(allowedWords(strict, outside, tokens.length > 0, set.named.length), 6)}`,
        mayBreak: [
          ...warnings(view, namespace, outside, cilium, tokens.length > 0 && !cilium && api.peers.length > 0, dns),
          ...set.mayBreak,
        ],
      }
    },
  })

/** Of Services of type ExternalName that lead out of the cluster. */
const outsideNames = (view: View<Readable>, namespace: string): readonly string[] =>
  view
    .all('Service')
    .filter(
      (service) => namespaceOf(service) === namespace && service.spec?.type === 'ExternalName' && aliasTarget(view, service) === undefined,
    )
    .map(({ spec }) => spec?.externalName ?? '')
    .sort()

function noApiServer(view: View<Readable>): string {
  const unread = view.unread('EndpointSlice')
  return unread === undefined
    ? 'pods mount a token, and the addresses of the API server are not known: no EndpointSlice of Service default/kubernetes is there; choose outside=everything, or add it'
    : `pods mount a token, and the addresses of the API server cannot be told: ${unread.because}; to know: ${unread.answer}; or choose outside=everything`
}

const allowedWords = (strict: boolean, outside: Outside, usesApi: boolean, named: number): readonly string[] => [
  'DNS',
  ...(strict ? [] : ['traffic inside it']),
  ...(usesApi ? ['the API server'] : []),
  ...(outside === 'everything' ? ['everything outside of the cluster but the metadata service'] : []),
  ...(named > 0 ? [`what ${named} ${named === 1 ? 'set of pods is' : 'sets of pods are'} seen to call`] : []),
]

function warnings(
  view: View<Readable>,
  namespace: string,
  outside: Outside,
  cilium: boolean,
  writesApi: boolean,
  dns: ClusterDns,
): string[] {
  return [
    'calls into other namespaces that nothing here names are cut: host names that are compiled in, built at run time or kept in Secrets, and what Helm hooks and Jobs that are not there now call',
    ...(outside === 'everything'
      ? []
      : [
          'addresses outside of the cluster are cut, but for those that are shown: time servers, log sinks, clouds, a load balancer of its own',
        ]),
    ...(outside === 'everything' && podRanges(view).length === 0
      ? ['the pods of this cluster have no range of addresses that is known, so pods elsewhere stay in reach as addresses from outside']
      : []),
    ...(outside !== 'everything' && outsideNames(view, namespace).length > 0
      ? [`policies know addresses and no names: ${fewOf(outsideNames(view, namespace))} can be resolved and not called`]
      : []),
    ...(writesApi ? ['the addresses of the API server are written down: where a provider changes them, change the policy'] : []),
    ...(dns.peers.length === 0 ? [`${dns.because}; name servers on another port are cut`] : []),
    ...(cilium
      ? ['on Cilium the API server is allowed as an entity, by a CiliumNetworkPolicy with enableDefaultDeny, which Cilium knows from 1.16']
      : []),
    ...(isOfFiles(view.unread('EndpointSlice') ?? { what: 'EndpointSlice', why: 'partial', because: '', answer: '' })
      ? ['files do not say where the API server is, or where Services without a selector lead']
      : []),
    ...(view.all('NetworkPolicy').some((policy) => policy.metadata.namespace === namespace)
      ? ['policies that are there already stay, and are added to']
      : []),
  ]
}
