import { chmodSync, chownSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileRights, PermissionsAction, Written } from '../../src/model/index.ts'
import { WriteConflict } from '../../src/plan/writer.ts'
import { approvalOf, stepOf } from '../e2e/node-flags.ts'
import { type FakeNode, fakeNode } from './host-node.ts'

const PATH = '/etc/kubernetes/admin.conf'
const me = { uid: process.getuid!(), gid: process.getgid!() }
let node: FakeNode
beforeEach(async () => {
  node = await fakeNode()
  node.put(PATH, 'apiVersion: v1\n')
  chmodSync(join(node.root, PATH), 0o644)
})
afterEach(() => node.stop())

const rights = (mode: number, more: Partial<FileRights> = {}): FileRights => ({ mode, ...me, ...more })
const action = (more: Partial<PermissionsAction> = {}): PermissionsAction => ({
  do: 'permissions',
  node: 'cp-1',
  path: PATH,
  from: rights(0o644),
  to: rights(0o600),
  ...more,
})
const modeOf = (path = PATH) => statSync(join(node.root, path)).mode & 0o7777

async function rehearse(wanted: PermissionsAction) {
  const result = await node.writer.rehearse(stepOf(wanted))
  if (!result.ok) throw new Error(`${result.refusedBy}: ${result.because}`)
  return result.rehearsal
}
async function take(wanted: PermissionsAction) {
  const rehearsal = await rehearse(wanted)
  const written = JSON.parse(JSON.stringify(await node.writer.intent(rehearsal))) as Written[]
  const commit = () => node.writer.commit(rehearsal, written, approvalOf(stepOf(wanted)))
  return { rehearsal, written, commit }
}

describe('mode and owner of a file on a node', () => {
  test('it is closed, its bytes stay, and undo opens it again', async () => {
    const { rehearsal, written, commit } = await take(action())
    expect(rehearsal.diff).toBe(
      `- cp-1:${PATH} mode 0644, owner ${me.uid}:${me.gid}\n+ cp-1:${PATH} mode 0600, owner ${me.uid}:${me.gid}\n`,
    )
    expect([modeOf(), await node.writer.state(written[0]!)]).toEqual([0o644, 'before'])
    await commit()
    expect([modeOf(), node.read(PATH), await node.writer.state(written[0]!)]).toEqual([0o600, 'apiVersion: v1\n', 'after'])
    await node.writer.undo(written, true)
    expect(modeOf()).toBe(0o600)
    await node.writer.undo(written)
    expect([modeOf(), await node.writer.state(written[0]!)]).toEqual([0o644, 'before'])
    await node.writer.undo(written)
    expect(modeOf()).toBe(0o644)
  })
  test('a directory too', async () => {
    mkdirSync(join(node.root, '/var/lib/etcd'), { recursive: true })
    chmodSync(join(node.root, '/var/lib/etcd'), 0o755)
    const { written, commit } = await take(action({ path: '/var/lib/etcd', from: rights(0o755), to: rights(0o700) }))
    await commit()
    expect(modeOf('/var/lib/etcd')).toBe(0o700)
    await node.writer.undo(written)
    expect(modeOf('/var/lib/etcd')).toBe(0o755)
  })
  test('where it is so already nothing is written', async () => {
    chmodSync(join(node.root, PATH), 0o600)
    const { rehearsal, written } = await take(action())
    expect([rehearsal.diff, rehearsal.warnings, written]).toEqual(['', [`${PATH} on cp-1 is so already`], []])
  })
  test('what somebody else changed before, in between or afterwards is left as it is', async () => {
    chmodSync(join(node.root, PATH), 0o640)
    await expect(rehearse(action())).rejects.toThrow('has mode 0640')
    chmodSync(join(node.root, PATH), 0o644)
    const between = await take(action())
    chmodSync(join(node.root, PATH), 0o640)
    await expect(between.commit()).rejects.toThrow(WriteConflict)
    expect(modeOf()).toBe(0o640)
    chmodSync(join(node.root, PATH), 0o644)
    const afterwards = await take(action())
    await afterwards.commit()
    chmodSync(join(node.root, PATH), 0o400)
    expect(await node.writer.state(afterwards.written[0]!)).toBe('other')
    await expect(node.writer.undo(afterwards.written)).rejects.toThrow('has mode 0400')
    expect(modeOf()).toBe(0o400)
  })
  test('a link that took its place is not followed, nor its target changed', async () => {
    const { written, commit } = await take(action())
    node.put('/etc/shadow', 'x')
    chmodSync(join(node.root, '/etc/shadow'), 0o644)
    rmSync(join(node.root, PATH))
    symlinkSync('../shadow', join(node.root, PATH))
    await expect(commit()).rejects.toThrow('is a link')
    await expect(node.writer.undo(written)).rejects.toThrow('is a link')
    await expect(rehearse(action())).rejects.toThrow('is a link')
    expect(modeOf('/etc/shadow')).toBe(0o644)
    rmSync(join(node.root, PATH))
    await expect(rehearse(action())).rejects.toThrow('is not there any more')
    expect(await node.writer.state(written[0]!)).toBe('gone')
  })
  test.runIf(me.uid === 0)('a crash between owner and mode is taken back whole', async () => {
    const { written } = await take(action({ to: rights(0o600, { uid: 998, gid: 997 }) }))
    chownSync(join(node.root, PATH), 998, 997)
    expect(await node.writer.state(written[0]!)).toBe('after')
    await node.writer.undo(written)
    expect(statSync(join(node.root, PATH))).toMatchObject({ uid: 0, gid: 0 })
    expect(modeOf()).toBe(0o644)
  })
})
