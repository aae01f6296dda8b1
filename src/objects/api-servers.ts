/** How many API servers there are, and what one of them proves of the others. */
import type { PodObject, Remark, View } from '../model/index.ts'
import { distribution } from './distribution.ts'
import { fewOf } from './few-of.ts'
import { commandLineOf, staticPods } from './flag-parse.ts'
import { isNarrowed } from './narrowed.ts'

export type ApiServersView = View<'ApiServers' | 'Pod' | 'Node' | 'ConfigMap' | 'ServerVersion'>

/** What is not known, and what would tell. */
interface Unseen {
  readonly unknown: string
  readonly answer: string
}

/**
 * Undefined where what `seen` API servers show holds for all. One that answers behaves as its own flags and files say; another may have
 * others. A provider gives all of its own the same. `areAll`: they were looked for where each of them shows.
 */
export function othersUnseen(view: ApiServersView, seen: number, areAll = arePodsRead(view)): Unseen | undefined {
  const { managed, certain } = distribution(view)
  if (view.source.kind !== 'live' || (managed && certain)) return undefined
  const pods = apiServerPods(view)
  const { leases, addresses } = view.fact('ApiServers') ?? { leases: [], addresses: [] }
  const count = Math.max(pods.length, leases.length, addresses.length)
  const each = scanEach(pods, leases)
  if (count > seen)
    return {
      unknown: `${seen === 1 ? 'only one' : `only ${seen}`} of ${count} API servers ${seen === 1 ? 'was' : 'were'} seen, and another may be set up otherwise (${told(pods, leases, addresses)})`,
      answer: answers(view.unread('Pod')?.answer, each),
    }
  if (leases.length > 0 || areAll) return undefined
  const unread = view.unread('ApiServers')
  return {
    unknown: `how many API servers there are is not known (${unread?.because ?? 'none renews a Lease in kube-system'}), and another may be set up otherwise`,
    answer: answers(unread?.answer, view.unread('Pod')?.answer, each),
  }
}

/** What the one that answered shows, where that holds for all; else what is not known of the others. */
export function shownByOne(view: ApiServersView, note: string): Remark {
  const unseen = othersUnseen(view, 1)
  return unseen === undefined ? { note } : { ...unseen, unknown: `${note}; ${unseen.unknown}` }
}

const answers = (...those: readonly (string | undefined)[]): string => those.filter((one) => one !== undefined).join('; or ')

/** The mirror pods, whether their flags can be read or not. */
const apiServerPods = (view: ApiServersView): readonly PodObject[] =>
  staticPods(view).filter((pod) =>
    (pod.spec?.containers ?? []).some((container) => commandLineOf(container, 'kube-apiserver') !== undefined),
  )

const arePodsRead = (view: ApiServersView): boolean =>
  apiServerPods(view).length > 0 &&
  view.unread('Pod') === undefined &&
  !(isNarrowed(view, 'Pod') && !view.source.namespaces!.includes('kube-system'))

function told(pods: readonly PodObject[], leases: readonly string[], addresses: readonly string[]): string {
  if (leases.length >= Math.max(pods.length, addresses.length)) return `Leases in kube-system of ${fewOf(leases)}`
  if (pods.length >= addresses.length) return `pods ${fewOf(pods.map(({ metadata }) => metadata.name))}`
  return `endpoints of default/kubernetes: ${fewOf(addresses)}`
}

function scanEach(pods: readonly PodObject[], leases: readonly string[]): string {
  const nodes = pods.length > 0 ? pods.flatMap(({ spec }) => spec?.nodeName ?? []) : leases
  const hosts = nodes.length === 0 ? '--host NODE=ssh:root@ADDRESS' : nodes.map((node) => `--host ${node}=ssh:root@ADDRESS`).join(' ')
  return `look at the files of each with ${hosts}, or at copies of them with --manifests`
}
