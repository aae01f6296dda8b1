/** Names of Services in text: configuration, annotations, hosts of routes. */
import type { ServiceObject } from '../model/index.ts'
import { keyOf } from './ref.ts'

const HOST = /(?<![\w.-])[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*(?![\w-])/g
export const namesIn = (text: string): readonly string[] => [...new Set([...text.matchAll(HOST)].map(([host]) => host))]

/** `db`, `db-0.db` of its own namespace; `db.shop`, `db-0.db.shop.svc.cluster.local`: a Service's name stands before its namespace's. */
export function keysNamed(host: string, namespace: string, services: ReadonlyMap<string, ServiceObject>): readonly string[] {
  const parts = host.split('.')
  const keys = parts.slice(0, -1).map((part, index) => keyOf(parts[index + 1], part))
  const own = parts.length === 1 ? parts[0]! : parts.length === 2 && parts[0]!.startsWith(`${parts[1]}-`) ? parts[1]! : undefined
  return [...keys, ...(own === undefined ? [] : [keyOf(namespace, own)])].filter((key) => services.has(key))
}
