/** A step of a file and the flag that names it, killed between the two: what the next run makes of it. */
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { settleInterrupted } from '../../src/cli/commands/interrupted.ts'
import type { Io } from '../../src/cli/confirm.ts'
import type { Opened } from '../../src/cli/open-source.ts'
import type { Writers } from '../../src/cli/open-writer.ts'
import type { FlagsAction, JournalHeader, RunId, StepId, Written } from '../../src/model/index.ts'
import { interrupted } from '../../src/plan/journal.ts'
import { FileJournal, readRuns } from '../../src/writers/journal.ts'
import { stepOf } from '../e2e/node-flags.ts'
import { type FakeNode, fakeNode, MANIFEST, POD } from '../writers/host-node.ts'

const POLICY = '/etc/kubernetes/audit-policy.yaml'
const TEXT = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n'
const ACTION: FlagsAction = {
  do: 'flags',
  node: 'cp-1',
  component: 'kube-apiserver',
  flags: { 'audit-policy-file': POLICY },
  mounts: [{ name: 'audit-policy', path: POLICY, type: 'File', readOnly: true }],
  files: [{ path: POLICY, text: TEXT, mode: 0o600 }],
}
const RUN = '20261126T101500Z-abcdef' as RunId

const nodes: FakeNode[] = []
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop()
})

/** The journal of a run that died after its intent, and what the next one says. */
async function died(before: (node: FakeNode) => void = () => {}) {
  const node = await fakeNode()
  nodes.push(node)
  before(node)
  const result = await node.writer.rehearse(stepOf(ACTION))
  if (!result.ok) throw new Error(result.because)
  const writes = JSON.parse(JSON.stringify(await node.writer.intent(result.rehearsal))) as Written[]
  const stateDirectory = mkdtempSync(join(tmpdir(), 'k8s-harden-state-'))
  const step = { id: 'step-1' as StepId, title: 'kube-apiserver on cp-1: audit', risk: 'may-break' as const }
  const source = { kind: 'live', name: 'here', server: 'here', location: null }
  const header: JournalHeader = { run: RUN, time: '2026-11-26T10:15:00Z', tool: 'x', source, digest: 'x', approvedBy: 'x', steps: [step] }
  const journal = await FileJournal.begin(stateDirectory, header)
  await journal.append({ is: 'intent', time: header.time, step: step.id, title: step.title, mends: [], writes })
  await journal.close()
  const said: string[] = []
  const settle = (unattended: boolean, dryRun = false, answer?: string) => {
    const sink = { write: (text: string) => said.push(text) }
    const io = { stdout: sink, stderr: sink, isTTY: answer !== undefined, prompts: { choose: async () => answer } } as unknown as Io
    const opened = { source: { info: { name: 'here' } } } as unknown as Opened
    const writers = { writer: node.writer, files: node.writer } as unknown as Writers
    return settleInterrupted(io, { opened, writers, stateDirectory, signal: new AbortController().signal, dryRun }, unattended)
  }
  const open = async () => (await readRuns(stateDirectory)).flatMap(interrupted).length
  return { node, settle, open, said: () => said.join(''), hasPolicy: () => existsSync(join(node.root, POLICY)) }
}

describe('a new file stands and the flag that names it does not', () => {
  test('without questions it is taken back, so that the run that follows makes the whole step again', async () => {
    const { node, settle, open, said, hasPolicy } = await died()
    node.put(POLICY, TEXT)
    expect(await settle(true)).toBeUndefined()
    expect(said()).toContain('nothing reads that part yet: it is taken back, and what is left to do is planned anew')
    expect([hasPolicy(), node.read(MANIFEST), await open()]).toEqual([false, POD, 0])
  })
  test('a rehearsal changes nothing, and names the way', async () => {
    const { node, settle, open, said, hasPolicy } = await died()
    node.put(POLICY, TEXT)
    expect(await settle(true, true)).toBe(4)
    expect(said()).toContain(`settle it first: k8s-harden undo ${RUN} --step step-1`)
    expect([hasPolicy(), await open()]).toEqual([true, 1])
  })
  test('in a terminal it is a choice', async () => {
    const { node, settle, hasPolicy } = await died()
    node.put(POLICY, TEXT)
    expect(await settle(false, false, 'stop')).toBe(4)
    expect(hasPolicy()).toBe(true)
    expect(await settle(false, false, 'undo')).toBeUndefined()
    expect(hasPolicy()).toBe(false)
  })
})

describe('it is left to the operator where', () => {
  test('an old file was written over', async () => {
    const { node, settle, said } = await died(({ put }) => put(POLICY, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n'))
    node.put(POLICY, TEXT)
    expect(await settle(true)).toBe(4)
    expect([said().includes('settle it first'), said().includes('is taken back'), node.read(POLICY)]).toEqual([true, false, TEXT])
  })
  test('somebody else has changed the file since', async () => {
    const { node, settle, said } = await died()
    node.put(POLICY, `${TEXT}# mine\n`)
    expect(await settle(true)).toBe(4)
    expect([said().includes('neither as before nor as written'), node.read(POLICY)]).toEqual([true, `${TEXT}# mine\n`])
  })
  test('the manifest stands and the API server does not come up with it', async () => {
    const { node, settle, said } = await died()
    node.fails = (text) => (text.includes('audit-policy-file') ? 'E1126 07:00:00.000000 1 run.go:72] "command failed" err="no"' : undefined)
    node.put(POLICY, TEXT)
    node.put(MANIFEST, POD.replace('--secure-port=6443', `--audit-policy-file=${POLICY}`))
    expect(await settle(true)).toBe(4)
    expect([said().includes('settle it first'), existsSync(join(node.root, POLICY))]).toEqual([true, true])
  })
})
test('what cannot be looked at is said with what to do then', async () => {
  const { node, settle, said, open } = await died()
  node.writer.state = async () => {
    throw new Error('cp-1 did not answer')
  }
  expect(await settle(true)).toBe(4)
  expect(said()).toContain(`cp-1 did not answer; mend that and run this again, or settle it alone: k8s-harden undo ${RUN} --step step-1`)
  expect(await open()).toBe(1)
})
