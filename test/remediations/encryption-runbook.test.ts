/** The files and the runbook for where no carrier reaches, carried out line by line: never can one API server not read what another wrote. */
import { mkdtempSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import secEtcdEncryption from '../../src/controls/secrets/sec-etcd-encryption.ts'
import type { Approval, Change, Plan, Step } from '../../src/model/index.ts'
import { FilesWriter } from '../../src/writers/files.ts'
import { writePatchFiles } from '../../src/writers/patch-files.ts'
import { clock, EncryptionWorld, MANIFEST, sleep } from '../writers/encryption-world.ts'
import { proposals } from './proposals.ts'

afterEach(() => clock.worlds.clear())

const apiServer = (name: string) =>
  `---\n${JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } }, spec: { containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', '--a=1'] }] } })}\n`
const WORLD = `apiVersion: k8s-harden.test/v1\nkind: World\n${apiServer('kube-apiserver-a')}${apiServer('kube-apiserver-b')}`

type FileChange = Extract<Change, { type: 'file' }>
function handedOver(): readonly [FileChange, FileChange] {
  const { proposal } = proposals('sec-etcd-encryption', secEtcdEncryption, WORLD)[0]!
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  const [configuration, flags, ...more] = proposal.changes
  expect(more).toEqual([])
  return [configuration as FileChange, flags as FileChange]
}
const stepOf = (change: Change) =>
  ({
    id: 's1',
    title: 't',
    changes: [change],
    inverse: [],
    mends: [],
    controls: [],
    mayBreak: [],
    after: [],
    managedBy: '',
    carriedOut: 'file',
    risk: 'may-break',
  }) as unknown as Step
const emptyDirectory = () => join(mkdtempSync(join(tmpdir(), 'k8s-harden-runbook-')), 'out')
const keyIn = (text: string) => /secret: "(.+)"/.exec(text)![1]!

/** `apply` writes them so. */
async function applied(change: Change): Promise<string> {
  const directory = emptyDirectory()
  const writer = new FilesWriter({ directory })
  const rehearsed = await writer.rehearse(stepOf(change))
  if (!rehearsed.ok) throw new Error(rehearsed.because)
  expect(rehearsed.rehearsal.diff).not.toContain('{{key')
  const approval = { digest: 'd', steps: new Set(['s1']), by: 'test' } as unknown as Approval
  await writer.commit(rehearsed.rehearsal, await writer.intent(rehearsed.rehearsal), approval)
  return directory
}
/** `generate` does so. */
async function generated(change: Change): Promise<string> {
  const directory = emptyDirectory()
  const plan: Plan = { digest: 'd', revision: 1, steps: [stepOf(change)], ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } }
  await writePatchFiles(plan, new Map(), directory, { version: 'x', time: 'x', source: { kind: 'live', name: 'x' } })
  return join(directory, 'files')
}

describe('turning encryption on by hand', () => {
  it.each([applied, generated])('two files with one key, for root only, drawn anew each time (%o)', async (write) => {
    const [{ name, later, ...change }] = handedOver()
    const keys: string[] = []
    for (let time = 0; time < 2; time++) {
      const directory = await write({ name, later: later!, ...change })
      const texts = [name, later!.name].map((one) => readFileSync(join(directory, one), 'utf8'))
      for (const one of [name, later!.name]) expect(statSync(join(directory, one)).mode & 0o777).toBe(0o600)
      expect(texts[0]).toMatch(/identity: \{\}[\s\S]*secretbox/)
      expect(texts[1]).toMatch(/secretbox[\s\S]*identity: \{\}/)
      expect(keyIn(texts[0]!)).toBe(keyIn(texts[1]!))
      expect(Buffer.from(keyIn(texts[0]!), 'base64')).toHaveLength(32)
      keys.push(keyIn(texts[0]!))
    }
    expect(new Set(keys).size).toBe(2)
  })

  /** Every line of the runbook that changes something; whoever reads it may stop for any time between two nodes. */
  async function carryOut(runbook: readonly string[], directory: string, pause: number): Promise<EncryptionWorld> {
    const world = new EncryptionWorld(2, 3)
    await sleep(5_000)
    const wait = async () => {
      for (let waited = 0; waited <= pause; waited += 5_000) {
        world.traffic()
        await sleep(5_000)
      }
    }
    let done = 0
    for (const line of runbook) {
      const copy = /on (every|one) control-plane node.*`.*install .*\/(\S+) (\/\S+) && rm /.exec(line)
      const isFlags = /under command, set: /.test(line)
      const isRewrite = line.startsWith('store anew what is stored')
      if (copy === null && !isFlags && !isRewrite) {
        expect(line).not.toMatch(/\b(swap|put|restart)\b.*secretbox/)
        continue
      }
      done++
      if (isRewrite)
        for (const name of [...world.etcd.keys()]) world.touch(world.nodes[0]!.server!, name, String(world.etcd.get(name)!.rv), false)
      else
        for (const node of world.nodes) {
          if (copy !== null) node.files.set(copy[3]!, { text: readFileSync(join(directory, copy[2]!), 'utf8'), mode: 0o600 })
          else {
            const { text, mode } = node.files.get(MANIFEST)!
            const flags = [
              'encryption-provider-config=/etc/kubernetes/enc/encryption-config.yaml',
              'encryption-provider-config-automatic-reload=true',
            ]
            const line = '        - --authorization-mode=Node,RBAC\n'
            expect(text).toContain(line)
            node.files.set(MANIFEST, { text: text.replace(line, `${line}${flags.map((flag) => `        - --${flag}\n`).join('')}`), mode })
          }
          await wait()
        }
      // What the next line begins with: "when every API server runs with it".
      if (copy === null || copy[1] === 'one') await sleep(70_000)
    }
    expect(done).toBe(4)
    world.traffic()
    await sleep(70_000)
    return world
  }

  it.each([0, 20_000, 90_000])('in the order of the runbook, with %i ms between two nodes', async (pause) => {
    const [configuration, flags] = handedOver()
    expect(flags.text.text).toContain('/etc/kubernetes/enc/encryption-config.yaml')
    const directory = await applied(configuration)
    const world = await carryOut([...configuration.runbook, ...flags.runbook], directory, pause)
    expect(world.faults).toEqual([])
    expect(world.forms()).toEqual([expect.stringMatching(/^k8s:enc:secretbox:v1:key-\d{8}:$/)])
  })

  it('and the test sees it where the key writes first', async () => {
    const [configuration, flags] = handedOver()
    const directory = await applied(configuration)
    const { name, later } = configuration
    const early = [...configuration.runbook, ...flags.runbook].map((line) => line.replaceAll(`/${name} /etc`, `/${later!.name} /etc`))
    expect((await carryOut(early, directory, 20_000)).faults.join()).toMatch(/cannot read/)
  })
})
