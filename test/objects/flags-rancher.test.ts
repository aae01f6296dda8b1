/** Flags of API servers inside k3s, and of those of RKE2 whose pods are not seen, from what both write on their nodes. */
import { describe, expect, test } from 'vitest'
import { componentFlags } from '../../src/objects/flags.ts'
import { settingsOfFile, settingsOfWords, valuesOf } from '../../src/objects/rancher-settings.ts'
import { worldOf } from '../helpers/world.ts'

const world = (...objects: readonly object[]) =>
  worldOf(
    [{ apiVersion: 'k8s-harden.test/v1', kind: 'World', kubernetes: 'v1.36.1+k3s1' }, ...objects]
      .map((one) => JSON.stringify(one))
      .join('\n---\n'),
  ).snapshot
const node = (annotation: string, args: readonly string[], name = 'n', address?: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, annotations: { [annotation]: JSON.stringify(args) } },
  ...(address && { status: { addresses: [{ type: 'InternalIP', address }] } }),
})
const flagsOf = (...given: Parameters<typeof node>) =>
  componentFlags(world(node(...given)), 'kube-apiserver').instances.map(({ flags }) => Object.fromEntries(flags))

describe('k3s', () => {
  test('its own flags, and over them those of the operator', () => {
    const [flags] = flagsOf('k3s.io/node-args', [
      'server',
      '--secrets-encryption',
      '--kube-apiserver-arg',
      'audit-log-maxage=7',
      '--kube-apiserver-arg=--profiling=true',
      '--kube-apiserver-arg',
      '--v=2',
    ])
    expect(flags).toMatchObject({
      'authorization-mode': 'Node,RBAC',
      'anonymous-auth': 'false',
      'audit-log-maxage': '7',
      profiling: 'true',
      v: '2',
      'client-ca-file': '/var/lib/rancher/k3s/server/tls/client-ca.crt',
      'encryption-provider-config': '/var/lib/rancher/k3s/server/cred/encryption-config.json',
    })
  })

  test('what its configuration file turns off stands on the node as two words, and is off', () => {
    expect(flagsOf('k3s.io/node-args', ['server', '--secrets-encryption', 'false'])[0]).not.toHaveProperty('encryption-provider-config')
    expect(flagsOf('k3s.io/node-args', ['server', '--secrets-encryption', 'true'])[0]).toHaveProperty('encryption-provider-config')
  })

  test('an agent, and a server that keeps the datastore alone, run no API server', () => {
    expect(flagsOf('k3s.io/node-args', ['agent', '--kube-apiserver-arg=a=b'])).toEqual([])
    expect(flagsOf('k3s.io/node-args', ['server', '--disable-apiserver', 'true'])).toEqual([])
    expect(flagsOf('k3s.io/node-args', ['server', '--disable-apiserver', 'false'])).toHaveLength(1)
  })

  test('its files lie where --data-dir says', () => {
    const [flags] = flagsOf('k3s.io/node-args', ['server', '-d', '/data/k3s/', '--secrets-encryption'])
    expect(flags).toMatchObject({
      'tls-cert-file': '/data/k3s/server/tls/serving-kube-apiserver.crt',
      'encryption-provider-config': '/data/k3s/server/cred/encryption-config.json',
    })
  })

  test('/flagz speaks for the server that answered, its node for each other one', () => {
    const flagz = { ApiServerFlagz: { flags: { 'advertise-address': '10.0.0.2', profiling: 'false' } } }
    const { instances, remarks } = componentFlags(
      worldOf(
        [
          { apiVersion: 'k8s-harden.test/v1', kind: 'World', kubernetes: 'v1.36.1+k3s1', facts: flagz },
          node('k3s.io/node-args', ['server', '--kube-apiserver-arg=profiling=true'], 's1', '10.0.0.1'),
          node('k3s.io/node-args', ['server'], 's2', '10.0.0.2'),
        ]
          .map((one) => JSON.stringify(one))
          .join('\n---\n'),
      ).snapshot,
      'kube-apiserver',
    )
    expect(instances.map(({ name, source, flags }) => [name, source, flags.get('profiling')])).toEqual([
      ['s2', 'flagz', 'false'],
      ['s1', 'node-annotation', 'true'],
    ])
    expect(remarks).toEqual([])
  })

  test('a server whose arguments cannot be read is told of', () => {
    const silent = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 's2', labels: { 'node-role.kubernetes.io/control-plane': 'true' } },
      status: { nodeInfo: { kubeletVersion: 'v1.36.1+k3s1' } },
    }
    const { instances, remarks } = componentFlags(world(node('k3s.io/node-args', ['server'], 's1'), silent), 'kube-apiserver')
    expect(instances).toHaveLength(1)
    expect(remarks.slice(1)).toEqual([{ unknown: expect.stringContaining('s2'), answer: expect.stringContaining('--host s2=') }])
    expect(flagsOf('k3s.io/node-args', [])).toEqual([])
  })
})

describe('RKE2', () => {
  test('gives its components what k3s does, from its own place', () => {
    expect(flagsOf('rke2.io/node-args', ['server', '--kube-apiserver-arg=a=b'])[0]).toMatchObject({
      a: 'b',
      'anonymous-auth': 'false',
      profiling: 'false',
      'client-ca-file': '/var/lib/rancher/rke2/server/tls/client-ca.crt',
      'encryption-provider-config': '/var/lib/rancher/rke2/server/cred/encryption-config.json',
    })
  })

  test.each([
    ['a policy', ['--audit-policy-file', '/etc/own.yaml'], '/etc/own.yaml'],
    ['a CIS profile', ['--profile', 'cis'], '/etc/rancher/rke2/audit-policy.yaml'],
    ['both', ['--profile=cis-1.23', '--audit-policy-file=/etc/own.yaml'], '/etc/own.yaml'],
  ])('audits with %s', (_what, args, policy) => {
    expect(flagsOf('rke2.io/node-args', ['server', ...args])[0]).toMatchObject({
      'audit-policy-file': policy,
      'audit-log-path': '/var/lib/rancher/rke2/server/logs/audit.log',
      'audit-log-maxage': '30',
    })
  })

  test('what the operator gives counts over that, and without either nothing is audited', () => {
    const own = flagsOf('rke2.io/node-args', ['server', '--profile=cis', '--kube-apiserver-arg=audit-log-maxage=7'])
    expect(own[0]).toMatchObject({ 'audit-log-maxage': '7' })
    for (const profile of ['', 'etcd'])
      expect(flagsOf('rke2.io/node-args', ['server', `--profile=${profile}`])[0]).not.toHaveProperty('audit-policy-file')
  })
})

describe('its configuration files', () => {
  const values = (...files: readonly object[]) =>
    valuesOf(
      files.flatMap((file, index) => settingsOfFile(`/f${index}`, file as Record<string, unknown>)),
      'kube-apiserver-arg',
    )
  test('a later file takes the place of an earlier one, unless its key has a plus', () => {
    expect(values({ 'kube-apiserver-arg': ['a=1'] }, { 'kube-apiserver-arg+': ['b=2'] })).toEqual(['a=1', 'b=2'])
    expect(values({ 'kube-apiserver-arg': ['a=1'] }, { 'kube-apiserver-arg': 'b=2' })).toEqual(['b=2'])
    expect(values({ 'kube-apiserver-arg': 'a=1' }, { 'kube-apiserver-arg+': 'b=2' }, { 'kube-apiserver-arg': [] })).toEqual([])
  })
  test('what stands on the command line comes after them', () => {
    const settings = [...settingsOfFile('/f', { 'kube-apiserver-arg': ['a=1'] }), ...settingsOfWords('/unit', ['--kube-apiserver-arg=a=2'])]
    expect(valuesOf(settings, 'kube-apiserver-arg')).toEqual(['a=1', 'a=2'])
  })
  test('of what may be a credential nothing is kept but its name', () => {
    const settings = [
      ...settingsOfFile('/f', { token: 's3cret', 'datastore-endpoint': 'mysql://u:s3cret@h' }),
      ...settingsOfWords('/unit', ['-t', 's3cret', '--agent-token=s3cret']),
    ]
    expect(settings.map(({ key }) => key)).toEqual(['token', 'datastore-endpoint', 'token', 'agent-token'])
    expect(JSON.stringify(settings)).not.toContain('s3cret')
  })
})
