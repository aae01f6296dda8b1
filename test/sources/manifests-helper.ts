import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ClusterSource, Kind, KubeObject, Readable, SourceEvent } from '../../src/model/index.ts'
import { kinds } from '../../src/objects/served.ts'

export const ALL: ReadonlySet<Readable> = new Set<Readable>([...kinds, 'ServerVersion', 'KubeletConfigz'])

/** A directory of files that is gone after the test. */
export function directoryOf(files: Readonly<Record<string, string | Uint8Array>>): {
  readonly path: string
  write(name: string, text: string): void
  [Symbol.dispose](): void
} {
  const path = mkdtempSync(join(tmpdir(), 'k8s-harden-test-'))
  const write = (name: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  for (const [name, content] of Object.entries(files)) write(name, content)
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export interface Seen {
  readonly kinds: Map<Kind, Map<string, KubeObject>>
  readonly unread: Map<Readable, string>
  readonly problems: Map<string, { readonly line: number; readonly message: string }>
  kubernetes: string | undefined
  /** Every event since the last look. */
  readonly log: SourceEvent[]
}
export const nothingSeen = (): Seen => ({ kinds: new Map(), unread: new Map(), problems: new Map(), kubernetes: undefined, log: [] })

/** Folds events as the snapshot store does. */
export function see(seen: Seen, events: readonly SourceEvent[]): void {
  for (const event of events) {
    seen.log.push(event)
    if (event.type === 'replace') {
      seen.kinds.set(event.kind, new Map(event.items))
      seen.unread.delete(event.kind)
    } else if (event.type === 'upsert') seen.kinds.get(event.kind)!.set(event.key, event.object)
    else if (event.type === 'remove') seen.kinds.get(event.kind)!.delete(event.key)
    else if (event.type === 'unread') seen.unread.set(event.unread.what, event.unread.because)
    else if (event.type === 'source') seen.kubernetes = event.info.kubernetes
    else if (event.type === 'problem' && event.message === '') seen.problems.delete(event.file)
    else if (event.type === 'problem') seen.problems.set(event.file, { line: event.line, message: event.message })
  }
}

/** Everything a source says of what it has now. */
export async function scan(source: ClusterSource, wanted = ALL): Promise<Seen> {
  const seen = nothingSeen()
  for await (const events of source.events({ signal: new AbortController().signal, follow: false, wanted }))
    see(seen, Array.isArray(events) ? events : [events as SourceEvent])
  return seen
}
