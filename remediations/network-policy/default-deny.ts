/** Closes a namespace for ingress, after opening what its objects show to be needed. */

import { remedy } from '../../src/model/define.ts'
import type { Change, Proposal, Readable, Remedy, View } from '../../src/model/index.ts'
import { fewOf } from '../../src/objects/few-of.ts'
import { networkAgentAmong } from '../../src/objects/network-cni.ts'
import type { Edge, Side } from '../../src/objects/network-edges.ts'
import { whyLeftAlone } from '../../src/objects/network-first-campaign.ts'
import { ownRouters } from '../../src/objects/network-ingress-controllers.ts'
import { edgesOf, isOfFiles, NEED_READS, type NeedView, unreadNeeds } from '../../src/objects/network-needs.ts'
import { operands, ownedByCustomKinds } from '../../src/objects/network-operators.ts'
import { callers } from '../../src/objects/network-peers.ts'
import { REACH_KINDS } from '../../src/objects/network-reach.ts'
import { refText } from '../../src/objects/ref.ts'
import { isAmbient, MESH_PROBES } from './mesh.ts'
import type { PolicyDraft, Rule } from './policy-rules.ts'
import { type Common, type Grant, policySet } from './policy-set.ts'

export { EVIDENCE } from './policy-rules.ts'

export const defaultDenyIngress = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'network-policy',
    reads: [...new Set([...NEED_READS, ...REACH_KINDS])],
    options: {
      mode: {
        describe: 'Who may reach pods besides those that Services, routes, webhooks and scrape annotations name',
        default: 'fence',
        choices: [
          { value: 'fence', label: 'pods of the same namespace', risk: 'may-break' },
          { value: 'strict', label: 'only who is seen to need it, pod by pod', risk: 'may-break' },
        ],
      },
    },
    propose({ subject: { name: namespace }, evidence }, { view, options }): Proposal {
      const refusal = narrowFirst(evidence, 'net-policy-too-open shows how') ?? refusedFor(view, namespace)
      if (refusal !== undefined) return refusal
      const strict = options['mode'] === 'strict'
      const set = policySet({
        view,
        namespace,
        direction: 'ingress',
        grants: edgesOf(view, 'to', namespace).flatMap((edge) => grantsOf(view, edge, namespace, strict)),
        commons: commonsOf(view, namespace, strict),
        deny: {
          name: 'default-deny-ingress',
          because: 'net-default-deny-ingress: pods that no policy selects take traffic from everywhere',
        },
      })
      if ('refused' in set) return set
      return {
        changes: set.policies.map((object): Change => ({ type: 'create', object })),
        risk: 'may-break',
        summary: `deny ingress to namespace ${namespace} by default, and allow ${allowedText(strict, set.named)}`,
        mayBreak: [...warnings(view, namespace, strict), ...set.mayBreak],
      }
    },
  })

const commonsOf = (view: NeedView, namespace: string, strict: boolean): readonly Common[] => [
  ...(strict ? [] : [{ name: 'allow-same-namespace', rules: [INSIDE, ...(isAmbient(view, namespace) ? [MESH_PROBES] : [])] }]),
  ...(strict && isAmbient(view, namespace) ? [{ name: 'allow-mesh-probes', rules: [MESH_PROBES] }] : []),
]

/** Another policy takes nothing away from one that lets everybody through. */
export const narrowFirst = (evidence: unknown, how: string): Proposal | undefined => {
  const openedBy = (evidence as { readonly openedBy?: readonly string[] } | undefined)?.openedBy
  return openedBy === undefined
    ? undefined
    : { byHand: `no policy takes away what another allows: narrow ${fewOf(openedBy)} to those that need it (${how}), or delete it` }
}

/** Why nothing is proposed: what is needed cannot be told, or all others stand on this namespace. */
export function refusedFor(view: View<Readable>, namespace: string): Proposal | undefined {
  const unread = [...unreadNeeds(view), view.unread('NetworkPolicy')].find((one) => one !== undefined && !isOfFiles(one))
  if (unread !== undefined) return { refused: `what must stay reachable cannot be told: ${unread.because}; to know: ${unread.answer}` }
  const why = whyLeftAlone(view, namespace)
  return why === undefined
    ? undefined
    : {
        byHand: `namespace ${namespace} ${why}: all others stand on it, so write its policies by hand, after those of the others have run for a while`,
      }
}

export const INSIDE: Rule = { peers: [{ podSelector: {} }], because: ['pods of one namespace are taken to belong together'] }

function grantsOf(view: NeedView, edge: Edge, namespace: string, strict: boolean): readonly Grant[] {
  if (!strict && isInside(edge.from, namespace)) return []
  const peers = callers(view, edge.from, namespace, strict)
  const rule: Rule = { ...(peers && { peers }), ...(edge.ports && { ports: edge.ports }), because: [edge.because] }
  const name = `allow-to-${edge.name}`
  const { to } = edge
  if (to.is === 'selector') return to.namespace === namespace ? [{ to: to.labels, name, rule }] : []
  if (to.is !== 'workloads') return []
  return to.workloads.filter((workload) => workload.namespace === namespace).map((workload) => ({ to: workload, name, rule }))
}

/** The fence lets them in. */
export const isInside = (side: Side, namespace: string): boolean =>
  (side.is === 'workloads' && side.workloads.every((one) => one.namespace === namespace && one.spec.hostNetwork !== true)) ||
  (side.is === 'namespace' && side.name === namespace) ||
  (side.is === 'selector' && side.namespace === namespace)

function allowedText(strict: boolean, named: readonly PolicyDraft[]): string {
  const words = [
    ...(strict ? [] : ['traffic inside it']),
    ...named.map(({ name, rules }) => `${name.replace(/^allow-(to-)?/, '')} (${rules[0]!.because[0]})`),
  ]
  return words.length === 0 ? 'nothing' : fewOf(words, 6)
}

function warnings(view: View<Readable>, namespace: string, strict: boolean): string[] {
  const operated = ownedByCustomKinds(view, namespace).filter((workload) => !operands(view).has(workload))
  const routers = ownRouters(view)
  const unseen = unreadNeeds(view).filter(isOfFiles)
  return [
    'traffic from other namespaces that nothing here names is cut: host names that are compiled in, built at run time or kept in Secrets, and conversion webhooks of CustomResourceDefinitions',
    ...(operated.length > 0
      ? [
          `${fewOf(operated.map(({ ref }) => refText(ref)))} belong to an operator: if it runs in another namespace and calls them, add a rule for it`,
        ]
      : []),
    ...(routers.length > 0
      ? [
          `${fewOf(routers)} may route by objects of its own (IngressRoute, HTTPProxy, Mapping), which are not read: what those alone lead to is cut from it`,
        ]
      : []),
    ...(strict ? ['pods of the namespace reach each other only where their configuration or a recorded flow shows it'] : []),
    ...(unseen.length > 0 ? [`the files hold no ${fewOf(unseen.map(({ what }) => what))}: what those would show is not allowed for`] : []),
    ...(onCilium(view)
      ? ['probes of the kubelet pass Cilium by default; where its host firewall is on, allow the entities host and remote-node too']
      : []),
    ...(view.all('NetworkPolicy').some((policy) => policy.metadata.namespace === namespace)
      ? ['policies that are there already stay, and are added to']
      : []),
  ]
}

export const onCilium = (view: View<'DaemonSet'>): boolean =>
  view.all('DaemonSet').some(({ spec }) => networkAgentAmong(spec?.template?.spec?.containers ?? []) === 'Cilium')
