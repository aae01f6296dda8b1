import { mkdir, mkdtemp, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Approval, Change, Step } from '../../src/model/index.ts'
import { FilesWriter } from '../../src/writers/files.ts'

const directory = async () => join(await mkdtemp(join(tmpdir(), 'k8s-harden-files-')), 'out')
const file = (name: string, text = 'a: 1\n', secretKeys = 0): Change => ({
  type: 'file',
  name,
  text: { text, ...(secretKeys > 0 && { secretKeys }) },
  mode: 0o644,
  runbook: ['place it', 'restart'],
  rollback: ['take it away'],
})
const step = (...changes: Change[]): Step =>
  ({ id: 's1', title: 't', changes, inverse: [], managedBy: '', carriedOut: 'file' }) as unknown as Step
const approval = { digest: 'd', steps: new Set(['s1']), by: 'test' } as unknown as Approval
const place = async (writer: FilesWriter, ...changes: Change[]) => {
  const result = await writer.rehearse(step(...changes))
  if (!result.ok) throw new Error(result.because)
  const written = await writer.intent(result.rehearsal)
  return { ...(await writer.commit(result.rehearsal, written, approval)), diff: result.rehearsal.diff, written }
}

test('a file is placed with the words for the operator, and taken back', async () => {
  const out = await directory()
  const writer = new FilesWriter({ directory: out })
  const { files, written } = await place(writer, file('etc/policy.yaml'))
  expect(files).toEqual([join(out, 'etc/policy.yaml'), join(out, 'etc/policy.yaml.runbook.md')])
  expect(await readFile(files![0]!, 'utf8')).toBe('a: 1\n')
  expect(await readFile(files![1]!, 'utf8')).toBe(
    '# What to do with etc/policy.yaml\n\n1. place it\n2. restart\n\n## The way back\n\n1. take it away\n',
  )
  expect(await Promise.all(written.map((one) => writer.state(one)))).toEqual(['after', 'after'])
  await writer.undo(written)
  expect(await readdir(join(out, 'etc'))).toEqual([])
  expect(await Promise.all(written.map((one) => writer.state(one)))).toEqual(['before', 'before'])
})
test('keys are drawn when the file is written: new ones each time, 32 bytes, for the owner only, and neither shown nor journalled', async () => {
  const [one, other] = await Promise.all(
    [directory(), directory()].map(async (path) => {
      const out = await path
      const { diff, written } = await place(
        new FilesWriter({ directory: out }),
        file('enc.yaml', 'first: "{{key 1}}"\nsecond: "{{key 2}}"\n', 2),
      )
      const text = await readFile(join(out, 'enc.yaml'), 'utf8')
      const keys = [...text.matchAll(/"(.+)"/g)].map((match) => match[1]!)
      expect(keys.map((key) => Buffer.from(key, 'base64').length)).toEqual([32, 32])
      expect((await stat(join(out, 'enc.yaml'))).mode & 0o777).toBe(0o600)
      for (const key of keys) expect(diff + JSON.stringify(written)).not.toContain(key)
      return keys
    }),
  )
  expect(new Set([...one!, ...other!]).size).toBe(4)
})
test('nothing is written over, neither at once nor in between', async () => {
  const out = await directory()
  const writer = new FilesWriter({ directory: out })
  const result = await writer.rehearse(step(file('a.yaml')))
  if (!result.ok) throw new Error(result.because)
  await mkdir(out)
  await writeFile(join(out, 'a.yaml'), 'mine')
  await expect(writer.commit(result.rehearsal, await writer.intent(result.rehearsal), approval)).rejects.toThrow(
    'was made by somebody else since',
  )
  expect(await writer.rehearse(step(file('a.yaml')))).toMatchObject({ ok: false, because: expect.stringContaining('is there already') })
  expect(await readFile(join(out, 'a.yaml'), 'utf8')).toBe('mine')
})
test('a file that was changed since is left as it is', async () => {
  const out = await directory()
  const writer = new FilesWriter({ directory: out })
  const { written } = await place(writer, file('a.yaml'))
  await writeFile(join(out, 'a.yaml'), 'changed')
  await expect(writer.undo(written)).rejects.toThrow('was changed since')
  expect(await readdir(out)).toHaveLength(2)
})
test.each(['../evil', '/etc/passwd', 'a/../../evil', '', '.', 'a\0b', 'a\nb'])(
  '%j is no name inside the output directory',
  async (name) => {
    expect(await new FilesWriter({ directory: await directory() }).rehearse(step(file(name)))).toMatchObject({
      ok: false,
      because: expect.stringContaining('is not a name inside the output directory'),
    })
  },
)
test('a link inside the directory does not lead out of it', async () => {
  const out = await directory()
  const outside = await mkdtemp(join(tmpdir(), 'k8s-harden-outside-'))
  await mkdir(out)
  await symlink(outside, join(out, 'etc'))
  await expect(place(new FilesWriter({ directory: out }), file('etc/a.yaml'))).rejects.toThrow('leads out of the output directory')
  expect(await readdir(outside)).toEqual([])
})
test('a command is handed over as text for a shell, never run', async () => {
  const marker = join(tmpdir(), `k8s-harden-ran-${process.pid}`)
  const { files, diff } = await place(new FilesWriter({ directory: await directory() }), {
    type: 'command',
    argv: ['touch', marker, "it's; rm -rf $HOME"],
    undo: ['rm', marker],
    where: 'a shell with the CLI, logged in',
  })
  expect(files).toEqual([
    `run in a shell with the CLI, logged in: touch ${marker} 'it'\\''s; rm -rf $HOME'`,
    `to take it back: rm ${marker}`,
  ])
  expect(diff).toContain('touch')
  await expect(stat(marker)).rejects.toThrow('ENOENT')
})
