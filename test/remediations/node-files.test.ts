import { describe, expect, it } from 'vitest'
import nodeFilePermissions from '../../src/controls/nodes-and-pods/node-file-permissions.ts'
import encryptionProvider from '../../src/controls/secrets/sec-etcd-encryption-provider.ts'
import { judge } from '../../src/engine/judge.ts'
import type { HostFileSeen, RegisteredControl } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from './proposals.ts'

const file = (path: string, role: string, mode: number, owner = 'root:root', more: object = {}): Partial<HostFileSeen> => {
  const ids: Record<string, number> = { root: 0, etcd: 998, core: 1000, '65532': 65532 }
  const [user, group] = owner.split(':') as [string, string]
  const name = (key: string, value: string) => (/^\d/.test(value) ? {} : { [key]: value })
  return {
    path,
    role: role as 'key',
    is: 'file',
    mode,
    uid: ids[user]!,
    gid: ids[group]!,
    ...name('owner', user),
    ...name('group', group),
    ...more,
  }
}
const world = (files: object[], pods = '', carrier = 'ssh') =>
  `apiVersion: k8s-harden.test/v1\nkind: World\nfacts: ${JSON.stringify({ Hosts: { hosts: [{ node: 'cp-1', carrier, controlPlane: true, unread: [], files }] } })}${pods}`
const pod = (name: string, spec: object, path = '/etc/kubernetes', annotations: object = {}) => `
---
${JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'kube-system', annotations },
  spec: {
    nodeName: 'cp-1',
    containers: [{ name: 'main', image: 'a:1', volumeMounts: [{ name: 'files', mountPath: '/files' }] }],
    volumes: [{ name: 'files', hostPath: { path } }],
    ...spec,
  },
})}`
const MIRROR = { 'kubernetes.io/config.mirror': 'a' }
const propose = (text: string) => proposals('node-file-permissions', nodeFilePermissions, text)[0]!.proposal

const KUBELET = '/etc/kubernetes/kubelet.conf'
const KEY = '/etc/kubernetes/pki/etcd/server.key'

describe('a file of a node that others may use', () => {
  it('is closed by an action with what was seen, safe where root alone has use for it', () => {
    expect(propose(world([file(KUBELET, 'kubeconfig', 0o644)]))).toMatchObject({
      risk: 'safe',
      changes: [
        {
          type: 'host',
          title: `${KUBELET} on cp-1: mode 0600`,
          action: {
            do: 'permissions',
            node: 'cp-1',
            path: KUBELET,
            from: { mode: 0o644, uid: 0, gid: 0 },
            to: { mode: 0o600, uid: 0, gid: 0 },
          },
        },
      ],
    })
  })
  it('gains no bit: what is closed further than it must be stays so', () => {
    const key = file(KEY, 'key', 0o400, 'core:core')
    expect(propose(world([key]))).toMatchObject({ changes: [{ action: { to: { mode: 0o400, uid: 0, gid: 0 } } }] })
  })
  it('may break where somebody but root is known to have had use for it', () => {
    for (const [given, words] of [
      [file(KEY, 'key', 0o600, 'core:core'), 'runs on the node as core'],
      [file(KUBELET, 'kubeconfig', 0o640, 'root:core'), 'in group core'],
      [file('/etc/kubernetes/admin.conf', 'kubeconfig', 0o644), 'without being root'],
    ] as const)
      expect(propose(world([given]))).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining(words)] })
  })
  it("stays etcd's where etcd has a user of its own", () => {
    expect(propose(world([file(KEY, 'key', 0o640, 'etcd:etcd')]))).toMatchObject({
      changes: [{ action: { to: { mode: 0o600, uid: 998, gid: 998 } } }],
    })
    // Its group alone gave it the key: root's alone, it would be locked out.
    const data = file('/var/lib/etcd', 'etcd-data', 0o700, 'etcd:etcd', { is: 'directory' })
    expect(propose(world([file(KEY, 'key', 0o640, 'root:etcd'), data]))).toMatchObject({
      changes: [{ action: { to: { mode: 0o600, uid: 998, gid: 998 } } }],
    })
    expect(propose(world([file(KEY, 'key', 0o640, 'root:etcd')]))).toEqual({
      byHand: `on node cp-1, as root: chmod 600 ${KEY} && chown etcd:etcd ${KEY}`,
    })
  })
  it('is left alone where a pod that opens it would be locked out', () => {
    const user = { securityContext: { runAsUser: 65532 } }
    expect(propose(world([file(KUBELET, 'kubeconfig', 0o644)], pod('agent', user)))).toMatchObject({
      refused: expect.stringContaining('kube-system/agent opens /etc/kubernetes/kubelet.conf as user 65532'),
    })
    // As kubeadm has it without root: the owner stays, and so does the pod's access.
    const own = file('/etc/kubernetes/scheduler.conf', 'kubeconfig', 0o644, '65532:65532')
    expect(propose(world([own], pod('kube-scheduler-cp-1', user, '/etc/kubernetes/scheduler.conf', MIRROR)))).toMatchObject({
      changes: [{ action: { to: { mode: 0o600, uid: 65532, gid: 65532 } } }],
    })
    expect(propose(world([{ ...own, mode: 0o600 }], pod('kube-scheduler-cp-1', user, own.path, MIRROR)))).toMatchObject({
      refused: expect.stringContaining('needs /etc/kubernetes/scheduler.conf to be its own'),
    })
  })
  it('is safe for static pods, which run as root, and not for pods whose image says who they are', () => {
    const files = [file(KUBELET, 'kubeconfig', 0o644)]
    expect(propose(world(files, pod('kube-apiserver-cp-1', {}, '/etc/kubernetes', MIRROR)))).toMatchObject({ risk: 'safe' })
    expect(propose(world(files, pod('agent', {}, '/etc')))).toMatchObject({
      risk: 'may-break',
      mayBreak: [expect.stringContaining('kube-system/agent opens')],
    })
    expect(propose(world(files, pod('other', {}, '/var/log')))).toMatchObject({ risk: 'safe' })
  })
  it('is left to the operator where its name is a link', () => {
    const link = file('/var/lib/kubelet/pki/kubelet-client-current.pem', 'key', 0o644, 'root:root', { link: true })
    expect(propose(world([link]))).toEqual({ byHand: expect.stringContaining(`chmod 600 ${link.path} (${link.path} is a link)`) })
  })
  it('is not called foreign where a helper pod cannot tell who etcd is', () => {
    const outcome = judge(
      { ...nodeFilePermissions, id: 'node-file-permissions', practice: 'nodes-and-pods' } as unknown as RegisteredControl,
      worldOf(world([file(KEY, 'key', 0o600, '65532:65532')], '', 'helper-pod')).snapshot,
    )
    expect([outcome.status, outcome.findings]).toEqual(['unknown', []])
  })
  it('with encryption keys in it gets the same action', () => {
    const given = file('/etc/kubernetes/enc.yaml', 'configuration', 0o640, 'root:root', { text: 'kind: EncryptionConfiguration\n' })
    const ours = propose(world([given]))
    const theirs = proposals('sec-etcd-encryption-provider', encryptionProvider, world([given])).find(
      ({ finding }) => finding.subject.name === 'cp-1',
    )!
    expect('changes' in ours && ours.changes).toEqual('changes' in theirs.proposal && theirs.proposal.changes)
    expect(ours).toMatchObject({ risk: 'safe', changes: [{ action: { to: { mode: 0o600 } } }] })
  })
})
