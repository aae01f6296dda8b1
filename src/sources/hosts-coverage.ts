import type { Kind, KubeObject, NodeObject, PodObject, SourceEvent } from '../model/index.ts'
import { fewOf } from '../objects/few-of.ts'
import { mayEmbedApiServer } from '../objects/flag-k3s.ts'
import type { HostLook } from './hosts-look.ts'

/** Which nodes there are, and which of them run an API server: what has to be seen before "none" means none. */
export class Coverage {
  readonly #pods = new Map<string, string>()
  readonly #nodes = new Map<string, string>()
  readonly #windows = new Set<string>()
  /** Nodes whose API server is no pod, by key. */
  readonly #embedded = new Map<string, string>()
  #unread = new Map<'Pod' | 'Node', string>()
  #narrowed = false

  /** True where the event changes the answer. */
  take(event: SourceEvent): boolean {
    switch (event.type) {
      case 'source': {
        const { namespaces, whole = [] } = event.info
        this.#narrowed = namespaces !== undefined && !namespaces.includes('kube-system') && !whole.includes('Pod')
        return true
      }
      case 'unread': {
        const { what, because } = event.unread
        if (what === 'Pod' || what === 'Node') this.#unread.set(what, because)
        return what === 'Pod' || what === 'Node'
      }
      case 'replace': {
        const map = this.#mapOf(event.kind)
        if (map === undefined) return false
        map.clear()
        if (event.kind === 'Node') this.#embedded.clear()
        this.#unread.delete(event.kind as 'Pod' | 'Node')
        for (const [key, object] of event.items) this.#put(map, key, event.kind, object)
        return true
      }
      case 'upsert': {
        const map = this.#mapOf(event.kind)
        if (map === undefined) return false
        const before = [map.get(event.key), this.#embedded.get(event.key)]
        map.delete(event.key)
        if (event.kind === 'Node') this.#embedded.delete(event.key)
        this.#put(map, event.key, event.kind, event.object)
        return map.get(event.key) !== before[0] || this.#embedded.get(event.key) !== before[1]
      }
      case 'remove':
        if (event.kind === 'Node') this.#embedded.delete(event.key)
        return this.#mapOf(event.kind)?.delete(event.key) === true
      default:
        return false
    }
  }

  /** Undefined where the looks saw all of them; else why not. */
  missing(where: 'api-servers' | 'nodes', looks: readonly HostLook[], kind: Kind): string | undefined {
    const what = where === 'nodes' ? ('Node' as const) : ('Pod' as const)
    // Those of pods too: what says that a node has one inside its own program says nothing of others.
    const wanted = where === 'nodes' ? this.#nodes : new Map([...this.#pods, ...this.#embedded])
    const unread = this.#unread.get(what) ?? (this.#embedded.size > 0 ? this.#unread.get('Node') : undefined)
    if (unread !== undefined) return `which nodes there are is not known: ${unread}`
    if (what === 'Pod' && this.#narrowed) return 'which nodes run an API server is not known without the pods of kube-system'
    if (where === 'api-servers' && wanted.size === 0)
      return looks.some(({ apiServer }) => apiServer)
        ? 'the cluster shows no mirror pod of an API server, so there may be others'
        : 'none of these nodes runs an API server as a static pod'
    const byNode = new Map(looks.map((look) => [look.seen.node, look]))
    const reasons = [...new Set(wanted.values())].sort().flatMap((node) => {
      const look = byNode.get(node)
      if (look === undefined) return [this.#windows.has(node) ? `node ${node} runs Windows` : `no --host names node ${node}`]
      if (look.seen.refused !== undefined) return [`node ${node}: ${look.seen.refused}`]
      if (where === 'api-servers' && !look.apiServer) return [`node ${node}: no manifest of its API server was found`]
      return look.unread.filter(({ only = kind }) => only === kind).map(({ because }) => `node ${node}: ${because}`)
    })
    return reasons.length === 0 ? undefined : fewOf(reasons)
  }

  /** The cluster says which nodes it has, and this is none of them. */
  isForeign(node: string): boolean {
    return this.#nodes.size > 0 && !this.#unread.has('Node') && ![...this.#nodes.values()].includes(node)
  }

  /** Of pods only the mirrors of API servers, with their node. */
  #put(map: Map<string, string>, key: string, kind: string, object: KubeObject): void {
    const { name, labels } = object.metadata
    if (kind === 'Node') {
      map.set(key, name)
      if (mayEmbedApiServer(object as NodeObject)) this.#embedded.set(key, name)
      if (labels?.['kubernetes.io/os'] === 'windows') this.#windows.add(name)
    } else if (isApiServer(object as PodObject)) map.set(key, (object as PodObject).spec.nodeName ?? '')
  }

  #mapOf(kind: string): Map<string, string> | undefined {
    return kind === 'Pod' ? this.#pods : kind === 'Node' ? this.#nodes : undefined
  }
}

function isApiServer({ metadata, spec }: PodObject): boolean {
  if (metadata.namespace !== 'kube-system' || metadata.annotations?.['kubernetes.io/config.mirror'] === undefined) return false
  return metadata.labels?.['component'] === 'kube-apiserver' || (spec?.containers ?? []).some(({ name }) => name === 'kube-apiserver')
}
