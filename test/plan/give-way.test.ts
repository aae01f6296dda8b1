import { describe, expect, it } from 'vitest'
import secEtcdEncryptionCoverage from '../../src/controls/secrets/sec-etcd-encryption-coverage.ts'
import secEtcdEncryptionProvider from '../../src/controls/secrets/sec-etcd-encryption-provider.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { worldOf } from '../helpers/world.ts'

const PATH = '/etc/kubernetes/enc/encryption-config.yaml'
const OLD = 'k8s:enc:secretbox:v1:old:'
/** One control-plane node; Secrets from before the encryption, and a file that is as it should be but for what is given. */
function planned({ mode = 0o600, secret }: { mode?: number; secret: string }) {
  const providers = [{ secretbox: { keys: [{ name: 'old', secret }] } }, { identity: {} }]
  const text = JSON.stringify({ kind: 'EncryptionConfiguration', resources: [{ resources: ['secrets'], providers }] })
  const files = [{ path: PATH, is: 'file', mode, uid: 0, gid: 0, text }]
  const facts = {
    Hosts: { hosts: [{ node: 'cp-1', carrier: 'local', controlPlane: true, unread: [], files }] },
    ServerVersion: { gitVersion: 'v1.37.1', minor: 37 },
    StoredForm: {
      resources: [
        {
          resource: 'secrets',
          objects: 2,
          looked: 2,
          read: { '': 1, 'k8s:enc:secretbox:v1:': 1, 'old:': 1 },
          newest: { 'k8s:enc:secretbox:v1:': 1, 'old:': 1 },
          failed: 0,
        },
      ],
    },
  }
  const { snapshot } = worldOf(`apiVersion: k8s-harden.test/v1
kind: World
source: live
facts: ${JSON.stringify(facts)}
---
{"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "metadata": {"name": "encryption-config.yaml"}, "resources": ${JSON.stringify([{ resources: ['secrets'], providers }])}}
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp-1, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: a}}
spec: {nodeName: cp-1, containers: [{name: kube-apiserver, image: "a:1", command: [kube-apiserver, --authorization-mode=Node, "--encryption-provider-config=${PATH}", --encryption-provider-config-automatic-reload=true]}]}`)
  const controls = [
    { ...secEtcdEncryptionCoverage, id: 'sec-etcd-encryption-coverage', practice: 'secrets' },
    { ...secEtcdEncryptionProvider, id: 'sec-etcd-encryption-provider', practice: 'secrets' },
  ] as unknown as RegisteredControl[]
  const findings = controls.flatMap((control) => judge(control, snapshot).findings)
  const { steps, ledger } = compile(findings, new Map(controls.map((control) => [control.id, control])), snapshot, {})
  const keys = steps.map(({ changes: [change] }) => (change?.type === 'host' ? change.key.replace(/key-\d{8}/, 'NEW') : ''))
  return { keys, steps, findings, ledger }
}
const RIGHTS = `cp-1:${PATH} rights`
const WEAK = 'c2hvcnQ='
const GOOD = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA='

describe('one finding whose fix another one does on its way', () => {
  it('alone, what is stored in plain text is stored anew with the key of now', () => {
    expect(planned({ secret: GOOD }).keys).toEqual([`rewrite secrets to ${OLD}`])
    expect(planned({ secret: GOOD, mode: 0o644 }).keys.toSorted()).toEqual([RIGHTS, `rewrite secrets to ${OLD}`])
  })

  it('beside a new key, it is stored anew once, with that one; and the file has its mode by then', () => {
    const { keys, steps, findings, ledger } = planned({ secret: WEAK, mode: 0o644 })
    // Who may read the file is put right beside the stages, whatever their order.
    expect(keys.filter((one) => one !== RIGHTS)).toEqual([
      'cp-1/encryption read',
      `rewrite secrets back to ${OLD}`,
      'cp-1/encryption write',
      'rewrite secrets to k8s:enc:secretbox:v1:NEW:',
      'cp-1/encryption drop',
    ])
    expect(ledger).toMatchObject({ byHand: [], refused: [], needsValue: [] })
    expect(ledger.fixable.toSorted()).toEqual(findings.map(({ id }) => id).toSorted())
    // Each finding is mended by one step, the last that it needs.
    expect(steps.flatMap(({ mends }) => mends).toSorted()).toEqual(findings.map(({ id }) => id).toSorted())
    const stages = steps.filter((_, index) => keys[index] !== RIGHTS)
    for (const [index, step] of stages.entries())
      expect(step.after).toEqual(index === 0 ? [] : expect.arrayContaining([stages[index - 1]!.id]))
  })
})
