/** Names of Services in text: configuration, annotations, hosts of routes. */
import type { ServiceObject } from '../model/index.ts'
import { keyOf } from './ref.ts'

/** The scheme of an address (`redis://cache`) is no host. */
const HOST = /(?<![\w.-])[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*(?![\w-])(?!:(?:\\?\/){2})/gi
/** In small letters, as DNS takes them. A single word in capitals is a name only where it stands alone or a port follows. */
export const hostsIn = (text: string): readonly { readonly name: string; readonly port?: number }[] => {
  const found = new Map<string, { name: string; port?: number }>()
  for (const { 0: host, index } of text.matchAll(HOST)) {
    const end = index + host.length
    const name = host.toLowerCase()
    const port = text[end] === ':' ? Number(/^:(\d{1,5})(?!\d)/.exec(text.slice(end, end + 7))?.[1]) : 0
    const hasPort = port > 0 && port < 65536
    const isAlone = () => /^\n*$/.test(text.slice(Math.max(0, index - 1), index) + text.slice(end, end + 1))
    if (name === host || host.includes('.') || hasPort || isAlone())
      found.set(`${name}:${hasPort ? port : ''}`, { name, ...(hasPort && { port }) })
  }
  return [...found.values()]
}

/** `db`, `db-0.db` of its own namespace; `db.shop`, `db-0.db.shop.svc.cluster.local`: a Service's name stands before its namespace's. */
export function keysNamed(host: string, namespace: string, services: ReadonlyMap<string, ServiceObject>): readonly string[] {
  const parts = host.split('.')
  const keys = parts.slice(0, -1).map((part, index) => keyOf(parts[index + 1], part))
  const own = parts.length === 1 ? [parts[0]!] : parts.length === 2 && isPeerOf(parts[1]!) ? [parts[1]!] : []
  return [...keys, ...own.map((name) => keyOf(namespace, name))].filter((key) => services.has(key))

  function isPeerOf(name: string): boolean {
    return parts[0]!.startsWith(`${name}-`) || services.get(keyOf(namespace, name))?.spec?.clusterIP === 'None'
  }
}
