/** What every carrier must do with real files. Each carrier's test gives it a place: a directory of the node that lies on this machine. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, rename, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Host, HostConflict, HostRefused, HostUnreachable } from '../../src/hosts/host.ts'

export interface Place {
  /** As `--host` takes it, without the node. */
  readonly spec: string
  open(): Host
  /** The directory as the node names it, and as this machine does. */
  readonly on: string
  readonly here: string
}

export const sha = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex')
const isRoot = process.getuid!() === 0
/** A new file is root's unless it is said whose; only root can give one away. */
export const mine = isRoot ? {} : { uid: process.getuid!(), gid: process.getgid!() }
/** Whatever a shell, an option parser or a line reader might trip over. */
const HOSTILE = [' lead', `it's "a" b`, '$(touch pwned)`id`$HOME', '-rf', '--help', 'a;b&c|d#e~!x', '*?[x]{a,b}', 'a\\b\\n', 'ümläut→']

/** `programs`: false where the carrier only reaches files. `killed`: false where the carrier's own test sees to that. */
export function hostContract(make: () => Promise<Place>, { programs = true, killed = true } = {}): void {
  let place: Place
  let host: Host
  const on = (name: string) => `${place.on}/${name}`
  const here = (name: string) => join(place.here, name)
  const leftovers = async (dir = '') => (await readdir(here(dir))).filter((name) => name.startsWith('.k8s-harden-'))
  beforeEach(async () => {
    place = await make()
    host = place.open()
  })
  afterEach(async () => {
    await host.close()
    await host.close()
  })

  test('what is there is seen: files, directories, links, modes', async () => {
    await writeFile(here('file'), 'abc')
    await chmod(here('file'), 0o4640)
    await mkdir(here('dir'), { mode: 0o750 })
    await symlink('file', here('link'))
    expect(await host.stat(on('file'))).toMatchObject({ is: 'file', mode: 0o4640, size: 3, uid: process.getuid!(), gid: process.getgid!() })
    if (isRoot) expect(await host.stat(on('file'))).toMatchObject({ owner: 'root', group: 'root' })
    expect(await host.stat(on('dir'))).toMatchObject({ is: 'directory', mode: 0o750 })
    expect(await host.stat(on('link'))).toMatchObject({ is: 'link' })
    expect(await host.read(on('link'))).toMatchObject({ text: 'abc', sha256: sha('abc'), stat: { is: 'file', size: 3 } })
    expect(await host.list(place.on)).toEqual(['dir', 'file', 'link'])
    expect(await host.list(on('dir'))).toEqual([])
  })

  test('what is not there is undefined, and so is what lies under a file', async () => {
    await writeFile(here('file'), 'abc')
    for (const path of [on('none'), on('none/deeper'), on('file/inside')]) {
      expect(await host.stat(path)).toBeUndefined()
      expect(await host.read(path)).toBeUndefined()
      expect(await host.list(path)).toBeUndefined()
    }
    expect(await host.list(on('file'))).toBeUndefined()
    await symlink('nowhere', here('dangling'))
    expect(await host.read(on('dangling'))).toBeUndefined()
    expect(await host.stat(on('dangling'))).toMatchObject({ is: 'link' })
  })

  test('of several asked about at once nothing is said but what each says by itself', async () => {
    const several = host.several?.bind(host)
    if (several === undefined) return
    const names = [...HOSTILE, 'file', 'bytes', 'empty']
    for (const name of names) await writeFile(here(name), name === 'empty' ? '' : `of ${name}\n\n`)
    await writeFile(here('bytes'), Buffer.from([0, 255, 254, 10, 13, 0, 195, 40]))
    await mkdir(here('dir'))
    await symlink('file', here('link'))
    const paths = [...names, 'dir', 'link', 'none', 'file/inside'].map(on)
    const { stats, files } = await several([...paths, on('file')], true)
    for (const [path, stat] of stats) expect([path, stat]).toEqual([path, await host.stat(path)])
    for (const [path, file] of files) expect([path, file]).toEqual([path, await host.read(path)])
    // The others are asked about one by one.
    for (const name of ['file', 'bytes', ' lead', '*?[x]{a,b}', 'ümläut→']) expect(files.has(on(name)), name).toBe(true)
    for (const name of ['dir', 'link', 'empty', 'none']) expect([stats.has(on(name)), files.has(on(name))], name).toEqual([true, false])
    expect((await several(paths, false)).files.size).toBe(0)
    expect((await several([on('none'), on('neither')], true)).files.size).toBe(0)
  })

  test('bytes that are no text are told apart by their sha256, and copied as they are', async () => {
    const bytes = Buffer.from([0, 255, 254, 10, 13, 0, 195, 40])
    await writeFile(here('bytes'), bytes)
    expect((await host.read(on('bytes')))?.sha256).toBe(sha(bytes))
    await host.copy(on('bytes'), on('other'))
    expect(await readFile(here('other'))).toEqual(bytes)
    await writeFile(here('empty'), '')
    expect(await host.read(on('empty'))).toMatchObject({ text: '', sha256: sha('') })
  })

  test('a directory is no file, and a file that is too large is not read', async () => {
    await mkdir(here('dir'))
    await expect(host.read(on('dir'))).rejects.toThrow(HostRefused)
    await writeFile(here('large'), '')
    await truncate(here('large'), 5 * 1024 * 1024)
    await expect(host.read(on('large'))).rejects.toThrow(/larger than 4194304 bytes/)
    await writeFile(here('ten'), '0123456789')
    await expect(host.read(on('ten'), 9)).rejects.toThrow(HostRefused)
    expect((await host.read(on('ten'), 10))?.text).toBe('0123456789')
  })

  test('a new file is written whole, with its mode, in directories that only root enters', async () => {
    await host.write(on('a/b/new'), 'secret\n', { mode: 0o600, expected: null, ...mine })
    expect(await readFile(here('a/b/new'), 'utf8')).toBe('secret\n')
    expect((await lstat(here('a/b/new'))).mode & 0o7777).toBe(0o600)
    for (const dir of ['a', 'a/b']) expect((await lstat(here(dir))).mode & 0o7777).toBe(0o700)
    expect(await leftovers('a/b')).toEqual([])
  })

  test('a large file with every kind of byte of text arrives as it is', async () => {
    const text = `'"$(id)\`\\\r\n\t${'é→𝄞 -n \\n'.repeat(100_000)}no newline at the end`
    await host.write(on('text'), text, { mode: 0o644, expected: null, ...mine })
    expect(sha(await readFile(here('text')))).toBe(sha(text))
  })

  test('a file is replaced only if it is what was expected; owner and group stay', async () => {
    await writeFile(here('file'), 'old')
    if (isRoot) await chown(here('file'), 1234, 4321)
    for (const expected of [null, sha('other')])
      await expect(host.write(on('file'), 'new', { mode: 0o600, expected })).rejects.toThrow(HostConflict)
    expect(await readFile(here('file'), 'utf8')).toBe('old')
    await expect(host.write(on('none'), 'new', { mode: 0o600, expected: sha('old') })).rejects.toThrow(HostConflict)
    expect(await readdir(place.here)).toEqual(['file'])
    await host.write(on('file'), 'new', { mode: 0o640, expected: sha('old') })
    const stat = await lstat(here('file'))
    expect(await readFile(here('file'), 'utf8')).toBe('new')
    expect(stat.mode & 0o7777).toBe(0o640)
    if (isRoot) expect([stat.uid, stat.gid]).toEqual([1234, 4321])
    if (isRoot) {
      await host.write(on('file'), 'newer', { mode: 0o600, uid: 0, gid: 7, expected: sha('new') })
      expect(await host.stat(on('file'))).toMatchObject({ uid: 0, gid: 7 })
    }
  })

  test('nothing is written through a link, also a dangling one, nor in the place of a directory', async () => {
    await writeFile(here('file'), 'old')
    await symlink('file', here('link'))
    await symlink('nowhere', here('dangling'))
    await mkdir(here('dir'))
    await expect(host.write(on('link'), 'new', { mode: 0o600, expected: sha('old') })).rejects.toThrow(/is a link/)
    await expect(host.write(on('dangling'), 'new', { mode: 0o600, expected: null })).rejects.toThrow(/is a link/)
    await expect(host.write(on('dir'), 'new', { mode: 0o600, expected: null })).rejects.toThrow(HostRefused)
    await expect(host.write(on('file/inside'), 'new', { mode: 0o600, expected: null })).rejects.toThrow(HostRefused)
    expect(await readFile(here('file'), 'utf8')).toBe('old')
    expect((await readdir(place.here)).sort()).toEqual(['dangling', 'dir', 'file', 'link'])
    expect(await readdir(here('dir'))).toEqual([])
  })

  test('a copy has owner and mode, goes nowhere where something is, and follows a link to its file', async () => {
    await writeFile(here('file'), 'keep')
    await chmod(here('file'), 0o640)
    if (isRoot) await chown(here('file'), 1234, 4321)
    await symlink('file', here('link'))
    await host.copy(on('link'), on('backup/run/file'))
    const stat = await lstat(here('backup/run/file'))
    expect([await readFile(here('backup/run/file'), 'utf8'), stat.isFile(), stat.mode & 0o7777]).toEqual(['keep', true, 0o640])
    if (isRoot) expect([stat.uid, stat.gid]).toEqual([1234, 4321])
    expect((await lstat(here('backup'))).mode & 0o7777).toBe(0o700)
    await expect(host.copy(on('link'), on('backup/run/file'))).rejects.toThrow(HostConflict)
    await expect(host.copy(on('none'), on('backup/none'))).rejects.toThrow(HostRefused)
    expect(await readdir(here('backup'))).toEqual(['run'])
    expect(await leftovers('backup/run')).toEqual([])
  })

  test('only what was expected is removed; what is gone already is fine', async () => {
    await writeFile(here('file'), 'old')
    await expect(host.remove(on('file'), sha('other'))).rejects.toThrow(HostConflict)
    expect(await readFile(here('file'), 'utf8')).toBe('old')
    await host.remove(on('file'), sha('old'))
    await host.remove(on('file'), sha('old'))
    expect(await readdir(place.here)).toEqual([])
  })

  test('rights are changed where they are what was expected: of files, of directories, of nothing that a link leads to', async () => {
    await writeFile(here('-rf it'), 'keep')
    await mkdir(here('dir'))
    await symlink('-rf it', here('link'))
    for (const name of ['-rf it', 'dir']) {
      await chmod(here(name), 0o755)
      const { mode, uid, gid } = (await host.stat(on(name)))!
      const [from, to] = [{ mode, uid, gid }, isRoot ? { mode: 0o640, uid: 1234, gid: 4321 } : { mode: 0o640, uid, gid }]
      await expect(host.permit(on(name), to, { ...from, mode: 0o600 })).rejects.toThrow(HostConflict)
      expect(await host.stat(on(name))).toMatchObject(from)
      await host.permit(on(name), to, from)
      expect(await host.stat(on(name))).toMatchObject(to)
      await host.permit(on(name), from, to)
      expect(await host.stat(on(name))).toMatchObject(from)
    }
    expect(await readFile(here('-rf it'), 'utf8')).toBe('keep')
    const { mode, uid, gid } = (await host.stat(on('link')))!
    await expect(host.permit(on('link'), { mode: 0o600, uid, gid }, { mode, uid, gid })).rejects.toThrow(/is a link/)
    await expect(host.permit(on('none'), { mode: 0o600, uid, gid }, { mode, uid, gid })).rejects.toThrow(/is not there/)
    expect((await lstat(here('-rf it'))).mode & 0o777).toBe(0o755)
  })

  test('names that a shell would take for something else are names', async () => {
    await Promise.all(
      HOSTILE.map(async (name) => {
        await host.write(on(name), name, { mode: 0o600, expected: null, ...mine })
        expect(await host.read(on(name)), name).toMatchObject({ text: name, sha256: sha(name) })
      }),
    )
    for (const name of HOSTILE.slice(0, 3)) await host.copy(on(name), on(`copy/${name}`))
    expect(await host.list(place.on)).toEqual([...HOSTILE, 'copy'].sort())
    await Promise.all(HOSTILE.map((name) => host.remove(on(name), sha(name))))
    expect(await readdir(place.here)).toEqual(['copy'])
    expect((await readdir(here('copy'))).sort()).toEqual(HOSTILE.slice(0, 3).sort())
    for (const path of ['relative', on('a/../b'), on('a\nb'), on('a//b'), `${on('a')}/`])
      await expect(host.stat(path), path).rejects.toThrow(/no plain absolute path/)
  })

  test.runIf(programs)('programs get their words as they are; their exit code and what they print come back', async () => {
    const words = [...HOSTILE, '', 'two\nlines', "'", '\t']
    const echo = await host.run({ name: 'print', argv: ['printf', '[%s]', ...words], timeoutMs: 10_000 })
    expect(echo).toEqual({ exitCode: 0, stdout: words.map((word) => `[${word}]`).join(''), stderr: '' })
    const input = `${'x'.repeat(100_000)}\n'$(id)`
    expect((await host.run({ name: 'hash', argv: ['sha256sum'], stdin: input, timeoutMs: 10_000 })).stdout).toContain(sha(input))
    expect(await host.run({ name: 'fail', argv: ['false'], timeoutMs: 10_000 })).toMatchObject({ exitCode: 1 })
  })

  test.runIf(programs)('a program that takes too long is nobody knows, and one that is not there is a refusal', async () => {
    const started = Date.now()
    await expect(host.run({ name: 'sleep', argv: ['sleep', '60'], timeoutMs: 1000 })).rejects.toThrow(HostUnreachable)
    expect(Date.now() - started).toBeLessThan(30_000)
    await expect(host.run({ name: 'run nothing', argv: ['no-such-program-k8s-harden'], timeoutMs: 10_000 })).rejects.toThrow(HostRefused)
  })

  test('a change is seen within seconds: the first look, another content, gone, back', async () => {
    await writeFile(here('file'), 'one')
    const stop = new AbortController()
    const seen: (string | undefined)[] = []
    const watching = (async () => {
      for await (const hash of host.watch(on('file'), stop.signal)) seen.push(hash)
    })()
    const until = async (count: number) => {
      for (let i = 0; seen.length < count && i < 600; i++) await sleep(50)
    }
    await until(1)
    await writeFile(here('file.new'), 'two')
    await rename(here('file.new'), here('file'))
    await until(2)
    await host.remove(on('file'), sha('two'))
    await until(3)
    stop.abort()
    await watching
    expect(seen).toEqual([sha('one'), sha('two'), undefined])
  })

  test.runIf(killed)('killed at any moment of a write, the file is whole: the old one or the new one', async () => {
    const [a, b] = ['a'.repeat(3_000_000), 'b'.repeat(2_000_000)]
    await writeFile(here('file'), a, { mode: 0o600 })
    const outcomes = new Set<string>()
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'write-forever.ts'), place.spec, on('file')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise<never>((_, reject) => child.once('exit', (code) => reject(new Error(`it ended by itself (${code})`))))
      ended.catch(() => {})
      await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended])
      await Promise.race([sleep(round * 130), ended])
      child.kill('SIGKILL')
      await ended.catch(() => {})
      const now = await readFile(here('file'), 'utf8')
      expect(now === a || now === b, `${now.length} bytes of ${new Set(now).size} kinds`).toBe(true)
      expect((await lstat(here('file'))).mode & 0o7777).toBe(0o600)
      outcomes.add(now[0]!)
      // What is left beside is nobody's to see.
      await sleep(200)
      for (const name of await leftovers()) expect((await lstat(here(name)).catch(() => ({ mode: 0o600 }))).mode & 0o7777).toBe(0o600)
    }
    expect(outcomes.size).toBeGreaterThan(0)
  })

  describe.skipIf(isRoot)('without being root', () => {
    test('what may not be read is refused, and is not taken for missing', async () => {
      await mkdir(here('locked'))
      await writeFile(here('locked/file'), 'abc')
      await chmod(here('locked'), 0)
      for (const look of [() => host.stat(on('locked/file')), () => host.read(on('locked/file')), () => host.list(on('locked'))])
        await expect(look()).rejects.toThrow(HostRefused)
      await chmod(here('locked'), 0o700)
    })
  })

  // Root may read everything; what even root may not do is to write where the kernel lets nobody.
  test('what may not be written is refused, and says so', async () => {
    await expect(host.write('/proc/k8s-harden-test', 'x', { mode: 0o600, expected: null })).rejects.toThrow(HostRefused)
    await expect(host.write('/proc/k8s-harden/test', 'x', { mode: 0o600, expected: null })).rejects.toThrow(HostRefused)
  })
}

export const freshDirectory = (base: string): Promise<string> => mkdtemp(join(base, 'place-'))
