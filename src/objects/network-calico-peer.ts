/** `source` and `destination` of Calico's rules. https://docs.tigera.io/calico/latest/reference/resources/networkpolicy#entityrule */
import type { SpecObject } from '../model/index.ts'
import { parseCalicoSelector } from './network-calico-selector.ts'
import type { PodEnd } from './network-ends.ts'
import type { NamespaceFacts } from './network-isolation-policy.ts'
import { namespaceNamed } from './network-policy-rules.ts'
import type { Matcher, PeerMatch } from './network-rules.ts'
import { list, type Mapping, mapping, texts } from './spec-fields.ts'

type Labels = Readonly<Record<string, string>>

/** Sets of addresses that selectors find by their labels; `unread` says why there may be others. */
export interface NetworkSets {
  readonly sets: readonly SpecObject[]
  readonly unread: boolean
}
/** All peers of one entity, and those of it that it may mean or not. */
export interface CalicoPeers {
  readonly peers: readonly PeerMatch[]
  readonly vague?: string
  readonly perhaps?: { readonly peers: readonly PeerMatch[]; readonly why: string }
}

/** What Calico puts on every pod besides its own labels. */
export const podLabels = ({ labels, namespace, pod, workload }: PodEnd): Labels => ({
  ...labels,
  'projectcalico.org/namespace': namespace.name,
  'projectcalico.org/orchestrator': 'k8s',
  'projectcalico.org/serviceaccount': pod?.spec?.serviceAccountName ?? workload.serviceAccount,
})
const namespaceLabelsOf = ({ name, labels }: NamespaceFacts): Labels => ({ 'projectcalico.org/name': name, ...labels })

/** Undefined where it is not understood. */
export function namespacesOf(text: string): Matcher<NamespaceFacts> | undefined {
  const matches = parseCalicoSelector(text)
  return matches && { key: `calico ${text.trim()}`, matches: (namespace) => matches(namespaceLabelsOf(namespace)) }
}

/** Of `a && b && c`, each; a selector that is joined otherwise is one. */
function terms(text: string): readonly string[] {
  const found: string[] = []
  let [depth, quote, from] = [0, '', 0]
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!
    if (quote !== '') quote = sign === quote ? '' : quote
    else if (sign === '"' || sign === "'") quote = sign
    else if (sign === '(' || sign === '{') depth++
    else if (sign === ')' || sign === '}') depth--
    else if (depth === 0 && text.startsWith('||', at)) return [text]
    else if (depth === 0 && text.startsWith('&&', at)) {
      found.push(text.slice(from, at))
      from = at + 2
    }
  }
  return [...found, text.slice(from)]
}
const ABOUT_NAMESPACE = /projectcalico\.org\/namespace\b/
/** What is left of a term about the namespace alone. */
const NOT_A_LABEL = /"[^"]*"|'[^']*'|projectcalico\.org\/namespace\b|\b(has|in|not|contains|starts\s+with|ends\s+with)\b/g
const ABOUT_OTHER = /\bpcns\.|\bpcsa\.|projectcalico\.org\/(serviceaccount|orchestrator)\b/

/** Pods by labels and by the label of their namespace; undefined where both stand in one term, or it is not understood. */
function podsBySelector(text: string): { namespaces: ((name: string) => boolean)[]; pods: (labels: Labels) => boolean } | undefined {
  const [inNamespace, ofPod] = [
    terms(text).filter((one) => ABOUT_NAMESPACE.test(one)),
    terms(text).filter((one) => !ABOUT_NAMESPACE.test(one)),
  ]
  if (ABOUT_OTHER.test(text) || inNamespace.some((one) => /[a-z]/i.test(one.replaceAll(NOT_A_LABEL, '')))) return undefined
  const [pods, ...namespaces] = [ofPod.join('&&'), ...inNamespace].map(parseCalicoSelector)
  if (pods === undefined || namespaces.includes(undefined)) return undefined
  return { pods, namespaces: namespaces.map((matches) => (name) => matches!({ 'projectcalico.org/namespace': name })) }
}

const ANYWHERE: Matcher<NamespaceFacts> = { key: '{}', matches: () => true }
const NODES: PeerMatch = { is: 'nodes', nodes: { key: '{}', matches: () => true } }
const text = (value: unknown): string => (typeof value === 'string' ? value.trim() : '')
const hasPods = (entity: Mapping): boolean => [entity['selector'], entity['namespaceSelector']].some((one) => text(one) !== '')
const unsure = (why: string): CalicoPeers => ({ peers: [{ is: 'vague', why }] })

/** `namespace`: of a namespaced policy, whose selectors stay inside it unless they say where. */
export function calicoPeers(entity: Mapping, namespace: string | undefined, networks: NetworkSets): CalicoPeers {
  const [nets, notNets] = [texts(entity['nets']), texts(entity['notNets'])]
  const accounts = mapping(entity['serviceAccounts'])
  if (list(entity['domains']).length > 0) return { peers: [{ is: 'world' }], vague: 'host names' }
  if (Object.keys(mapping(entity['services'])).length > 0) return unsure('a Service')
  const narrows =
    Object.keys(accounts).length > 0 ? 'service accounts' : nets.length > 0 && hasPods(entity) ? 'labels and addresses at once' : undefined
  if (hasPods(entity) || (narrows !== undefined && nets.length === 0)) {
    const found = byLabels(entity, namespace, networks)
    const vague = narrows ?? (notNets.length > 0 || text(entity['notSelector']) !== '' ? 'some of them are taken out' : undefined)
    return { ...found, ...(vague !== undefined && { vague }) }
  }
  if (nets.length + notNets.length > 0) {
    const ranges = nets.length > 0 ? nets : ['0.0.0.0/0', '::/0']
    const peers = ranges.map((net): PeerMatch => ({ is: 'addresses', cidr: withLength(net), except: notNets.map(withLength), pods: 'yes' }))
    return { peers, ...(text(entity['notSelector']) !== '' && { vague: 'some of them are taken out' }) }
  }
  return text(entity['notSelector']) === '' ? { peers: [{ is: 'everything' }] } : allBut(text(entity['notSelector']))
}
const withLength = (net: string): string => (net.includes('/') ? net : `${net}/${net.includes(':') ? 128 : 32}`)

function allBut(selector: string): CalicoPeers {
  const found = podsBySelector(selector)
  if (found === undefined || found.namespaces.length > 0) return unsure('a selector that is not understood')
  const pods: PeerMatch = {
    is: 'pods',
    namespaces: ANYWHERE,
    pods: { key: `calico not ${selector}`, matches: (labels) => !found.pods(labels) },
  }
  return { peers: [pods, NODES, { is: 'world' }] }
}

/** Pods, and the addresses of sets with such labels. */
function byLabels(entity: Mapping, namespace: string | undefined, networks: NetworkSets): CalicoPeers {
  const [selector, where] = [text(entity['selector']), text(entity['namespaceSelector'])]
  if (/^global\(\)$/.test(where))
    return { peers: setsBy(selector, networks, (set) => set.metadata.namespace === undefined), ...others(networks) }
  const found = podsBySelector(selector)
  const namespaces = where !== '' ? namespacesOf(where) : namespace !== undefined ? namespaceNamed(namespace) : ANYWHERE
  if (found === undefined || namespaces === undefined) return unsure('a selector that is not understood')
  const pods: PeerMatch = {
    is: 'pods',
    namespaces:
      found.namespaces.length === 0
        ? namespaces
        : {
            key: `${namespaces.key} ${selector}`,
            matches: (one) => namespaces.matches(one) && found.namespaces.every((is) => is(one.name)),
          },
    pods: { key: `calico ${selector}`, matches: found.pods },
  }
  // A set of a namespace is found where pods of it are; labels of namespaces that hold sets alone are not looked at.
  const inReach = ({ metadata }: SpecObject) =>
    metadata.namespace === undefined
      ? where === '' && namespace === undefined
      : where !== '' || namespace === undefined || metadata.namespace === namespace
  const sets = selector === '' ? [] : setsBy(selector, networks, inReach)
  return { peers: [pods, ...sets], ...(selector !== '' && others(networks)) }
}

const others = ({ unread }: NetworkSets): Pick<CalicoPeers, 'perhaps'> =>
  unread ? { perhaps: { peers: [{ is: 'world' }], why: 'sets of addresses could not be read' } } : {}

function setsBy(selector: string, { sets }: NetworkSets, inReach: (set: SpecObject) => boolean): PeerMatch[] {
  const matches = parseCalicoSelector(selector)
  return sets
    .filter(
      (set) =>
        inReach(set) &&
        matches?.({
          ...set.metadata.labels,
          ...(set.metadata.namespace !== undefined && { 'projectcalico.org/namespace': set.metadata.namespace }),
        }) === true,
    )
    .flatMap(({ spec = {} }) =>
      texts(spec['nets']).map((net): PeerMatch => ({ is: 'addresses', cidr: withLength(net), except: [], pods: 'yes' })),
    )
}

/** Does an entity on the policy's own side mean this pod? `vague` where that depends on more than its labels. */
export function calicoLocal(entity: Mapping): { readonly selects?: (pod: PodEnd) => boolean; readonly vague?: string } {
  const [pods, not, namespaces] = [
    parseCalicoSelector(text(entity['selector'])),
    text(entity['notSelector']) === '' ? () => false : parseCalicoSelector(text(entity['notSelector'])),
    namespacesOf(text(entity['namespaceSelector'])),
  ]
  const more = ['nets', 'notNets', 'serviceAccounts', 'services', 'domains'].filter(
    (field) => entity[field] !== undefined && entity[field] !== null,
  )
  const odd =
    more[0] ?? (pods === undefined || not === undefined || namespaces === undefined ? 'a selector that is not understood' : undefined)
  const isNarrow = [entity['selector'], entity['notSelector'], entity['namespaceSelector']].some((one) => text(one) !== '')
  return {
    ...(isNarrow &&
      pods !== undefined &&
      not !== undefined &&
      namespaces !== undefined && { selects: (pod) => pods(podLabels(pod)) && !not(podLabels(pod)) && namespaces.matches(pod.namespace) }),
    ...(odd !== undefined && { vague: `its own side is narrowed by ${odd}` }),
  }
}
