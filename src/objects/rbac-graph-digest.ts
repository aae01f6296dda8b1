/** When the escalation graph has to be made again: texts that are equal as long as nothing changes that its ways depend on. */
import { remembered, rememberedWith } from './derived.ts'
import type { GraphWorld, Running } from './rbac-graph-facts.ts'

type Facts = Omit<GraphWorld, 'digest' | 'groups' | 'running' | 'hasSecret'>

/** One text out of everything that paths can depend on, but for names and for what runs. */
export const worldDigest = ({ accounts, open, legacy, templates, controlPlane, nodes, webhooks, definitions, ...rest }: Facts): string =>
  [
    accounts === undefined ? '' : sorted(accounts),
    [...open]
      .map(([name, isOpen]) => `${name}=${isOpen}`)
      .sort()
      .join(' '),
    legacyText(legacy),
    sorted(templates),
    sorted(controlPlane),
    sorted(nodes),
    webhooks === undefined ? '' : sorted(webhooks),
    sorted(definitions),
    JSON.stringify([rest.awsAuth, rest.execByGet, rest.constrained, accounts === undefined, webhooks === undefined]),
    rest.operators
      .map((one) => JSON.stringify(one))
      .sort()
      .join(' '),
  ].join('\n')

/** Sets and the keys of maps; names of Kubernetes hold no blanks. */
const sorted = remembered((items: ReadonlySet<string> | ReadonlyMap<string, unknown>): string => [...items.keys()].sort().join(' '))
const legacyText = remembered((legacy: GraphWorld['legacy']): string =>
  [...legacy]
    .flatMap(([namespace, secrets]) => [...secrets].map(([name, account]) => `${namespace}/${name}=${account}`))
    .sort()
    .join(' '),
)

/**
 * Of what runs, what ways can depend on, but for names: a pod that takes another's place changes nothing, nor does one whose account
 * leads nowhere and which does not have its node. `leads`: does the token of this account (all of a namespace: no name) lead anywhere?
 */
export function runningDigest({ groups }: GraphWorld, leads: Leads): string {
  return [...new Set(groups.map((group) => groupDigest(group, leads)))].sort().join('\n')
}
export type Leads = (namespace: string, account: string) => boolean
const groupDigest = rememberedWith((group: readonly Running[], leads: Leads): string =>
  distinct(
    group.map(({ namespace, node = '', account, token, onNode, mirror, waits }) => {
      const counts = token && leads(namespace, account)
      return counts || onNode
        ? `${namespace}@${node}${counts ? `=${account}` : ''}${onNode ? '!' : ''}${mirror ? '~' : ''}${waits ? '?' : ''}`
        : ''
    }),
  ),
)

/** On which nodes the pods of a namespace are, where a privileged container is not refused: it matters only where pods can be debugged. */
export function placementDigest({ groups, open }: GraphWorld): string {
  const isRefused = ({ namespace }: Running) => open.get(namespace) === false
  return distinct(groups.map((group) => (group[0] === undefined || isRefused(group[0]) ? '' : nodesText(group))))
}
const nodesText = remembered((group: readonly Running[]): string =>
  distinct(group.map(({ namespace, node = '', mirror }) => (mirror ? '' : `${namespace}@${node}`))),
)
const distinct = (texts: readonly string[]): string =>
  [...new Set(texts.flatMap((text) => (text === '' ? [] : text.split(' '))))].sort().join(' ')

/** The names that `digest` leaves out, for when a rule names pods or workloads. */
export const namesDigest = ({ running, templates }: GraphWorld): string =>
  JSON.stringify([
    running.map(({ namespace, name }) => `${namespace}/${name}`).sort(),
    [...templates].map(([key, names]) => `${key}=${[...names].sort().join()}`).sort(),
  ])
