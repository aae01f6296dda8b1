/** Steps on nodes in the wizard, at two sizes: the plan, the typed word, the waiting, a failure that put itself back, and undo. */
import stringWidth from 'string-width'
import { afterEach, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { controls } from '../../src/controls/index.gen.ts'
import type { HostSeen, Kind, KubeObject, SourceEvent, Step, Written } from '../../src/model/index.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { type Tell, WriteRefused, type Writer } from '../../src/plan/writer.ts'
import { misfits, type WizardTerminal, wizardIn } from '../helpers/terminal.tsx'
import { FakeDesk } from '../session/fake-desk.ts'

let terminal: WizardTerminal | undefined
afterEach(() => terminal?.close())

const OBJECTS = parseAllDocuments(`
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp-1, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: a}}
spec: {nodeName: cp-1, containers: [{name: kube-apiserver, image: "a:1", command: [kube-apiserver, --authorization-mode=Node]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kubeadm-config, namespace: kube-system}
data: {ClusterConfiguration: "apiVersion: kubeadm.k8s.io/v1beta4\\nkind: ClusterConfiguration\\n"}
`).map((document) => document.toJS() as KubeObject)
// A key that is there already, so that no name is made of today's date.
const text = JSON.stringify({
  kind: 'EncryptionConfiguration',
  apiVersion: 'apiserver.config.k8s.io/v1',
  resources: [{ resources: ['secrets'], providers: [{ identity: {} }, { secretbox: { keys: [{ name: 'key-1', secret: 'x' }] } }] }],
})
const host: HostSeen = {
  node: 'cp-1',
  carrier: 'local',
  controlPlane: true,
  files: [{ path: '/etc/kubernetes/enc/encryption-config.yaml', is: 'file', mode: 0o600, uid: 0, gid: 0, text }],
  unread: [],
} as unknown as HostSeen
const list = (kind: Kind): SourceEvent => ({
  type: 'replace',
  kind,
  items: OBJECTS.filter((one) => one.kind === kind).map((one) => [keyOf(one.metadata.namespace, one.metadata.name), one] as const),
})
const EVENTS: readonly SourceEvent[] = [
  list('Pod'),
  list('ConfigMap'),
  { type: 'fact', fact: 'Hosts', value: { hosts: [host] } },
  { type: 'fact', fact: 'ServerVersion', value: { gitVersion: 'v1.37.2', minor: 37 } } as SourceEvent,
]

/** Writes when it is told to, and cannot make the API server come back with the third step. */
class NodeWriter implements Writer {
  readonly name = 'nodes'
  readonly did: string[] = []
  tell: Tell = () => {}
  release = () => {}

  async rehearse(step: Step): Promise<never> {
    const diff = `--- cp-1:/etc/kubernetes/a.yaml\n+++ cp-1:/etc/kubernetes/a.yaml\n@@ -1,1 +1,1 @@\n+${step.title.slice(0, 20)}\n`
    const refused = { ok: false, refusedBy: 'cp-1', because: 'the file is not there yet' }
    return (
      step.after.length > 0 && this.did.length === 0 ? refused : { ok: true, rehearsal: { step, diff, warnings: [], prepared: step } }
    ) as never
  }
  async intent({ prepared }: { readonly prepared: unknown }): Promise<readonly Written[]> {
    return [{ target: { apiVersion: 'v1', kind: 'File', name: (prepared as Step).id }, before: null, after: null, undo: null }]
  }
  async commit({ prepared }: { readonly prepared: unknown }, _: unknown, __: unknown, tell: Tell = () => {}) {
    this.tell = tell
    const released = new Promise<void>((resolve) => (this.release = resolve))
    tell('kube-apiserver on cp-1 to come back (3 s)')
    await released
    if (this.did.length === 1)
      throw new WriteRefused(
        'kube-apiserver on cp-1',
        'kube-apiserver on cp-1 ends as soon as it is started; everything was put back as it was',
      )
    this.did.push((prepared as Step).title)
    return { warnings: [] }
  }
  state = async () => 'before' as const
  async undo(written: readonly Written[]): Promise<void> {
    this.did.push(`took back ${written.length}`)
  }
}

test.each([
  [80, 24],
  [120, 40],
])('at %ix%i they fit and read as approved', async (columns, rows) => {
  const writer = new NodeWriter()
  const desk = new FakeDesk({ objects: [], events: EVENTS, controls: controls.filter(({ id }) => id === 'sec-etcd-encryption'), writer })
  const wizard = (terminal = await wizardIn(desk, { columns, rows, choice: { kind: 'live', context: 'prod-eu-1' } }))
  const { press, until, clock } = wizard
  const frames: string[] = []
  const look = (name: string) => {
    expect(misfits(wizard, columns, rows, stringWidth), name).toEqual([])
    const frame = wizard.frame().split('\n')
    frames.push(`===== ${name}\n${frame.map((line) => line.trimEnd()).join('\n')}`)
  }
  await until('live,')
  await press('2', 'down', 'enter')
  await until('Step 1 of 6')
  look('finding')
  await press('end')
  look('finding, the end')
  await press('a')
  await until('Steps, in this order')
  look('plan')
  await press('down', 'enter')
  await until('Now: ')
  look('a step that waits for another')
  await press('esc', 'a')
  await until('To apply it type')
  clock.pass(400)
  await press(...'cp-2', 'enter')
  look('the word is another node')
  expect(writer.did).toEqual([])
  // Whoever has read on to the end of the change still sees what is waited for.
  await press('pagedown', 'pagedown', 'esc', ...'cp-1', 'enter')
  await until('to come back (3 s)')
  look('waiting')
  const before = wizard.lines()
  writer.tell('kube-apiserver on cp-1 to come back (8 s)')
  await until('to come back (8 s)')
  // In place: nothing else moves.
  expect(wizard.lines()).toEqual(before.map((line) => line.replace('(3 s)', '(8 s)')))
  clock.pass(14_000)
  await until('Step 1, 14 s: waiting for kube-apiserver on cp-1 to come back')
  writer.release()
  await until('step 2 of')
  await until('To apply it type')
  clock.pass(400)
  await press(...'cp-1', 'enter')
  await until('to come back (3 s)')
  writer.release()
  await until('Result')
  look('put back by itself')
  await press('u')
  await until('approved by')
  await press('u')
  look('undo?')
  clock.pass(400)
  await press('right', 'enter')
  await until('Undo: result')
  look('undone')
  expect(writer.did.slice(1)).toEqual(['took back 1'])
  await expect(`${frames.join('\n')}\n`).toMatchFileSnapshot(`./frames/hosts-${columns}x${rows}.txt`)
})
