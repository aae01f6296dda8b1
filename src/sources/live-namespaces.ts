/** Which namespaces there are and which of them hold pods, from the events of a reading: some facts try something out, and choose where by this. */
import type { NamespaceObject, SourceEvent } from '../model/index.ts'
import type { SeenNamespace } from './facts/fact.ts'

export class SeenNamespaces {
  readonly #namespaces = new Map<string, NamespaceObject>()
  /** Undefined where pods are not read. */
  #busy: Set<string> | undefined

  take(event: SourceEvent): void {
    if (event.type === 'replace' && event.kind === 'Namespace') {
      this.#namespaces.clear()
      for (const [key, object] of event.items) this.#namespaces.set(key, object)
    } else if (event.type === 'replace' && event.kind === 'Pod')
      this.#busy = new Set(event.items.map(([, { metadata }]) => metadata.namespace ?? ''))
    else if (event.type === 'upsert' && event.kind === 'Namespace') this.#namespaces.set(event.key, event.object)
    else if (event.type === 'upsert' && event.kind === 'Pod') this.#busy?.add(event.object.metadata.namespace ?? '')
    else if (event.type === 'remove' && event.kind === 'Namespace') this.#namespaces.delete(event.key)
  }

  all(): readonly SeenNamespace[] {
    return [...this.#namespaces.values()].map((namespace) => ({ namespace, busy: this.#busy?.has(namespace.metadata.name) ?? true }))
  }
}
