import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ClusterSource } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { ALL, directoryOf, nothingSeen, type Seen, see } from './manifests-helper.ts'

const account = (name: string, more = ''): string => `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ${name}}\n${more}`
const node = 'apiVersion: v1\nkind: Node\nmetadata: {name: n}\n'

/** Follows a source; `until` resolves when what was seen fits. */
function follow(source: ClusterSource): {
  readonly seen: Seen
  until(holds: (seen: Seen) => boolean): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
} {
  const abort = new AbortController()
  const seen = nothingSeen()
  const waiting = new Set<() => void>()
  const run = (async () => {
    for await (const events of source.events({ signal: abort.signal, follow: true, wanted: ALL })) {
      see(seen, Array.isArray(events) ? events : [events])
      for (const look of waiting) look()
    }
  })()
  return {
    seen,
    until: (holds) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!holds(seen)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    async [Symbol.asyncDispose]() {
      abort.abort()
      await run
    },
  }
}

describe('a watched directory', () => {
  test('a saved file changes what it holds and nothing else', async () => {
    using directory = directoryOf({ 'a.yaml': `${account('one')}---\n${account('two')}`, 'b.yaml': account('three') })
    await using source = follow(manifestsSource(directory.path))
    await source.until(({ kinds }) => kinds.get('ServiceAccount')?.size === 3)
    const before = new Map(source.seen.kinds.get('ServiceAccount'))
    source.seen.log.length = 0
    directory.write('a.yaml', `# a comment more\n${account('one')}---\n${account('two', 'automountServiceAccountToken: false\n')}`)
    await source.until(({ log }) => log.length > 0)
    expect(source.seen.log).toEqual([
      {
        type: 'upsert',
        kind: 'ServiceAccount',
        key: 'default/two',
        object: expect.objectContaining({ automountServiceAccountToken: false }),
      },
    ])
    const after = source.seen.kinds.get('ServiceAccount')!
    expect(after.get('default/one')).toBe(before.get('default/one'))
    expect(refOf(after.get('default/one')!).line).toBe(2)
    expect(after.get('default/three')).toBe(before.get('default/three'))
  })

  test('while a document cannot be read, what was in it stays; what is gone from the file goes', async () => {
    using directory = directoryOf({ 'a.yaml': `${account('one')}---\n${account('two')}---\n${account('three')}` })
    await using source = follow(manifestsSource(directory.path))
    const accounts = () => [...(source.seen.kinds.get('ServiceAccount')?.keys() ?? [])]
    await source.until(({ kinds }) => kinds.get('ServiceAccount')?.size === 3)
    directory.write('a.yaml', `${account('one')}---\n${account('two', '  typing: {')}`)
    await source.until(({ problems }) => problems.size === 1)
    expect(accounts()).toEqual(['default/one', 'default/two'])
    directory.write('a.yaml', `kind: [\n---\n${account('two')}`)
    await source.until(({ problems }) => problems.get('a.yaml')?.line === 2)
    expect(accounts()).toEqual(['default/one', 'default/two'])
    directory.write('a.yaml', account('two'))
    await source.until(({ problems }) => problems.size === 0)
    expect(accounts()).toEqual(['default/two'])
  })

  test('files come, go and are renamed over, as editors do', async () => {
    using directory = directoryOf({ 'a.yaml': account('one') })
    await using source = follow(manifestsSource(directory.path))
    const names = (): string[] => [...(source.seen.kinds.get('ServiceAccount')?.keys() ?? [])].sort()
    const become = (...expected: string[]): Promise<void> => source.until(() => names().join() === expected.join())
    await become('default/one')
    directory.write('new/b.yaml', account('two'))
    await become('default/one', 'default/two')
    writeFileSync(`${directory.path}/a.yaml.tmp`, account('three'))
    renameSync(`${directory.path}/a.yaml.tmp`, `${directory.path}/a.yaml`)
    await become('default/three', 'default/two')
    rmSync(`${directory.path}/new`, { recursive: true })
    await become('default/three')
  })

  test('problems appear and disappear, and so does what cannot be known', async () => {
    using directory = directoryOf({ 'a.yaml': account('one'), 'b.yaml': 'x: 1\n' })
    await using source = follow(manifestsSource(directory.path))
    await source.until(({ unread }) => unread.has('Node'))
    directory.write('b.yaml', 'kind: Node\n x: [\n')
    await source.until(({ problems }) => problems.has('b.yaml'))
    directory.write('b.yaml', node)
    await source.until(({ problems, kinds, unread }) => !problems.has('b.yaml') && kinds.get('Node')?.size === 1 && !unread.has('Node'))
    rmSync(`${directory.path}/b.yaml`)
    await source.until(({ kinds, unread }) => kinds.get('Node')?.size === 0 && unread.has('Node'))
  })

  test('the second of two objects of one name takes the place of the first', async () => {
    using directory = directoryOf({ 'a.yaml': account('one'), 'b.yaml': account('one') })
    await using source = follow(manifestsSource(directory.path))
    await source.until(({ kinds }) => kinds.get('ServiceAccount')?.has('default/one@b.yaml#0') === true)
    rmSync(`${directory.path}/a.yaml`)
    await source.until(({ kinds }) => kinds.get('ServiceAccount')!.size === 1)
    expect(refOf(source.seen.kinds.get('ServiceAccount')!.get('default/one')!).file).toBe('b.yaml')
  })

  test('a single file', async () => {
    using directory = directoryOf({ 'a.yaml': account('one') })
    await using source = follow(manifestsSource(`${directory.path}/a.yaml`))
    await source.until(({ kinds }) => kinds.get('ServiceAccount')?.has('default/one') === true)
    directory.write('a.yaml', account('two'))
    await source.until(({ kinds }) => kinds.get('ServiceAccount')?.has('default/two') === true)
  })
})
