import { lstat, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { HostRefused } from '../../src/hosts/host.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import { freshDirectory, hostContract } from './contract.ts'

describe('this machine', () => {
  hostContract(async () => {
    const here = await freshDirectory(tmpdir())
    return { spec: 'local', open: () => new LocalHost('node'), on: here, here }
  })
})

describe('a tree of files that is the root of a node', () => {
  let root: string
  let host: LocalHost
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'k8s-harden-root-'))
    host = new LocalHost('node', root)
  })

  test('links lead where they lead on the node, never out of the tree', async () => {
    await mkdir(join(root, 'etc/real'), { recursive: true })
    await writeFile(join(root, 'etc/real/file'), 'inside')
    const outside = await mkdtemp(join(tmpdir(), 'k8s-harden-outside-'))
    await writeFile(join(outside, 'file'), 'outside')
    await symlink('/etc/real', join(root, 'etc/absolute'))
    await symlink('../../../../../../etc/real/file', join(root, 'etc/up'))
    await symlink(outside, join(root, 'etc/out'))
    await symlink('loop', join(root, 'etc/loop'))
    expect((await host.read('/etc/absolute/file'))?.text).toBe('inside')
    expect((await host.read('/etc/up'))?.text).toBe('inside')
    expect(await host.list('/etc/absolute')).toEqual(['file'])
    expect(await host.read('/etc/out/file')).toBeUndefined()
    await expect(host.read('/etc/loop')).rejects.toThrow(HostRefused)
    await host.write('/etc/out/new', 'new', { mode: 0o600, expected: null }).catch(() => {})
    expect(await lstat(join(outside, 'new')).catch(() => 'none')).toBe('none')
    await host.write('/etc/absolute/new', 'new', { mode: 0o600, expected: null })
    expect(await readFile(join(root, 'etc/real/new'), 'utf8')).toBe('new')
  })

  test('names of owners are those of its own lists', async () => {
    await mkdir(join(root, 'etc'))
    const [uid, gid] = [process.getuid!(), process.getgid!()]
    await writeFile(join(root, 'etc/passwd'), `admin:x:${uid}:${gid}::/:/bin/sh\n`)
    await writeFile(join(root, 'etc/group'), `admins:x:${gid}:\n`)
    expect(await host.stat('/etc/passwd')).toMatchObject({ owner: 'admin', group: 'admins' })
  })

  test('programs of this machine are not run for it', async () => {
    await expect(host.run({ name: 'restart the kubelet', argv: ['systemctl', 'restart', 'kubelet'], timeoutMs: 5000 })).rejects.toThrow(
      HostRefused,
    )
  })
})
