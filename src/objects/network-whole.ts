/** What is read in all namespaces where the operator narrowed the scan to some. */
import type { Kind, Readable } from '../model/index.ts'
import { CNI_KINDS } from './network-cni.ts'
import { NEED_KINDS } from './network-needs.ts'
import { OUTSIDE_KINDS } from './network-outside.ts'
import { REACH_KINDS } from './network-reach.ts'
import { isKind, served } from './served.ts'

/**
 * Who needs a namespace's pods stands in other namespaces: clients, controllers, Services, the endpoints of the API server. So wherever
 * policies are judged or made, these kinds are read in all namespaces, as far as that is allowed.
 */
export const readWhole = (wanted: ReadonlySet<Readable>): ReadonlySet<Kind> =>
  wanted.has('NetworkPolicy') ? new Set(WHOLE.filter((kind) => wanted.has(kind))) : new Set()
const WHOLE: readonly Kind[] = [...new Set<Readable>([...NEED_KINDS, ...REACH_KINDS, ...OUTSIDE_KINDS, ...CNI_KINDS])].filter(
  (what): what is Kind & Readable => isKind(what) && (what === 'Namespace' || served(what).namespaced),
)
