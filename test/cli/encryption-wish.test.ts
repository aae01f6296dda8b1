import { describe, expect, it } from 'vitest'
import { prefixInTitle, rewriteChange } from '../../remediations/stored-rewrite.ts'
import { diedChange } from '../../src/cli/commands/encryption.ts'
import { type EncryptionRequest, encryptionWish } from '../../src/cli/commands/encryption-wish.ts'
import { judge } from '../../src/engine/judge.ts'
import type { HostAction } from '../../src/model/index.ts'
import { newKeyName } from '../../src/objects/encryption-hosts.ts'
import { compile } from '../../src/plan/compile.ts'
import type { RecordedRun } from '../../src/plan/journal.ts'
import { cli } from '../helpers/cli.ts'
import { worldOf } from '../helpers/world.ts'

const PATH = '/etc/kubernetes/enc/encryption-config.yaml'
const key = (name: string, kind = 'secretbox') => ({ [kind]: { keys: [{ name, secret: 'x' }] } })
/** One control-plane node, its API server given a file with these providers for Secrets. */
const node = (name: string, ...providers: object[]) => {
  const given = providers.length > 0 ? `, --encryption-provider-config=${PATH}, --encryption-provider-config-automatic-reload=true` : ''
  const text = JSON.stringify({ kind: 'EncryptionConfiguration', resources: [{ resources: ['secrets'], providers }] })
  return {
    host: {
      node: name,
      carrier: 'local',
      controlPlane: true,
      unread: [],
      files: providers.length > 0 ? [{ path: PATH, is: 'file', mode: 0o600, uid: 0, gid: 0, text }] : [],
    },
    pod: `
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-${name}, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: a}}
spec: {nodeName: ${name}, containers: [{name: kube-apiserver, image: "a:1", command: [kube-apiserver, --authorization-mode=Node${given}]}]}`,
  }
}
const plan = (request: EncryptionRequest, ...nodes: ReturnType<typeof node>[]) => planIn(request, {}, undefined, ...nodes)
function planIn(request: EncryptionRequest, more: object, died: string | undefined, ...nodes: ReturnType<typeof node>[]) {
  const ServedResources = {
    groups: [
      { group: '', resources: ['bindings', 'secrets'], kept: ['secrets'] },
      { group: 'apps', resources: ['deployments', 'deployments/scale'], kept: ['deployments'] },
    ],
  }
  const facts = {
    Hosts: { hosts: nodes.map(({ host }) => host) },
    ServerVersion: { gitVersion: 'v1.37.1', minor: 37 },
    ServedResources,
    ...more,
  }
  const { snapshot } = worldOf(
    `apiVersion: k8s-harden.test/v1\nkind: World\nfacts: ${JSON.stringify(facts)}${nodes.map(({ pod }) => pod).join('')}`,
  )
  const control = encryptionWish(request, () => died)
  const { findings } = judge(control, snapshot)
  const made = compile(findings, new Map([[control.id, control]]), snapshot, {})
  const steps = made.steps.map(({ changes: [change] }) => (change?.type === 'host' ? words(change.action) : (change?.type ?? '')))
  return {
    steps,
    findings: findings.length,
    why: made.ledger.byHand.map(({ why }) => why).join(),
    said: made.steps.flatMap(({ mayBreak }) => mayBreak).join(),
  }
}
function words(action: HostAction): string {
  if (action.do === 'flags') return `${action.node} flags ${Object.values(action.flags).join()}`
  if (action.do === 'rewrite')
    return `${action.onlyUndo ? 'gate' : 'rewrite'} ${action.resources} ${action.prefix || 'plain'}${action.newKey ? ' with its new key' : ''}`
  if (action.do !== 'encryption') return action.do
  return `${action.node} ${action.rules.map(({ resources, providers }) => `${resources}: ${providers.map((one) => ('keys' in one ? one.keys : one.kind)).join(' > ')}`).join('; ')}`
}

describe('the journal of a change of keys', () => {
  const [file, again, other] = [
    { id: 'a', title: 'encryption on cp-1: secrets now written with secretbox new' },
    { id: 'b', title: 'stored secrets: each stored anew, with k8s:enc:secretbox:v1:new:' },
    { id: 'c', title: 'kube-scheduler on cp-1: set --profiling=false' },
  ]
  const run = (steps: readonly object[], made: readonly object[], closed = false, server = 'here') =>
    ({ header: { source: { server }, steps }, steps: made, closed }) as unknown as RecordedRun
  const done = (id: string) => ({ id, status: 'written', verified: true, writes: [{}] })
  const died = (...runs: readonly RecordedRun[]) => diedChange(runs, 'here')

  it.each([
    ['before what is stored came to its turn', [done('a')]],
    ['in the midst of it', [done('a'), { id: 'b', status: 'written', verified: false, writes: [{}] }]],
  ])('tells that it died %s', (_, made) => {
    expect(died(run([file, again], made))).toBe('k8s:enc:secretbox:v1:new:')
    expect(died(run([file, again], made, true))).toBeUndefined()
    expect(died(run([file, again], made, false, 'elsewhere'))).toBeUndefined()
    // The latest counts.
    expect(died(run([again], [done('b')], true), run([file, again], made))).toBeUndefined()
  })
  it('tells nothing where the rest was something else, or was taken back', () => {
    expect(died(run([again, other], [done('b')]))).toBeUndefined()
    expect(died(run([file, again], [done('a'), { id: 'b', status: 'undone', verified: false, writes: [{}] }]))).toBeUndefined()
    expect(died()).toBeUndefined()
  })
  it('knows its steps by the titles they are given', () => {
    expect(prefixInTitle((rewriteChange(['secrets', 'configmaps'], 'k8s:enc:aescbc:v1:k:', []) as { title: string }).title)).toBe(
      'k8s:enc:aescbc:v1:k:',
    )
    for (const change of [rewriteChange(['secrets'], '', []), rewriteChange(['secrets'], 'k8s:enc:aescbc:v1:k:', [], true)])
      expect(prefixInTitle((change as { title: string }).title)).toBeUndefined()
  })
})

describe('what an operator asks of encryption at rest', () => {
  it('a new key: read by all, then written, then the old one goes', () => {
    const { steps } = plan({ do: 'rotate', removeOld: true }, node('cp-1', key('old'), { identity: {} }))
    const [name] = /key-\d{8}/.exec(steps.join())!
    expect(steps).toEqual([
      `cp-1 secrets: old,${name} > identity`,
      'gate secrets k8s:enc:secretbox:v1:old:',
      `cp-1 secrets: ${name},old > identity`,
      `rewrite secrets k8s:enc:secretbox:v1:${name}:`,
      `cp-1 secrets: ${name}`,
    ])
  })

  it('a change of keys that was interrupted goes on with the newer one', () => {
    const { steps } = plan(
      { do: 'rotate', removeOld: false },
      node('cp-1', { secretbox: { keys: [{ name: 'key-2' }, { name: 'key-1' }] } }),
      node('cp-2', { secretbox: { keys: [{ name: 'key-1' }, { name: 'key-2' }] } }),
    )
    expect(steps).toEqual(['cp-2 secrets: key-2,key-1', 'rewrite secrets k8s:enc:secretbox:v1:key-2:'])
  })

  it('of one day too: the second key of a day is newer than the first; a name of somebody else tells no age', () => {
    const [first, second] = ['key-20260101', 'key-20260101-2']
    const both = (...names: string[]) => ({ secretbox: { keys: names.map((name) => ({ name })) } })
    const steps = (...nodes: ReturnType<typeof node>[]) => plan({ do: 'rotate', removeOld: false }, ...nodes).steps
    expect(steps(node('cp-1', both(second, first)), node('cp-2', both(first, second)))).toEqual([
      `cp-2 secrets: ${second},${first}`,
      `rewrite secrets k8s:enc:secretbox:v1:${second}:`,
    ])
    // All can read it already, and nobody writes it yet.
    expect(steps(node('cp-1', both(first, second)))).toEqual([
      `gate secrets k8s:enc:secretbox:v1:${first}:`,
      `cp-1 secrets: ${second},${first}`,
      `rewrite secrets k8s:enc:secretbox:v1:${second}:`,
    ])
    for (const names of [
      [second, first],
      ['alpha', 'beta'],
      ['beta', first],
    ])
      expect(steps(node('cp-1', both(...names)))[0]).not.toBe(`gate secrets k8s:enc:secretbox:v1:${names[0]}:`)
  })

  describe('a change of keys that died when all wrote the new one', () => {
    const both = (name: string) => node(name, { secretbox: { keys: [{ name: 'new' }, { name: 'old' }] } }, { identity: {} })
    const stored = (read: object, more: object = {}) => ({
      StoredForm: { resources: [{ resource: 'secrets', objects: 9, looked: 9, read, newest: {}, failed: 0, ...more }] },
    })
    const HALF = stored({ 'k8s:enc:secretbox:v1:': 9, 'new:': 4, 'old:': 5 })
    const DONE = stored({ 'k8s:enc:secretbox:v1:': 9, 'new:': 9 })
    const rotate = { do: 'rotate', removeOld: false } as const

    it('goes on with what is stored, draws no further key, and says so', () => {
      const { steps, said } = planIn(rotate, HALF, undefined, both('cp-1'), both('cp-2'))
      expect(steps).toEqual(['rewrite secrets k8s:enc:secretbox:v1:new:'])
      expect(said).toContain('no further key is drawn: the change to k8s:enc:secretbox:v1:new: was interrupted and goes on')
    })
    it('lets go of the old key only when all is stored anew', () => {
      expect(planIn({ ...rotate, removeOld: true }, HALF, undefined, both('cp-1')).steps).toEqual([
        'rewrite secrets k8s:enc:secretbox:v1:new:',
        'cp-1 secrets: new',
      ])
    })
    it('is known by its journal too, where the counters tell nothing of it', () => {
      expect(planIn({ ...rotate, removeOld: true }, DONE, 'k8s:enc:secretbox:v1:new:', both('cp-1')).steps).toEqual([
        'rewrite secrets k8s:enc:secretbox:v1:new:',
        'cp-1 secrets: new',
      ])
    })
    it.each([
      ['all is stored anew', DONE, undefined],
      ['the run that died brought another key', DONE, 'k8s:enc:secretbox:v1:old:'],
      ['the counts are in doubt', stored({ 'old:': 5 }, { doubt: 'another API server answered' }), undefined],
      ['nothing is counted', {}, undefined],
    ])('is none where %s: a new key comes', (_, facts, died) => {
      const { steps, said } = planIn(rotate, facts, died, both('cp-1'))
      expect(steps[0]).toMatch(/^cp-1 secrets: new,key-\d{8},old > identity$/)
      expect(said).not.toContain('no further key')
    })
  })

  it('the name of a key that was let go of is not given again', () => {
    const form = (...names: string[]) => names.map((name) => ({ kind: 'secretbox' as const, keys: [name] }))
    const names = [
      form(),
      form('key-1'),
      form('key-20261126'),
      form('key-20261126-2'),
      form('key-20261126-9', 'key-20261126-10', 'key-20261125-30'),
    ]
    expect(names.map((forms) => newKeyName('2026-11-26T10:00:00Z', forms).slice(12))).toEqual(['', '', '-2', '-3', '-11'])
  })

  it('off: plain text first, then without the flags', () => {
    expect(plan({ do: 'disable' }, node('cp-1', key('k')), node('cp-2', key('k'))).steps).toEqual([
      'cp-1 secrets: k > identity',
      'cp-2 secrets: k > identity',
      'gate secrets k8s:enc:secretbox:v1:k:',
      'cp-1 secrets: identity > k',
      'cp-2 secrets: identity > k',
      'rewrite secrets plain',
      'cp-1 flags ,',
      'cp-2 flags ,',
    ])
    expect(plan({ do: 'disable' }, node('cp-1')).findings).toBe(0)
    // Killed when nothing but kubeadm's configuration was left, which would bring the flags back.
    const still = node('cp-1')
    const configuration = 'apiServer: {extraArgs: [{name: encryption-provider-config, value: /etc/kubernetes/enc/encryption-config.yaml}]}'
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubeadm-config', namespace: 'kube-system' } }
    const pod = `${still.pod}\n---\n${JSON.stringify({ ...configMap, data: { ClusterConfiguration: configuration } })}`
    expect(plan({ do: 'disable' }, { ...still, pod }).steps).toEqual(['edit'])
  })

  it('more resources, by the key that is there', () => {
    expect(plan({ do: 'cover', resources: ['configmaps'] }, node('cp-1', key('k'))).steps).toEqual([
      'cp-1 secrets: k; configmaps: identity > k',
      'gate configmaps plain',
      'cp-1 secrets: k; configmaps: k > identity',
      'rewrite configmaps k8s:enc:secretbox:v1:k:',
    ])
  })

  it('wildcards: what is stored anew is named', () => {
    expect(plan({ do: 'cover', resources: ['*.apps'] }, node('cp-1', key('k'))).steps).toEqual([
      'cp-1 secrets: k; *.apps: identity > k',
      'gate deployments.apps plain',
      'cp-1 secrets: k; *.apps: k > identity',
      'rewrite deployments.apps k8s:enc:secretbox:v1:k:',
    ])
  })

  it('a KMS changes its key by itself: what is stored is stored anew with it, and no file changes', () => {
    const vault = { kms: { apiVersion: 'v2', name: 'vault', endpoint: 'unix:///run/vault.sock' } }
    const { steps } = plan({ do: 'rotate', removeOld: false }, node('cp-1', vault, { identity: {} }), node('cp-2', vault, { identity: {} }))
    expect(steps).toEqual(['rewrite secrets k8s:enc:kms:v2:vault: with its new key'])
  })

  it('and that is fulfilled when nothing is left under an older key', () => {
    const control = encryptionWish({ do: 'rotate', removeOld: false })
    const vault = node('cp-1', { kms: { apiVersion: 'v2', name: 'vault', endpoint: 'unix:///run/vault.sock' } })
    const findingsOf = (read: Record<string, number>) => {
      const keys = { read, now: 'sha256:new' }
      const StoredForm = {
        resources: [{ resource: 'secrets', objects: 3, looked: 3, read: { 'k8s:enc:kms:v2:vault:': 3 }, newest: {}, keys, failed: 0 }],
      }
      const facts = { Hosts: { hosts: [vault.host] }, ServerVersion: { gitVersion: 'v1.37.1', minor: 37 }, StoredForm }
      const { snapshot } = worldOf(`apiVersion: k8s-harden.test/v1\nkind: World\nfacts: ${JSON.stringify(facts)}${vault.pod}`)
      const { findings } = judge(control, snapshot)
      compile(findings, new Map([[control.id, control]]), snapshot, {})
      return findings.length
    }
    // Nobody has changed the key yet: the step says so when it is rehearsed.
    expect(findingsOf({ 'sha256:new': 3 })).toBe(1)
    expect(findingsOf({ 'sha256:new': 1, 'sha256:old': 2 })).toBe(1)
    expect(findingsOf({ 'sha256:new': 3 })).toBe(0)
  })

  it('says why not', () => {
    expect(plan({ do: 'rotate', removeOld: false }, node('cp-1')).why).toMatch(/nothing is encrypted/)
    const v1 = { kms: { name: 'v', endpoint: 'unix:///v' } }
    expect(plan({ do: 'rotate', removeOld: false }, node('cp-1', v1)).why).toMatch(/change to version 2 first/)
    expect(plan({ do: 'cover', resources: ['pods'] }, node('cp-1', { rot13: {} })).why).toMatch(/--host NODE=CARRIER/)
  })

  it('off needs a consent of its own, and words that are not known change nothing', async () => {
    const off = await cli(['encryption', 'disable', '--sample', '--yes', '--accept-risk', 'may-break'])
    expect(off.exitCode).toBe(2)
    expect(off.stderr).toMatch(/consent of its own[\s\S]*--yes-store-secrets-in-plain-text/)
    expect((await cli(['encryption', 'explode', '--sample', '--yes'])).stderr).toMatch(/is not known/)
    const hosted = await cli(['encryption', 'status', '--sample', '--host', 'cp-1=local'])
    expect([hosted.exitCode, hosted.stderr]).toEqual([2, expect.stringMatching(/--host reaches the nodes of a cluster/)])
    const status = await cli(['encryption', 'status', '--sample'])
    expect(status.exitCode).toBe(5)
    expect(status.stderr).toMatch(/not known/)
    // The option is there, and only a cluster has nodes.
    const reached = await cli(['encryption', 'status', '--sample', '--host', 'cp-1=local'])
    expect([reached.exitCode, reached.stderr]).toEqual([2, expect.stringContaining('--host reaches the nodes of a cluster')])
  })
})
