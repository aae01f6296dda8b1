import { describe, expect, test } from 'vitest'
import { limitAnonymous } from '../../remediations/anonymous-requests.ts'
import { type FlagChange, proposeFlags } from '../../remediations/apiserver-flag.ts'
import { enableAudit } from '../../remediations/audit-policy.ts'
import type { Change, Finding, HostSeen, Proposal, Remedy } from '../../src/model/index.ts'
import { componentFlags, flagFinding } from '../../src/objects/flags.ts'
import { rememberPosition } from '../../src/objects/ref.ts'
import { worldOf } from '../helpers/world.ts'

const host = (node: string, more: Partial<HostSeen> = {}): HostSeen => ({
  node,
  carrier: 'ssh',
  controlPlane: true,
  files: [{ path: '/etc/kubernetes/manifests/kube-apiserver.yaml', is: 'file', mode: 0o600, uid: 0, gid: 0 }],
  unread: [],
  ...more,
})
const server = (node: string, ...command: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `kube-apiserver-${node}`, namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
  spec: { nodeName: node, containers: [{ name: 'kube-apiserver', image: 'x:v1.37.2', command: ['kube-apiserver', ...command] }] },
})
const KUBEADM = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'kubeadm-config', namespace: 'kube-system' },
  data: { ClusterConfiguration: 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n' },
}
const FIRST = server('cp-1', '--profiling=true')
const worldWith = (hosts: readonly HostSeen[] | undefined, objects: readonly object[] = [FIRST, KUBEADM]) => {
  const world = {
    apiVersion: 'k8s-harden.test/v1',
    kind: 'World',
    kubernetes: 'v1.37.2',
    source: 'live',
    facts: { ServerVersion: { gitVersion: 'v1.37.2', major: 1, minor: 37, patch: 2 }, ...(hosts && { Hosts: { hosts } }) },
  }
  return worldOf([world, ...objects].map((one) => JSON.stringify(one)).join('\n---\n')).snapshot
}
const findingOf = (view: ReturnType<typeof worldWith>, more: object = {}) =>
  ({
    ...flagFinding(componentFlags(view, 'kube-apiserver').instances[0]!, 'profiling'),
    evidence: null,
    reason: 'x',
    ...more,
  }) as unknown as Finding
const propose = (view: ReturnType<typeof worldWith>, change: FlagChange, more: object = {}) =>
  proposeFlags(change, findingOf(view, more), { view, options: {} })
const changesOf = (proposal: Proposal): readonly Change[] => {
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  return proposal.changes
}
const kindsOf = (proposal: Proposal) => changesOf(proposal).map((change) => (change.type === 'host' ? change.title : change.type))
const off: FlagChange = { flags: { profiling: 'false' } }

describe('flags where hosts are reached', () => {
  test('an action on the node, then what kubeadm keeps, and the risk stays what it was', () => {
    const proposal = propose(worldWith([host('cp-1')]), off)
    expect(kindsOf(proposal)).toEqual(['kube-apiserver on cp-1: set --profiling=false', 'edit'])
    expect(changesOf(proposal)[0]).toMatchObject({
      key: 'cp-1/kube-apiserver flags',
      action: { do: 'flags', node: 'cp-1', component: 'kube-apiserver', flags: { profiling: 'false' }, mounts: [], files: [] },
    })
    expect(JSON.stringify(changesOf(proposal)[1])).toContain('name: profiling')
    expect(proposal).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining('a single one is away')] })
  })
  test('the manifest may be called as its owner likes', () => {
    const seen = (command: string) => ({
      path: '/etc/kubernetes/manifests/10-api.json',
      role: 'static-pod' as const,
      text: JSON.stringify({ kind: 'Pod', spec: { containers: [{ command: [command] }] } }),
    })
    const named = (command: string) => host('cp-1', { files: [{ ...seen(command), is: 'file', mode: 0o600, uid: 0, gid: 0 }] })
    expect(kindsOf(propose(worldWith([named('kube-apiserver')]), off))).toEqual(['kube-apiserver on cp-1: set --profiling=false', 'edit'])
    expect(kindsOf(propose(worldWith([named('etcd')]), off))).not.toContain('kube-apiserver on cp-1: set --profiling=false')
  })
  test('what is about all of them is done on one node after the other', () => {
    const all = { subject: { apiVersion: 'k8s-harden/v1', kind: 'ControlPlane', name: 'kube-apiserver' } }
    const view = worldWith([host('cp-2'), host('cp-1')], [FIRST, server('cp-2', '--profiling=true')])
    expect(kindsOf(propose(view, off, all))).toEqual([
      'kube-apiserver on cp-1: set --profiling=false',
      'kube-apiserver on cp-2: set --profiling=false',
    ])
    expect(kindsOf(propose(view, off))).toEqual(['kube-apiserver on cp-1: set --profiling=false'])
  })
  test.each<[string, readonly HostSeen[] | undefined, string | undefined]>([
    ['none is asked', undefined, undefined],
    ['none is reached', [host('worker')], undefined],
    ['one of two is not', [host('cp-1')], 'cp-2 is not reached'],
    ['one of two refuses', [host('cp-1'), host('cp-2', { refused: 'ssh: connection refused' })], 'cp-2 is not reached'],
    ['one of two shows no manifest', [host('cp-1'), host('cp-2', { files: [] })], 'cp-2 is not reached'],
  ])('files and a runbook for all of them where %s', (_name, hosts, words) => {
    const proposal = propose(worldWith(hosts, [FIRST, server('cp-2', '--profiling=true')]), off)
    expect(kindsOf(proposal)).toEqual(['file'])
    expect(JSON.stringify(changesOf(proposal)).match(/cp-2 (?:is|are) not reached/)?.[0]).toBe(words)
  })
  test('a file that a flag names is placed with it, where the flag says', () => {
    const view = worldWith([host('cp-1')])
    const audit = (enableAudit as Remedy).propose(findingOf(view, { evidence: { policy: false, log: false, webhook: false } }), {
      view,
      options: {},
      alongside: [],
    })
    const [change] = changesOf(audit)
    expect(change).toMatchObject({
      type: 'host',
      action: {
        flags: { 'audit-policy-file': '/etc/kubernetes/audit-policy.yaml' },
        files: [{ path: '/etc/kubernetes/audit-policy.yaml', mode: 0o600, text: expect.stringContaining('kind: Policy') }],
        mounts: [{ path: '/etc/kubernetes/audit-policy.yaml', type: 'File' }, { path: '/var/log/kubernetes/audit' }],
      },
    })
    expect(kindsOf(audit).filter((kind) => kind === 'file')).toEqual([])
  })
  test('anonymous requests are limited by a file that is placed, never by --anonymous-auth=false', () => {
    const view = worldWith([host('cp-1')])
    const proposal = limitAnonymous.propose(findingOf(view), { view, options: {}, alongside: [] })
    expect(changesOf(proposal)[0]).toMatchObject({
      action: {
        flags: { 'authentication-config': '/etc/kubernetes/authn/authentication-config.yaml', 'anonymous-auth': null },
        files: [{ path: '/etc/kubernetes/authn/authentication-config.yaml', mode: 0o600 }],
        mounts: [{ path: '/etc/kubernetes/authn', type: 'Directory' }],
      },
    })
  })
  test('a file that is on the node already is edited there, and the server takes notice', () => {
    const path = '/etc/kubernetes/authn.yaml'
    const file = {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      metadata: { name: 'authn.yaml' },
      anonymous: { enabled: true },
    }
    const view = worldWith([host('cp-1')], [server('cp-1', `--authentication-config=${path}`), file])
    rememberPosition(view.all('AuthenticationConfiguration')[0]!, { file: `cp-1:${path}`, document: 0, line: 1 })
    const proposal = limitAnonymous.propose(findingOf(view), { view, options: {}, alongside: [] })
    expect(changesOf(proposal)).toMatchObject([
      {
        title: `${path} on cp-1: change it in place`,
        action: { do: 'file', path, noticedBy: 'kube-apiserver', to: { edits: [{ set: ['anonymous'] }] } },
      },
    ])
  })
  test('what holds secrets that are drawn later stays a file', () => {
    const before: Change = {
      type: 'file',
      name: 'x.yaml',
      text: { text: '{{key 1}}', secretKeys: 1 },
      mode: 0o600,
      runbook: [],
      rollback: [],
    }
    const proposal = propose(worldWith([host('cp-1')]), { flags: { 'audit-policy-file': '/etc/x.yaml' }, before: [before] })
    expect(kindsOf(proposal)).toEqual(['file', 'file'])
  })
})
