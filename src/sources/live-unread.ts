/** Why a kind or a fact could not be read, in the operator's words. Never `absent`: not seen is not there only when the server said so. */

import type { Refusal } from '../apiserver/refusal.ts'
import type { Kind, Unread } from '../model/index.ts'
import { served } from '../objects/served.ts'

const inGroup = (group: string): string => (group === '' ? '' : ` in API group ${group}`)

/** `namespaces`: what the operator narrowed the scan to; `namespace`: the one that was refused. */
export function unreadKind(
  kind: Kind,
  refusal: Refusal,
  { namespaces, namespace }: { readonly namespaces?: readonly string[]; readonly namespace?: string } = {},
): Unread {
  const { plural, group, namespaced } = served(kind)
  const within = namespace === undefined ? '' : ` in namespace ${namespace}`
  switch (refusal.kind) {
    case 'forbidden': {
      const narrower = namespaced && namespaces === undefined ? ', or narrow the scan to namespaces you may read with -n NAMESPACE' : ''
      return {
        what: kind,
        why: 'forbidden',
        because: `the API server refused to list ${plural}${within} (403)`,
        answer: `allow list and watch on ${plural}${inGroup(group)}${within}${narrower}`,
      }
    }
    case 'not-found':
      return notServed(kind)
    case 'unauthorized':
      return { what: kind, why: 'unreachable', because: refusal.message, answer: 'renew the credentials of the kubeconfig' }
    default:
      return {
        what: kind,
        why: 'unreachable',
        because: `${plural}${within} could not be read: ${refusal.message}`,
        answer: 'check the connection to the API server and scan again',
      }
  }
}

export function notServed(kind: Kind): Unread {
  const { plural, group, version } = served(kind)
  return {
    what: kind,
    why: 'not-served',
    because: `the API server does not serve ${plural} (${group === '' ? version : `${group}/${version}`})`,
    answer: `look at kubectl api-resources${group === '' ? '' : ` --api-group=${group}`}`,
  }
}

/** Files of control planes and nodes: no API hands them out. */
export const onlyInFiles = (kind: Kind): Unread => ({
  what: kind,
  why: 'not-served',
  because: `${kind} is a file on a node, which the API server does not hand out`,
  answer: 'scan the files with --manifests PATH',
})
