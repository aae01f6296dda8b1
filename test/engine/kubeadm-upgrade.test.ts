import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Finding, Snapshot } from '../../src/model/index.ts'
import { kubeadmFlags, parsed } from '../../src/objects/flag-kubeadm.ts'
import type { Component } from '../../src/objects/flag-parse.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'

const FLAG_CONTROLS = controls.filter(({ consults = [] }) => consults.includes('ClusterConfiguration'))
const AUDIT = [
  '--audit-log-maxage=30',
  '--audit-log-maxbackup=10',
  '--audit-log-maxsize=100',
  '--audit-log-path=/var/log/audit/audit.log',
  '--audit-policy-file=/etc/kubernetes/audit/policy.yaml',
]
const HARDENED = ['--profiling=false', '--authorization-mode=Node,RBAC', ...AUDIT]
const MOUNTS = [
  { name: 'k8s-certs', path: '/etc/kubernetes/pki', readOnly: true },
  { name: 'audit', path: '/etc/kubernetes/audit', readOnly: true },
  { name: 'audit-logs', path: '/var/log/audit', readOnly: false },
]
const FLAGS_OF_KUBEADM = ['--feature-gates=A=true']
const pod = (component: Component, node: string, ...flags: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `${component}-${node}`,
    namespace: 'kube-system',
    annotations: { 'kubernetes.io/config.mirror': 'x', 'kubeadm.kubernetes.io/x': 'y' },
  },
  spec: {
    nodeName: node,
    containers: [
      {
        name: component,
        image: 'x:v1.37.2',
        command: [component, ...FLAGS_OF_KUBEADM, ...flags],
        volumeMounts: MOUNTS.map(({ name, path, readOnly }) => ({ name, mountPath: path, readOnly })),
      },
    ],
    volumes: MOUNTS.map(({ name, path }) => ({ name, hostPath: { path, type: 'DirectoryOrCreate' } })),
  },
})
const configMap = (configuration: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'kubeadm-config', namespace: 'kube-system' },
  data: { ClusterConfiguration: configuration },
})
const V4 = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration # kept\n'
const V3 = 'apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration # kept\n'
const world = (objects: readonly object[], more: object = {}): Snapshot =>
  worldOf(
    [{ apiVersion: 'k8s-harden.test/v1', kind: 'World', kubernetes: 'v1.35.3', source: 'live', ...more }, ...objects]
      .map((one) => JSON.stringify(one))
      .join('\n---\n'),
  ).snapshot
/** Those about kubeadm. */
const forgotten = (view: Snapshot): readonly Finding[] =>
  FLAG_CONTROLS.flatMap((control) => judge(control, view).findings).filter(
    ({ evidence }) => (evidence as { kubeadm?: object }).kubeadm !== undefined,
  )
const keys = (view: Snapshot): readonly string[] => forgotten(view).map(({ control, key }) => `${control} ${key}`)
const plan = (view: Snapshot, unattended = false) =>
  compile(forgotten(view), new Map(controls.map((one) => [one.id, one])), view, { unattended })
const configured = (view: Snapshot): string =>
  String(view.find('ConfigMap', 'kube-system', 'kubeadm-config')?.data?.['ClusterConfiguration'])

describe.each([V4, V3])('flags that kubeadm does not know of (%s)', (configuration) => {
  const view = world([pod('kube-apiserver', 'cp-1', ...HARDENED), pod('kube-apiserver', 'cp-2', ...HARDENED), configMap(configuration)])

  test('are findings of the controls that would fail after its next upgrade, for a human to judge', () => {
    expect(keys(view)).toEqual([
      'api-profiling-limits kube-apiserver --profiling',
      'audit-enabled kube-apiserver --audit-log-path',
      'audit-enabled kube-apiserver --audit-policy-file',
      'audit-log-retention kube-apiserver --audit-log-maxage',
      'audit-log-retention kube-apiserver --audit-log-maxbackup',
      'audit-log-retention kube-apiserver --audit-log-maxsize',
    ])
    for (const finding of forgotten(view)) {
      expect(finding).toMatchObject({ subject: { kind: 'ConfigMap', name: 'kubeadm-config' }, verdict: 'review', origin: 'workload' })
      expect(finding.detail).toMatch(
        /^unless patches that you give to kubeadm see to it, after its next upgrade Pod kube-system\/kube-apiserver-cp-1 \w/,
      )
    }
  })
  test('are written there all together with the volumes of their files, also where nobody is asked; then nothing is left', () => {
    const { steps, ledger } = plan(view, true)
    expect(ledger.fixable).toHaveLength(forgotten(view).length)
    expect(steps.map(({ title, risk }) => [title, risk])).toEqual([[expect.stringContaining('kubeadm-config'), 'safe']])
    const after = applyPlan(view, steps)
    const written = parsed(configured(after))!
    const flags = kubeadmFlags(written, 'kube-apiserver')!
    for (const flag of HARDENED) expect([...flags].map(([name, value]) => `--${name}=${value}`)).toContain(flag)
    expect(written['apiServer']).toMatchObject({
      extraVolumes: [
        { name: 'audit', mountPath: '/etc/kubernetes/audit', readOnly: true },
        { name: 'audit-logs', hostPath: '/var/log/audit', mountPath: '/var/log/audit', readOnly: false, pathType: 'DirectoryOrCreate' },
      ],
    })
    expect(Array.isArray((written['apiServer'] as { extraArgs: unknown }).extraArgs)).toBe(configuration === V4)
    expect(configured(after)).toContain('# kept')
    expect(keys(after)).toEqual([])
  })
})

const one = (...flags: readonly string[]) => pod('kube-apiserver', 'cp-1', ...flags)
const stating = (name: string, value: string) => configMap(`${V4}apiServer:\n  extraArgs:\n  - name: ${name}\n    value: "${value}"\n`)

test('what kubeadm says otherwise is told apart, and left alone where nobody is asked', () => {
  const view = world([one('--profiling=false'), stating('profiling', 'true')])
  expect(forgotten(view).map(({ reason }) => reason)).toEqual(['has another --profiling than API servers run with'])
  expect(plan(view, true).ledger.fixable).toEqual([])
  expect(configured(applyPlan(view, plan(view).steps))).toContain('value: "false"')
})
test('a flag that was taken away comes back with the next upgrade', () => {
  const view = world([one('--profiling=false'), stating('token-auth-file', '/etc/kubernetes/tokens.csv')])
  const static_ = forgotten(view).find(({ control }) => control === 'authn-static-tokens')
  expect(static_).toMatchObject({ reason: 'has --token-auth-file, which API servers run without' })
  expect(configured(applyPlan(view, plan(view).steps))).not.toContain('token-auth-file')
})
test('a file that kubeadm does not mount takes its flag along', () => {
  const args = AUDIT.map((flag) => flag.slice(2).split('=')).map(([name, value]) => ({ name, value }))
  const [, policy] = MOUNTS.map(({ name, path, readOnly }) => ({ name, hostPath: path, mountPath: path, readOnly }))
  const text = JSON.stringify({ apiVersion: 'kubeadm.k8s.io/v1beta4', apiServer: { extraArgs: args, extraVolumes: [policy] } })
  const view = world([one(...AUDIT), configMap(text)])
  expect(forgotten(view).map(({ reason }) => reason)).toEqual(['does not mount the file of --audit-log-path, which API servers run with'])
  const after = applyPlan(view, plan(view).steps)
  expect(parsed(configured(after))!['apiServer']).toMatchObject({
    extraVolumes: [{ name: 'audit' }, { name: 'audit-logs', readOnly: false }],
  })
  expect(keys(after)).toEqual([])
})
test('what is wrong on one node today is mended there first', () => {
  expect(keys(world([one('--profiling=false'), pod('kube-apiserver', 'cp-2', '--profiling=true'), configMap(V4)]))).toEqual([])
})
test('where copies run with different values nothing is written for them', () => {
  const other = pod('kube-apiserver', 'cp-2', ...AUDIT.with(1, '--audit-log-maxbackup=20'))
  const view = world([one(...AUDIT), other, configMap(V4)])
  const { ledger } = plan(view)
  expect(ledger.byHand.map(({ why }) => why)).toEqual([expect.stringContaining('different values of --audit-log-maxbackup')])
  expect(configured(applyPlan(view, plan(view).steps))).not.toContain('maxbackup')
})
test('the other components, with what is of a node left alone', () => {
  const view = world([
    pod('kube-scheduler', 'cp-1', '--bind-address=127.0.0.1', '--profiling=false', '--v=4'),
    pod('etcd', 'cp-1', '--name=cp-1', '--listen-peer-urls=https://10.0.0.1:2380', '--auto-tls=false'),
    configMap(V4),
  ])
  expect(keys(view)).toEqual(['api-profiling-limits kube-scheduler --profiling'])
  const after = parsed(configured(applyPlan(view, plan(view).steps)))!
  expect(after['scheduler']).toMatchObject({
    extraArgs: [
      { name: 'profiling', value: 'false' },
      { name: 'v', value: '4' },
    ],
  })
  expect(after['etcd']).toBeUndefined()
})

describe('nothing is said', () => {
  test.each([
    ['of a cluster that kubeadm did not make', [one(...HARDENED)], {}],
    [
      'of what kubeadm writes itself',
      [one('--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction'), configMap(V4)],
      {},
    ],
    ['of files', [one(...HARDENED), configMap(V4)], { source: 'manifests' }],
    ['where the configuration cannot be understood', [one(...HARDENED), configMap('{{')], {}],
  ])('%s', (_, objects, more) => {
    expect(keys(world(objects, more))).toEqual([])
  })
})
test('a configuration that may not be read is told with the pass', () => {
  const unread = [{ what: 'ConfigMap', why: 'forbidden', because: 'the API server refused to list configmaps (403)', answer: 'allow it' }]
  const view = world([one('--profiling=false', ...AUDIT)], { unread })
  const outcome = judge(FLAG_CONTROLS.find(({ id }) => id === 'audit-log-retention')!, view)
  expect(outcome.findings).toEqual([])
  expect(outcome.because).toContain('whether the next kubeadm upgrade keeps these flags is not known: the API server refused')
})

/** As kubeadm v1.37.2 and v1.29 write them. */
const BY_KUBEADM: Readonly<Record<Component, readonly string[]>> = {
  'kube-apiserver': [
    '--advertise-address=10.0.0.1 --allow-privileged=true --authorization-mode=Node,RBAC --client-ca-file=/etc/kubernetes/pki/ca.crt',
    '--enable-admission-plugins=NodeRestriction --enable-bootstrap-token-auth=true --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt',
    '--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt --etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key',
    '--etcd-servers=https://127.0.0.1:2379 --kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.crt',
    '--kubelet-client-key=/etc/kubernetes/pki/apiserver-kubelet-client.key --kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
    '--proxy-client-cert-file=/etc/kubernetes/pki/front-proxy-client.crt --proxy-client-key-file=/etc/kubernetes/pki/front-proxy-client.key',
    '--requestheader-allowed-names=front-proxy-client --requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt',
    '--requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group --secure-port=6443',
    '--requestheader-username-headers=X-Remote-User --service-account-issuer=https://kubernetes.default.svc.cluster.local',
    '--service-account-key-file=/etc/kubernetes/pki/sa.pub --service-account-signing-key-file=/etc/kubernetes/pki/sa.key',
    '--service-cluster-ip-range=10.96.0.0/12 --tls-cert-file=/etc/kubernetes/pki/apiserver.crt --tls-private-key-file=/etc/kubernetes/pki/apiserver.key',
  ],
  'kube-controller-manager': [
    '--allocate-node-cidrs=true --authentication-kubeconfig=/etc/kubernetes/controller-manager.conf --bind-address=127.0.0.1',
    '--authorization-kubeconfig=/etc/kubernetes/controller-manager.conf --client-ca-file=/etc/kubernetes/pki/ca.crt --cluster-cidr=10.244.0.0/16',
    '--cluster-name=kubernetes --cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt --cluster-signing-key-file=/etc/kubernetes/pki/ca.key',
    '--controllers=*,bootstrapsigner,tokencleaner --kubeconfig=/etc/kubernetes/controller-manager.conf --leader-elect=true',
    '--requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt --root-ca-file=/etc/kubernetes/pki/ca.crt',
    '--service-account-private-key-file=/etc/kubernetes/pki/sa.key --service-cluster-ip-range=10.96.0.0/12 --use-service-account-credentials=true',
  ],
  'kube-scheduler': [
    '--authentication-kubeconfig=/etc/kubernetes/scheduler.conf --authorization-kubeconfig=/etc/kubernetes/scheduler.conf',
    '--bind-address=127.0.0.1 --kubeconfig=/etc/kubernetes/scheduler.conf --leader-elect=true',
  ],
  etcd: [
    '--advertise-client-urls=https://10.0.0.1:2379 --cert-file=/etc/kubernetes/pki/etcd/server.crt --client-cert-auth=true --data-dir=/var/lib/etcd',
    '--experimental-initial-corrupt-check=true --feature-gates=InitialCorruptCheck=true --initial-advertise-peer-urls=https://10.0.0.1:2380',
    '--initial-cluster=cp-1=https://10.0.0.1:2380 --key-file=/etc/kubernetes/pki/etcd/server.key --name=cp-1 --snapshot-count=10000',
    '--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379 --listen-metrics-urls=http://127.0.0.1:2381',
    '--listen-peer-urls=https://10.0.0.1:2380 --peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt --peer-client-cert-auth=true',
    '--peer-key-file=/etc/kubernetes/pki/etcd/peer.key --peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt',
    '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt --watch-progress-notify-interval=5s',
  ],
}
const asMade = Object.entries(BY_KUBEADM).map(([component, lines]) => pod(component as Component, 'cp-1', ...lines.join(' ').split(' ')))
test.each([V4, V3])('a cluster as kubeadm makes it has nothing to lose', (configuration) => {
  expect(keys(world([...asMade, configMap(configuration)]))).toEqual([])
})

test('what fails today and what would fail after the upgrade is written in one step', () => {
  const file = { path: '/etc/kubernetes/manifests/kube-apiserver.yaml', is: 'file', mode: 0o600, uid: 0, gid: 0 }
  const hosts = [{ node: 'cp-1', carrier: 'ssh', controlPlane: true, files: [file], unread: [] }]
  const view = world([one(...AUDIT, '--authorization-mode=Node,RBAC'), configMap(V4)], { facts: { Hosts: { hosts } } })
  const findings = FLAG_CONTROLS.filter(({ id }) => id.startsWith('audit-') || id === 'api-profiling-limits').flatMap(
    (control) => judge(control, view).findings,
  )
  expect(findings.filter(({ verdict }) => verdict === 'fail').length).toBeGreaterThan(0)
  const { steps, ledger } = compile(findings, new Map(controls.map((each) => [each.id, each])), view, {})
  expect(ledger.refused).toEqual([])
  const text = configured(applyPlan(view, steps))
  for (const flag of [...AUDIT, '--profiling=false'])
    expect([...kubeadmFlags(parsed(text)!, 'kube-apiserver')!].map(([name, value]) => `--${name}=${value}`)).toContain(flag)
  expect(steps.filter(({ changes }) => changes.some(({ type }) => type === 'edit'))).toHaveLength(1)
})
