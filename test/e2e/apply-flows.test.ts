/** `apply --flows`: a step that cuts what was seen to be in use is left out as long as only safe ones are accepted, else told and counted. */
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { type ApplyOptions, applyCommand } from '../../src/cli/commands/apply.ts'
import type { Io } from '../../src/cli/confirm.ts'
import { openSource } from '../../src/cli/open-source.ts'
import { openWriters } from '../../src/cli/open-writer.ts'
import type { KubeObject, RegisteredControl } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { newRunId } from '../../src/writers/journal.ts'

vi.setConfig({ testTimeout: 60_000 })
const workload = (name: string) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: shop}\nspec:\n  selector: {matchLabels: {app: ${name}}}\n  template:\n    metadata: {labels: {app: ${name}}}\n    spec:\n      containers: [{name: app, image: "example.test/app:1"}]\n`
/** Isolates one workload for ingress, and lets nobody in. */
const isolates = (name: string): RegisteredControl => ({
  id: `isolates-${name}`,
  practice: 'nodes-and-pods',
  title: `${name} must be isolated`,
  severity: 'high',
  reads: ['Deployment', 'NetworkPolicy'],
  why: 'A test.',
  references: [],
  *evaluate(view) {
    const [deployment] = view.all('Deployment').filter(({ metadata }) => metadata.name === name)
    if (deployment !== undefined && view.find('NetworkPolicy', 'shop', `deny-${name}`) === undefined)
      yield { subject: refOf(deployment), reason: 'nothing isolates it', evidence: null }
  },
  remedy: {
    family: 'fake',
    reads: [],
    propose: () => ({
      changes: [
        {
          type: 'create',
          object: {
            apiVersion: 'networking.k8s.io/v1',
            kind: 'NetworkPolicy',
            metadata: { name: `deny-${name}`, namespace: 'shop' },
            spec: { podSelector: { matchLabels: { app: name } }, policyTypes: ['Ingress'] },
          } as KubeObject,
        },
      ],
      risk: 'safe',
      summary: 'isolate it',
    }),
  },
})

async function apply(options: ApplyOptions, choose: readonly string[] = [], type: readonly string[] = []) {
  const [manifests, state] = [await mkdtemp(join(tmpdir(), 'k8s-harden-flows-')), await mkdtemp(join(tmpdir(), 'k8s-harden-state-'))]
  await writeFile(join(manifests, 'shop.yaml'), [workload('web'), workload('cart')].join('---\n'))
  const flows = join(state, 'flows.jsonl')
  const end = (name: string) => ({ namespace: 'shop', workload: { kind: 'Deployment', name } })
  await writeFile(flows, `${JSON.stringify({ source: end('web'), destination: end('cart'), port: 8080, count: 7 })}\n`)
  const opened = await openSource({ manifests, flows: [flows] })
  const [choices, texts, questions] = [[...choose], [...type], [] as string[]]
  let out = ''
  const io: Io = {
    stdout: { write: (text) => void (out += text) },
    stderr: { write: () => {} },
    isTTY: true,
    prompts: {
      choose: async () => (choices.shift() ?? 'stop') as never,
      type: async (question) => {
        questions.push(question)
        return texts.shift() ?? ''
      },
    },
  }
  const context = {
    opened,
    writers: await openWriters(opened, { out: join(state, 'files'), run: newRunId(new Date()) }),
    stateDirectory: state,
    controls: [isolates('web'), isolates('cart')],
    signal: new AbortController().signal,
    run: newRunId(new Date()),
    settleMs: 0,
  }
  const code = await applyCommand(io, context, { ...options, flows: [flows] })
  const files = (await readdir(manifests, { recursive: true })).filter((name) => name.endsWith('.yaml'))
  const text = (await Promise.all(files.map((name) => readFile(join(manifests, name), 'utf8')))).join('\n')
  const made = ['deny-web', 'deny-cart'].filter((name) => text.includes(name))
  return { code, out: out.replace(/\s+/g, ' '), questions, made }
}
const FLOW = 'Deployment shop/web -> Deployment shop/cart TCP 8080'

test('safe: it is left out and told, the rest is applied, and nothing has failed', async () => {
  const { code, out, made } = await apply({ yes: true, acceptRisk: 'safe' })
  expect(made).toEqual(['deny-web'])
  expect(out).toContain(`it cuts what was seen to be in use: ${FLOW}`)
  expect(out).toMatch(/left out \(1\)/)
  expect(out).not.toContain('CUTS WHAT IS IN USE')
  expect(out).not.toMatch(/flows? (was|were) cut/)
  expect(code).toBe(0)
})
test('may-break: it is told in words, carried out, and counted at the end', async () => {
  const { code, out, made } = await apply({ yes: true, acceptRisk: 'may-break' })
  expect(made).toEqual(['deny-web', 'deny-cart'])
  expect(out).toContain('CUTS WHAT IS IN USE: 1 of 1 recorded flows')
  expect(out).toContain(`${FLOW} (seen 7 times)`)
  expect(out).toContain('1 recorded flow was cut, as the plan said: see above')
  expect(code).toBe(0)
})
test('asked one by one: it wants the name of the policy typed; anything else leaves it', async () => {
  const all = ['apply', 'apply']
  const right = await apply({}, all, ['deny-cart'])
  expect(right.questions).toEqual(['This may break what runs. Type deny-cart to go on, anything else to skip'])
  expect(right.made).toEqual(['deny-web', 'deny-cart'])
  expect(right.out).toContain('1 recorded flow was cut')
  const wrong = await apply({}, all, ['deny-web'])
  expect(wrong.made).toEqual(['deny-web'])
  expect(wrong.out).not.toContain('flow was cut')
})
