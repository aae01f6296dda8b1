/** What every fact answers: a value, or why there is none and what would tell. */
import type { ApiClient } from '../../apiserver/client.ts'
import type { Discovery } from '../../apiserver/discovery.ts'
import type { Refusal } from '../../apiserver/refusal.ts'
import type { FactName, Facts, NamespaceObject, Unread } from '../../model/index.ts'

export interface Asking {
  readonly client: ApiClient
  readonly signal: AbortSignal
  /** Asked once for the kinds and the facts together. */
  discovery(): Promise<Discovery | Refusal>
  /** What another fact was answered, asked once for both. */
  fact<F extends FactName>(name: F): Promise<FactAnswer<F>>
  /** Namespaces, once they are read, with whether any pod is in them; none where they are unread. Where pods are unread all may be busy. */
  namespaces(): Promise<readonly SeenNamespace[]>
}
export interface SeenNamespace {
  readonly namespace: NamespaceObject
  readonly busy: boolean
}
export type FactAnswer<F extends FactName> = { readonly value: Facts[F] } | { readonly unread: Omit<Unread, 'what'> }
export type Fact<F extends FactName> = (asking: Asking) => Promise<FactAnswer<F>>

/** No fact is worth more waiting than this. */
export const FACT_MS = 5_000

/** For facts that stand behind one non-resource path. */
export function refusedPath(path: string, { kind, status, message }: Refusal): { readonly unread: Omit<Unread, 'what'> } {
  if (kind === 'forbidden')
    return {
      unread: {
        why: 'forbidden',
        because: `the API server refused to get ${path} (403)`,
        answer: `allow get on the non-resource URL ${path}`,
      },
    }
  if (kind === 'not-found')
    return {
      unread: {
        why: 'not-served',
        because: `the API server does not serve ${path} (${status ?? 404})`,
        answer: "scan the control plane's files with --manifests PATH",
      },
    }
  return {
    unread: {
      why: 'unreachable',
      because: `${path} could not be read: ${message}`,
      answer: 'check the connection to the API server and scan again',
    },
  }
}
