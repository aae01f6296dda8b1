/** Remedies on k3s and RKE2: files for their own configuration, never an edit of what they write themselves. */
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { proposeFlags } from '../../remediations/apiserver-flag.ts'
import { encryptionElsewhere } from '../../remediations/encryption-elsewhere.ts'
import { setKubelet } from '../../remediations/kubelet-config.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Change, Finding, Remedy } from '../../src/model/index.ts'
import { componentFlags } from '../../src/objects/flags.ts'
import { settingsOfFile, settingsOfWords } from '../../src/objects/rancher-settings.ts'
import { worldOf } from '../helpers/world.ts'

type Program = 'k3s' | 'rke2'
const MAIN = (program: Program) => `/etc/rancher/${program}/config.yaml`
const seen = (program: Program, settings: readonly object[]) => ({
  node: 's1',
  carrier: 'ssh',
  controlPlane: program === 'rke2',
  files: [
    {
      path: `/var/lib/rancher/${program}/agent/pod-manifests/kube-apiserver.yaml`,
      role: 'static-pod',
      is: 'file',
      mode: 0o600,
      uid: 0,
      gid: 0,
    },
  ],
  unread: [],
  rancher: { program, server: true, data: `/var/lib/rancher/${program}`, settings },
})
const pod = (args: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'kube-apiserver-s1', namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
  spec: { nodeName: 's1', containers: [{ name: 'kube-apiserver', command: ['kube-apiserver'], args }] },
})
const world = (program: Program, args: readonly string[], settings?: readonly object[]) =>
  worldOf(
    [
      {
        apiVersion: 'k8s-harden.test/v1',
        kind: 'World',
        kubernetes: `v1.36.1+${program}1`,
        ...(settings && { facts: { Hosts: { hosts: [seen(program, settings)] } } }),
      },
      {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: 's1',
          annotations: { [`${program}.io/node-args`]: JSON.stringify(['server', ...args.map((arg) => `--kube-apiserver-arg=${arg}`)]) },
        },
      },
      ...(program === 'rke2' ? [pod(['--profiling=false', ...args.map((arg) => `--${arg}`)])] : []),
    ]
      .map((one) => JSON.stringify(one))
      .join('\n---\n'),
  ).snapshot
function fileOf(view: ReturnType<typeof world>, change: Parameters<typeof proposeFlags>[0]) {
  const [instance] = componentFlags(view, 'kube-apiserver').instances
  const finding = { subject: instance!.subject, evidence: null } as unknown as Finding
  const proposal = proposeFlags(change, finding, { view, options: {} })
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  const [file, ...more] = proposal.changes as Extract<Change, { type: 'file' }>[]
  expect(more).toEqual([])
  expect(file!.type).toBe('file')
  return {
    content: parse(file!.text.text) as Record<string, readonly string[]>,
    runbook: file!.runbook.join('\n'),
    rollback: file!.rollback.join('\n'),
  }
}

describe('flags', () => {
  test.each(['k3s', 'rke2'] as const)(
    '%s is told in a drop-in also where its nodes are reached: what it writes itself is not touched',
    (program) => {
      const { content, runbook, rollback } = fileOf(world(program, [], []), { flags: { profiling: 'true' } })
      expect(content).toEqual({ 'kube-apiserver-arg+': ['profiling=true'] })
      expect(runbook).toContain(`as ${MAIN(program)}.d/90-k8s-harden.yaml`)
      expect(runbook).toContain(program === 'k3s' ? 'systemctl restart k3s' : 'systemctl restart rke2-server')
      expect(runbook).not.toContain('grep -l')
      expect(rollback).toContain(`rm ${MAIN(program)}.d/90-k8s-harden.yaml`)
    },
  )

  test('a later drop-in without the plus would take its place: then it is named after that one', () => {
    const later = settingsOfFile(`${MAIN('k3s')}.d/99-site.yaml`, { 'kube-apiserver-arg': ['v=2'] })
    expect(fileOf(world('k3s', ['v=2'], later), { flags: { profiling: 'true' } }).runbook).toContain('config.yaml.d/zz-k8s-harden.yaml')
    const adding = settingsOfFile(`${MAIN('k3s')}.d/99-site.yaml`, { 'kube-apiserver-arg+': ['v=2'] })
    expect(fileOf(world('k3s', ['v=2'], adding), { flags: { profiling: 'true' } }).runbook).toContain('config.yaml.d/90-k8s-harden.yaml')
  })

  test('where no node is reached the operator is told to look for such a one', () => {
    expect(fileOf(world('k3s', []), { flags: { profiling: 'true' } }).runbook).toContain("grep -l '^kube-apiserver-arg:'")
  })

  test('a list is added to, and only what is missing is written', () => {
    const flags = { 'enable-admission-plugins': 'NodeRestriction,EventRateLimit' }
    expect(fileOf(world('k3s', [], []), { flags }).content).toEqual({
      'kube-apiserver-arg+': ['enable-admission-plugins=NodeRestriction,EventRateLimit'],
    })
    const given = ['enable-admission-plugins=NodeRestriction']
    const own = fileOf(world('k3s', ['enable-admission-plugins=NodeRestriction,AlwaysPullImages'], []), {
      flags: { 'enable-admission-plugins': 'NodeRestriction,AlwaysPullImages,EventRateLimit' },
    })
    expect(own.content).toEqual({ 'kube-apiserver-arg+': ['enable-admission-plugins=EventRateLimit'] })
    expect(own.runbook).not.toContain('take out')
    expect(fileOf(world('k3s', given, []), { flags }).content).toEqual({
      'kube-apiserver-arg+': ['enable-admission-plugins=NodeRestriction,EventRateLimit'],
    })
  })

  test('of a list that is to lose something, what stands there goes first, wherever it stands', () => {
    const settings = [
      ...settingsOfFile(MAIN('rke2'), { 'kube-apiserver-arg': ['tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA'] }),
      ...settingsOfWords('/etc/systemd/system/rke2-server.service', ['--kube-apiserver-arg=v=2']),
    ]
    const view = world('rke2', ['tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA'], settings)
    const { content, runbook } = fileOf(view, { flags: { 'tls-cipher-suites': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' } })
    expect(content).toEqual({ 'kube-apiserver-arg+': ['tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] })
    expect(runbook).toContain(`under kube-apiserver-arg in ${MAIN('rke2')}, take out tls-cipher-suites`)
  })

  test('RKE2 is told of directories that it would not mount by itself', () => {
    const files = [
      { name: 'kms', path: '/run/kms', type: 'Directory', readOnly: true },
      { name: 'log', path: '/var/log/audit', type: 'DirectoryOrCreate', readOnly: false },
      { name: 'policy', path: '/etc/p.yaml', type: 'File', readOnly: true },
    ] as const
    const flags = { 'audit-log-path': '/var/log/audit/audit.log', 'audit-policy-file': '/etc/p.yaml' }
    expect(fileOf(world('rke2', [], []), { flags, files }).content['kube-apiserver-extra-mount+']).toEqual(['/run/kms:/run/kms:ro'])
    expect(fileOf(world('k3s', [], []), { flags, files }).content).not.toHaveProperty('kube-apiserver-extra-mount+')
  })
})

describe('encryption', () => {
  test.each(['k3s', 'rke2'] as const)('%s is told of a stronger provider and makes the key itself; its file is not touched', (program) => {
    const proposal = encryptionElsewhere('writer', world(program, [], []))!
    if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
    const [file, ...more] = proposal.changes as Extract<Change, { type: 'file' }>[]
    expect(more).toEqual([])
    expect(parse(file!.text.text)).toEqual({ 'secrets-encryption-provider': 'secretbox' })
    expect(file!.text.secretKeys).toBeUndefined()
    expect(file!.runbook.join('\n')).toContain(`${program} secrets-encrypt rotate-keys`)
    expect(file!.runbook.join('\n')).not.toContain('encryption-config.json')
  })

  test('a weak provider of an RKE2 server whose files are read is no stage of ours', () => {
    const control = controls.find(({ id }) => id === 'sec-etcd-encryption-provider')!
    const view = world('rke2', ['encryption-provider-config=/var/lib/rancher/rke2/server/cred/encryption-config.json'], [])
    const remedy = control.remedy as Remedy
    const finding = { subject: { kind: 'EncryptionConfiguration', name: 'x' }, evidence: { about: 'writer' } } as unknown as Finding
    const proposal = remedy.propose(finding as never, { view, options: {}, alongside: [] })
    expect(JSON.stringify(proposal)).toContain('secrets-encryption-provider')
    expect(JSON.stringify(proposal)).not.toContain('"do":"encryption"')
  })
})

describe('audit', () => {
  test.each([
    ['k3s', '/var/lib/rancher/k3s/server/audit-policy.yaml', '/var/lib/rancher/k3s/server/logs/audit.log'],
    ['rke2', '/etc/rancher/rke2/audit-policy.yaml', '/var/lib/rancher/rke2/server/logs/audit.log'],
  ] as const)('%s has policy and log in its own directories', (program, policy, log) => {
    const control = controls.find(({ id }) => id === 'audit-enabled')!
    const view = world(program, [], [])
    const [finding] = judge(control, view).findings
    const proposal = (control.remedy as Remedy).propose(finding as never, { view, options: {}, alongside: [] })
    if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
    const [file, config] = proposal.changes as Extract<Change, { type: 'file' }>[]
    expect(file!.runbook.join('\n')).toContain(policy)
    expect(parse(config!.text.text)['kube-apiserver-arg+']).toEqual(
      expect.arrayContaining([`audit-policy-file=${policy}`, `audit-log-path=${log}`, 'audit-log-maxage=30']),
    )
    expect(parse(config!.text.text)).not.toHaveProperty('kube-apiserver-extra-mount+')
  })
})

describe('kubelets', () => {
  const propose = (program: Program, version: string) => {
    const { snapshot } = worldOf(JSON.stringify({ apiVersion: 'k8s-harden.test/v1', kind: 'World', kubernetes: version }))
    const remedy = setKubelet({ set: { readOnlyPort: 0, podPidsLimit: 4096, containerLogMaxFiles: 9 }, summary: 's' })
    const proposal = remedy.propose({ subject: { kind: 'Node', name: program } } as never, { view: snapshot, options: {}, alongside: [] })
    if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
    const [file] = proposal.changes as Extract<Change, { type: 'file' }>[]
    return { content: parse(file!.text.text), runbook: file!.runbook.join('\n') }
  }
  test('from 1.32 on read a drop-in', () => {
    const { content, runbook } = propose('k3s', 'v1.32.1+k3s1')
    expect(content).toMatchObject({ kind: 'KubeletConfiguration', readOnlyPort: 0, containerLogMaxFiles: 9 })
    expect(runbook).toContain('/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/90-k8s-harden.conf')
    expect(runbook).toContain('systemctl restart k3s-agent')
    expect(runbook).toContain('take out read-only-port, pod-max-pids')
    expect(runbook).not.toContain('systemctl restart kubelet')
  })
  test('before that are given flags, as far as there are any', () => {
    const { content, runbook } = propose('rke2', 'v1.31.9+rke2r1')
    expect(content).toEqual({ 'kubelet-arg+': ['read-only-port=0', 'pod-max-pids=4096'] })
    expect(runbook).toContain('no flag says containerLogMaxFiles')
  })
})
