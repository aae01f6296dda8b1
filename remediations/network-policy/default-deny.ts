/** Closes a namespace for ingress, after opening what its objects show to be needed. */

import { remedy } from '../../src/model/define.ts'
import type { Change, NetworkPolicyObject, Proposal, Readable, Remedy, View } from '../../src/model/index.ts'
import { NEED_KINDS, type Need, needsOf } from '../../src/objects/network-needs.ts'

export const EVIDENCE = 'k8s-harden/evidence'

export const defaultDenyIngress = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'network-policy',
    reads: [...NEED_KINDS, 'NetworkPolicy'],
    options: {
      mode: {
        describe: 'Who may reach pods besides those that Services, routes, webhooks and scrape annotations name',
        default: 'fence',
        choices: [
          { value: 'fence', label: 'pods of the same namespace', risk: 'may-break' },
          { value: 'strict', label: 'nobody', risk: 'may-break' },
        ],
      },
    },
    propose({ subject: { name: namespace } }, { view, options }): Proposal {
      const unread = [...NEED_KINDS, 'NetworkPolicy' as const].map((kind) => view.unread(kind)).find((one) => one !== undefined)
      if (unread !== undefined) return { refused: `what must stay reachable cannot be told: ${unread.because}; to know: ${unread.answer}` }
      const strict = options['mode'] === 'strict'
      const needs = needsOf(view, namespace)
      const taken = new Set(
        view
          .all('NetworkPolicy')
          .filter((policy) => (policy.metadata.namespace ?? 'default') === namespace)
          .map((policy) => policy.metadata.name),
      )
      // A policy isolates what it selects from the moment it is there: those that grant most come first, each with all its pods need.
      const together = Map.groupBy(needs, (need) => JSON.stringify(need.pods)).values()
      const allows = [...together.map((same) => allow(namespace, same, strict, taken)), ...(strict ? [] : [fence(namespace, taken)])]
      const changes = [...allows, deny(namespace, taken)].map((object): Change => ({ type: 'create', object }))
      return {
        changes,
        risk: 'may-break',
        summary: `deny ingress to namespace ${namespace} by default, and allow ${allowedText(strict, needs)}`,
        mayBreak: warnings(view, namespace, strict),
      }
    },
  })

function allowedText(strict: boolean, needs: readonly Need[]): string {
  const words = [
    ...(strict ? [] : ['traffic inside it']),
    ...needs.map((need) => `${need.name.replace(/^allow-(to-)?/, '')} (${need.because[0]})`),
  ]
  if (words.length === 0) return 'nothing'
  return words.length > 6 ? `${words.slice(0, 6).join(', ')} and ${words.length - 6} more` : words.join(', ')
}

function warnings(view: View<Readable>, namespace: string, strict: boolean): string[] {
  return [
    'traffic from other namespaces that nothing here names is cut: host names that are compiled in or built at run time, operators that call what they run, aggregated APIs, conversion webhooks',
    ...(strict ? ['pods of the namespace no longer reach each other'] : []),
    ...(view.all('NetworkPolicy').some((policy) => policy.metadata.namespace === namespace)
      ? ['policies that are there already stay, and are added to']
      : []),
  ]
}

type PolicySpec = NonNullable<NetworkPolicyObject['spec']>

function policy(namespace: string, name: string, taken: Set<string>, evidence: string, spec: PolicySpec): NetworkPolicyObject {
  let free = name.slice(0, 240)
  for (let n = 2; taken.has(free); n++) free = `${name.slice(0, 240)}-${n}`
  taken.add(free)
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: free, namespace, labels: { 'app.kubernetes.io/managed-by': 'k8s-harden' }, annotations: { [EVIDENCE]: evidence } },
    spec,
  }
}

const deny = (namespace: string, taken: Set<string>): NetworkPolicyObject =>
  policy(namespace, 'default-deny-ingress', taken, 'net-default-deny-ingress: pods that no policy selects take traffic from everywhere', {
    podSelector: {},
    policyTypes: ['Ingress'],
  })

const INSIDE = { from: [{ podSelector: {} }] }
const FENCE_EVIDENCE = 'pods of one namespace are taken to belong together'

const fence = (namespace: string, taken: Set<string>): NetworkPolicyObject =>
  policy(namespace, 'allow-same-namespace', taken, FENCE_EVIDENCE, { podSelector: {}, policyTypes: ['Ingress'], ingress: [INSIDE] })

/** All that one set of pods needs, in one policy. */
function allow(namespace: string, needs: readonly Need[], strict: boolean, taken: Set<string>): NetworkPolicyObject {
  const rules = needs.map((need) => ({ ...(need.from && { from: need.from }), ports: need.ports }))
  const evidence = [...needs.flatMap((need) => need.because), ...(strict ? [] : [FENCE_EVIDENCE])]
  return policy(namespace, needs[0]!.name, taken, [...new Set(evidence)].join('; '), {
    podSelector: needs[0]!.pods,
    policyTypes: ['Ingress'],
    ingress: [...rules, ...(strict ? [] : [INSIDE])],
  })
}
