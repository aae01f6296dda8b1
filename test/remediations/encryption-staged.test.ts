import { describe, expect, it } from 'vitest'
import secEtcdEncryption from '../../src/controls/secrets/sec-etcd-encryption.ts'
import { judge } from '../../src/engine/judge.ts'
import type { HostAction, Json, Proposal, RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from './proposals.ts'

const PATH = '/etc/kubernetes/enc/encryption-config.yaml'
const pod = (node: string, ...flags: string[]) => `
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-${node}, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: a}}
spec: {nodeName: ${node}, containers: [{name: kube-apiserver, image: "a:1", command: [kube-apiserver, --authorization-mode=Node, ${flags.join(', ')}]}]}`
const KUBEADM = `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kubeadm-config, namespace: kube-system}
data: {ClusterConfiguration: "apiVersion: kubeadm.k8s.io/v1beta4\\nkind: ClusterConfiguration\\n"}`
const config = (providers: object[]) =>
  JSON.stringify({
    kind: 'EncryptionConfiguration',
    apiVersion: 'apiserver.config.k8s.io/v1',
    resources: [{ resources: ['secrets'], providers }],
  })
const secretbox = (...names: string[]) => ({ secretbox: { keys: names.map((name) => ({ name, secret: 'x' })) } })
const host = (node: string, text?: string, more: object = {}) => ({
  node,
  carrier: 'local',
  controlPlane: true,
  files: text === undefined ? [] : [{ path: PATH, is: 'file', mode: 0o600, uid: 0, gid: 0, text }],
  unread: [],
  ...more,
})
const world = (hosts: object[], rest: string, minor = 37) =>
  `apiVersion: k8s-harden.test/v1\nkind: World\nfacts: ${JSON.stringify({ Hosts: { hosts }, ServerVersion: { gitVersion: `v1.${minor}.1`, minor } })}${rest}`
const GIVEN = [`--encryption-provider-config=${PATH}`, '--encryption-provider-config-automatic-reload=true']

const propose = (text: string, options: Record<string, Json> = {}): Proposal =>
  proposals('sec-etcd-encryption', secEtcdEncryption, text, options)[0]!.proposal
/** `cp-1 later secrets: identity > key-1`, in order. */
const told = (proposal: Proposal): string[] => {
  if (!('changes' in proposal)) return [JSON.stringify(proposal)]
  return proposal.changes.map((change) =>
    change.type === 'host' ? words(change.action) : `${change.type} ${'target' in change ? change.target.name : ''}`,
  )
}
function words(action: HostAction): string {
  if (action.do === 'flags')
    return `${action.node} flags ${Object.keys(action.flags).length} ${action.mounts.map(({ path, type, readOnly }) => `${path} ${type} ${readOnly}`)}`
  if (action.do === 'rewrite') return `${action.onlyUndo ? 'gate' : 'rewrite'} ${action.resources} ${action.prefix || 'plain'}`
  if (action.do !== 'encryption') return action.do
  const rules = action.rules.map(
    ({ resources, providers }) =>
      `${resources}: ${providers.map((one) => ('keys' in one ? `${one.kind} ${one.keys}` : one.kind)).join(' > ')}`,
  )
  return `${action.node} ${action.loadedBy} ${rules.join('; ')}`
}

describe('encryption at rest where hosts reach every API server', () => {
  const plain = world([host('cp-1'), host('cp-2')], pod('cp-1') + pod('cp-2') + KUBEADM)

  it('file, flags, then the next node; then the key writes, then what is stored is stored anew', () => {
    const [key] = /key-\d{8}/.exec(told(propose(plain)).join()) ?? []
    expect(told(propose(plain))).toEqual([
      `cp-1 later secrets: identity > secretbox ${key}`,
      'cp-1 flags 2 /etc/kubernetes/enc Directory true',
      `cp-2 later secrets: identity > secretbox ${key}`,
      'cp-2 flags 2 /etc/kubernetes/enc Directory true',
      'edit kubeadm-config',
      'gate secrets plain',
      `cp-1 reload secrets: secretbox ${key} > identity`,
      `cp-2 reload secrets: secretbox ${key} > identity`,
      `rewrite secrets k8s:enc:secretbox:v1:${key}:`,
    ])
  })

  it('where kubeadm would start API servers without the file, it is told of it, and nothing else is touched', () => {
    const mounted = (text: string) =>
      text
        .replace(
          'name: kube-apiserver, ',
          'name: kube-apiserver, volumeMounts: [{name: enc, mountPath: /etc/kubernetes/enc, readOnly: true}], ',
        )
        .replace(/}$/, ', volumes: [{name: enc, hostPath: {path: /etc/kubernetes/enc, type: Directory}}]}')
    const given = [config([secretbox('k'), { identity: {} }]), mounted(pod('cp-1', ...GIVEN)) + KUBEADM] as const
    const { snapshot } = worldOf(world([host('cp-1', given[0])], given[1]))
    const control = { ...secEtcdEncryption, id: 'sec-etcd-encryption', practice: 'secrets' } as unknown as RegisteredControl
    const { status, findings } = judge(control, snapshot)
    expect([status, findings.map(({ subject }) => subject.name)]).toEqual(['review', ['kubeadm-config']])
    const { steps } = compile(findings, new Map([[control.id, control]]), snapshot, {})
    expect(steps.map(({ risk, changes }) => [risk, changes.length, JSON.stringify(changes)])).toEqual([
      ['safe', 1, expect.stringMatching(/encryption-provider-config\\n.*automatic-reload.*\/etc\/kubernetes\/enc/)],
    ])
  })

  it('two findings, one for each API server, make one list of steps, each after the one before', () => {
    const { snapshot } = worldOf(plain)
    const control = { ...secEtcdEncryption, id: 'sec-etcd-encryption', practice: 'secrets' } as unknown as RegisteredControl
    const findings = judge(control, snapshot).findings
    expect(findings).toHaveLength(2)
    const plan = compile(findings, new Map([[control.id, control]]), snapshot, {})
    expect(plan.steps).toHaveLength(9)
    expect(
      plan.steps
        .filter(({ changes }) => changes[0]?.type === 'host')
        .map(({ changes: [change] }) => (change?.type === 'host' ? words(change.action).split(' ').slice(0, 2).join(' ') : '')),
    ).toEqual(['cp-1 later', 'cp-1 flags', 'cp-2 later', 'cp-2 flags', 'gate secrets', 'cp-1 reload', 'cp-2 reload', 'rewrite secrets'])
  })

  it('options: another provider, more resources, identity taken out at the end', () => {
    const all = told(
      propose(plain, {
        provider: 'kms-v2',
        'kms-socket': 'unix:///run/kms/vault.sock',
        resources: 'secrets,configmaps',
        identity: 'remove',
      }),
    )
    expect(all[0]).toBe('cp-1 later secrets,configmaps: identity > kms')
    expect(all[1]).toBe('cp-1 flags 2 /etc/kubernetes/enc Directory true,/run/kms Directory false')
    expect(all).toContain('edit kubeadm-config')
    expect(all.slice(-3)).toEqual([
      'rewrite secrets,configmaps k8s:enc:kms:v2:vault:',
      'cp-1 reload secrets,configmaps: kms',
      'cp-2 reload secrets,configmaps: kms',
    ])
    expect(propose(plain, { provider: 'kms-v2' })).toMatchObject({ needs: { option: 'kms-socket' } })
    expect(propose(plain, { provider: 'kms-v2', 'kms-socket': 'tcp://1.2.3.4' })).toMatchObject({
      refused: expect.stringMatching(/no unix socket/),
    })
  })

  it('one that encrypts already: the other gets what it writes, no second key', () => {
    const half = world([host('cp-1', config([secretbox('old'), { identity: {} }])), host('cp-2')], pod('cp-1', ...GIVEN) + pod('cp-2'))
    expect(told(propose(half))).toEqual([
      'cp-2 later secrets: identity > secretbox old',
      'cp-2 flags 2 /etc/kubernetes/enc Directory true',
      'cp-2 reload secrets: secretbox old > identity',
      'rewrite secrets k8s:enc:secretbox:v1:old:',
    ])
  })

  it("a file that is mounted alone is never seen anew: its directory takes that mount's place before any file changes", () => {
    const alone = (node: string, path = PATH) =>
      `${pod(node, ...GIVEN.map((flag) => flag.replace(PATH, path)))}
`.replace('command:', `volumeMounts: [{name: enc, mountPath: ${path}}], command:`)
    const files = (path = PATH) =>
      [host('cp-1', config([{ identity: {} }, secretbox('one')]), {}), host('cp-2', config([{ identity: {} }, secretbox('one')]), {})].map(
        (one) => ({ ...one, files: one.files.map((file) => ({ ...file, path })) }),
      )
    const steps = told(propose(world(files(), alone('cp-1') + pod('cp-2', ...GIVEN) + KUBEADM)))
    expect(steps.filter((step) => !step.startsWith('edit'))).toEqual([
      'cp-1 flags 2 /etc/kubernetes/enc Directory true',
      'gate secrets plain',
      'cp-1 reload secrets: secretbox one > identity',
      'cp-2 reload secrets: secretbox one > identity',
      'rewrite secrets k8s:enc:secretbox:v1:one:',
    ])
    // Nobody wants all of /etc in an API server.
    const inEtc = told(propose(world(files('/etc/enc.yaml'), alone('cp-1', '/etc/enc.yaml') + alone('cp-2', '/etc/enc.yaml'))))
    expect(inEtc.join()).not.toContain('reload')
  })
  it('one that a shell script starts gets its flags by hand: no file is placed before, and none where it has them', () => {
    const script = (node: string, ...flags: string[]) =>
      pod(node).replace(/command: .*\]\}\]\}$/, `command: [sh, -c, "exec kube-apiserver --authorization-mode=Node ${flags.join(' ')}"]}]}`)
    expect(told(propose(world([host('cp-1'), host('cp-2')], pod('cp-1') + script('cp-2') + KUBEADM))).join()).not.toContain('later')
    const both = ['cp-1', 'cp-2'].map((node) => host(node, config([{ identity: {} }, secretbox('one')])))
    expect(told(propose(world(both, pod('cp-1', ...GIVEN) + script('cp-2', ...GIVEN)))).slice(0, 2)).toEqual([
      'gate secrets plain',
      'cp-1 reload secrets: secretbox one > identity',
    ])
  })
  it('a run that died after its first file goes on with that key', () => {
    const begun = world([host('cp-1', config([{ identity: {} }, secretbox('key-20200101')])), host('cp-2')], pod('cp-1') + pod('cp-2'))
    expect(told(propose(begun))[2]).toBe('cp-2 later secrets: identity > secretbox key-20200101')
    const given = world(
      [host('cp-1', config([{ identity: {} }, secretbox('key-20200101')])), host('cp-2')],
      pod('cp-1', ...GIVEN) + pod('cp-2'),
    )
    expect(told(propose(given)).slice(0, 3)).toEqual([
      'cp-2 later secrets: identity > secretbox key-20200101',
      'cp-2 flags 2 /etc/kubernetes/enc Directory true',
      'gate secrets plain',
    ])
  })

  it.each([
    ['a node is not among the hosts', world([host('cp-1')], pod('cp-1') + pod('cp-2'))],
    ['a node refused', world([host('cp-1'), host('cp-2', undefined, { refused: 'ssh: no' })], pod('cp-1') + pod('cp-2'))],
    ['the file could not be read', world([host('cp-1', undefined, { unread: [{ path: PATH, because: 'no' }] })], pod('cp-1'))],
    ['another control-plane node shows no API server', world([host('cp-1'), host('cp-2')], pod('cp-1'))],
    ['the API server is too old to reload', world([host('cp-1')], pod('cp-1'), 25)],
  ])('files and a runbook as ever where %s', (_why, text) => {
    const proposal = propose(text)
    expect('changes' in proposal && proposal.changes.some(({ type }) => type === 'host')).toBe(false)
    expect('changes' in proposal || 'byHand' in proposal).toBe(true)
  })
})
