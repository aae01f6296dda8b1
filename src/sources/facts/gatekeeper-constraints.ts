import { Discovery, pathOf, type ServedResource } from '../../apiserver/discovery.ts'
import type { Facts } from '../../model/index.ts'
import { CONFIG_GROUP, CONSTRAINT_GROUP, joinGatekeepers, reduceGatekeepers } from '../../objects/gatekeeper-constraint.ts'
import { type Asking, type Fact, type FactAnswer, refusedPath } from './fact.ts'

/** The library has about fifty kinds. */
const MOST_KINDS = 200
const MOST_OBJECTS = 5_000

type Part = Facts['GatekeeperConstraints']
type Answer = FactAnswer<'GatekeeperConstraints'>
const unread = (why: 'forbidden' | 'unreachable' | 'partial', because: string, answer: string): Answer => ({
  unread: { why, because, answer },
})

/** Every kind that discovery lists in the groups of Gatekeeper, listed. One that is refused makes all of it unread: it may be the one that counts. */
export const gatekeeperConstraints: Fact<'GatekeeperConstraints'> = async (asking) => {
  const found = await asking.discovery()
  if (!(found instanceof Discovery)) return refusedPath('/apis', found)
  const groups = [CONSTRAINT_GROUP, CONFIG_GROUP]
  const silent = groups.find((group) => found.isSilent(group))
  if (silent !== undefined) return unread('unreachable', `the server of API group ${silent} does not answer`, 'kubectl get apiservices')
  // A kind is served in several versions, which hold the same objects.
  const kinds = new Map<string, ServedResource>()
  for (const one of found.resources)
    if (groups.includes(one.group) && one.verbs.includes('list') && !kinds.has(`${one.plural}.${one.group}`))
      kinds.set(`${one.plural}.${one.group}`, one)
  if (kinds.size > MOST_KINDS)
    return unread('partial', `Gatekeeper has more than ${MOST_KINDS} kinds of constraints`, 'kubectl get constraints')
  const parts: Part[] = []
  const refused = (await Promise.all([...kinds.values()].map((one) => listInto(parts, one, asking)))).find((answer) => answer !== undefined)
  if (refused !== undefined) return refused
  return { value: joinGatekeepers(parts) }
}

async function listInto(parts: Part[], resource: ServedResource, { client, signal }: Asking): Promise<Answer | undefined> {
  const leave = await client.lists.enter(signal, 1)
  try {
    const pages = client.pages(pathOf(resource), { signal, limitMs: 15_000 })
    for (;;) {
      const step = await pages.next()
      if (!step.done) {
        // Items of a list may come without their own.
        const { apiVersion, kind } = { apiVersion: `${resource.group}/${resource.version}`, kind: resource.kind }
        for (const item of step.value.items) parts.push(reduceGatekeepers({ apiVersion, kind, ...(item as object) }))
        if (parts.length > MOST_OBJECTS)
          return unread('partial', `there are more than ${MOST_OBJECTS} Gatekeeper constraints`, 'kubectl get constraints')
      } else if (step.value.ok) return undefined
      else {
        const { kind, message } = step.value.refusal
        if (kind === 'forbidden')
          return unread(
            'forbidden',
            `the API server refused to list ${resource.plural}.${resource.group} (403)`,
            `allow list on all resources in API group ${resource.group}`,
          )
        return unread('unreachable', `${resource.plural}.${resource.group} could not be read: ${message}`, 'scan again')
      }
    }
  } finally {
    leave()
  }
}
