import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { encryptionText, encryptSecrets } from '../../remediations/encryption-config.ts'
import type { Change, ConfigFile, Finding, Json } from '../../src/model/index.ts'
import { encryptionRules, ruleForSecrets } from '../../src/objects/encryption.ts'
import { CONTROL_PLANE, componentFlags } from '../../src/objects/flags.ts'
import { worldOf } from '../helpers/world.ts'

const world = (fields: object = {}) => `${JSON.stringify({ apiVersion: 'k8s-harden.test/v1', kind: 'World', ...fields })}\n---\n`
const apiServer = (name: string) =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } }, spec: { containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', '--a=1'] }] } })}\n---\n`
const propose = (text: string, options: Record<string, Json> = { resources: 'secrets' }, configured = false) => {
  const { snapshot } = worldOf(text)
  const subject = componentFlags(snapshot, 'kube-apiserver').instances[0]?.subject ?? CONTROL_PLANE
  return encryptSecrets<{ configured: boolean }>().propose(
    { subject, evidence: { configured } } as unknown as Finding<{ configured: boolean }>,
    { view: snapshot, options, alongside: [] },
  )
}
const filesOf = (proposal: ReturnType<typeof propose>) =>
  ('changes' in proposal ? proposal.changes : []).filter((change): change is Extract<Change, { type: 'file' }> => change.type === 'file')
const now = Date.parse('2026-11-23T00:00:00Z')

describe('the configuration', () => {
  test('is YAML that Kubernetes knows, with one place for a key, secretbox first and identity last', () => {
    const content = parse(encryptionText({ now }, ['secrets', 'configmaps'])) as ConfigFile
    expect(content).toMatchObject({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration' })
    const rule = ruleForSecrets(encryptionRules(content))!
    expect(rule.resources).toEqual(['secrets', 'configmaps'])
    expect(rule.providers.map((provider) => provider.kind)).toEqual(['secretbox', 'identity'])
    expect(rule.providers[0]!.keys).toMatchObject([{ name: 'key-20261123', placeholder: true }])
  })

  test('with a key in place it is a strong one', () => {
    const key = '7cJHkHq0Zt0mX1v8aJ9yqkT0n3S2mR5bV6wQ4dYfE1c='
    const rule = ruleForSecrets(encryptionRules(parse(encryptionText({ now }, ['secrets']).replace('{{key 1}}', key)) as ConfigFile))!
    expect(rule.providers[0]!.keys).toMatchObject([{ bytes: 32, look: 'random', placeholder: false }])
  })
})

describe('turning it on', () => {
  test('the file comes before the flags that name it, is secret and private', () => {
    const proposal = propose(world({ source: 'manifests' }) + apiServer('kube-apiserver'))
    if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
    const [file, edit] = proposal.changes
    expect(file).toMatchObject({ type: 'file', name: 'encryption-config.yaml', mode: 0o600, text: { secretKeys: 1 } })
    expect(edit).toMatchObject({ type: 'edit' })
    expect(JSON.stringify(edit)).toContain('--encryption-provider-config=/etc/kubernetes/enc/encryption-config.yaml')
    expect(JSON.stringify(edit)).toContain('--encryption-provider-config-automatic-reload=true')
    expect(proposal.risk).toBe('may-break')
  })

  test('automatic reload is not asked of a server that does not know it', () => {
    expect(JSON.stringify(propose(world({ source: 'manifests', kubernetes: 'v1.25.3' }) + apiServer('kube-apiserver')))).not.toContain(
      'automatic-reload',
    )
  })

  test('with several API servers identity goes first until all can read the key', () => {
    const [one] = filesOf(propose(world({ source: 'manifests' }) + apiServer('kube-apiserver')))
    const [several] = filesOf(propose(world() + apiServer('kube-apiserver-a') + apiServer('kube-apiserver-b')))
    expect(one!.runbook.join('\n')).not.toContain('identity above secretbox')
    expect(one!.later).toBeUndefined()
    const order = ({ text }: { readonly text: string }) =>
      ruleForSecrets(encryptionRules(parse(text) as ConfigFile))!.providers.map(({ kind }) => kind)
    expect([order(several!.text), order(several!.later!)]).toEqual([
      ['identity', 'secretbox'],
      ['secretbox', 'identity'],
    ])
    const [, flags] = filesOf(propose(world() + apiServer('kube-apiserver-a') + apiServer('kube-apiserver-b')))
    const lines = [...several!.runbook, ...flags!.runbook]
    const step = (words: string) => lines.findIndex((line) => line.includes(words))
    expect(step('snapshot')).toBe(0)
    expect(step('copy encryption-config.yaml to')).toBeGreaterThan(step('safe place'))
    expect(step('never on two at once')).toBeGreaterThan(step('copy encryption-config.yaml to'))
    expect(step('copy encryption-config.key-first.yaml to')).toBeGreaterThan(step('never on two at once'))
    expect(step('prove it')).toBeGreaterThan(step('copy encryption-config.key-first.yaml to'))
    expect(step('store anew')).toBeGreaterThan(step('prove it'))
    expect(flags!.rollback[0]).toContain('not once anything was written with the key')
    expect(several!.rollback[0]).toContain('never remove')
  })

  test('old objects are rewritten by the means of the version', () => {
    expect(filesOf(propose(world() + apiServer('a')))[1]!.runbook.join()).toContain('StorageVersionMigration')
    expect(filesOf(propose(world({ kubernetes: 'v1.33.0' }) + apiServer('a')))[1]!.runbook.join()).toContain('kubectl replace')
  })

  test('live, files only; the flags stand in a fragment', () => {
    expect(filesOf(propose(world() + apiServer('a'))).map((file) => file.name)).toEqual([
      'encryption-config.yaml',
      'kube-apiserver.kubeadm.yaml',
    ])
  })

  test('a configuration that is there is used as it is, or stays untouched beside a new one', () => {
    const file = (provider: object) =>
      `${JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', metadata: { name: 'encryption-config.yaml' }, resources: [{ resources: ['secrets'], providers: [provider, { identity: {} }] }] })}\n---\n`
    const used = propose(world({ source: 'manifests' }) + file({ secretbox: { keys: [] } }) + apiServer('a'))
    expect(filesOf(used)).toEqual([])
    expect(JSON.stringify(used)).toContain('/etc/kubernetes/enc/encryption-config.yaml')
    expect(filesOf(propose(world({ source: 'manifests' }) + file({ identity: {} }) + apiServer('a')))[0]!.name).toBe(
      'encryption-config-k8s-harden.yaml',
    )
  })

  test('what is configured already is never rewritten: its keys are the only way to the data', () => {
    expect(propose(world({ source: 'manifests' }) + apiServer('a'), {}, true)).toEqual({
      byHand: expect.stringContaining('put a strong provider'),
    })
  })
})

describe('where an API server encrypts already', () => {
  const on = apiServer('kube-apiserver-a').replace('--a=1', '--encryption-provider-config=/etc/keys/enc.yaml')
  const proposeForB = (text: string) => {
    const { snapshot } = worldOf(text)
    const { subject } = componentFlags(snapshot, 'kube-apiserver').instances.find((instance) => instance.name === 'kube-apiserver-b')!
    const finding = { subject, evidence: { configured: false } } as unknown as Finding<{ configured: boolean }>
    return encryptSecrets<{ configured: boolean }>().propose(finding, { view: snapshot, options: {}, alongside: [] })
  }

  test('the others get the same file, never a second key', () => {
    const live = proposeForB(world() + on + apiServer('kube-apiserver-b'))
    const [file, ...more] = filesOf(live)
    expect(more).toEqual([])
    expect(file!.text.secretKeys).toBeUndefined()
    expect(file!.runbook[0]).toContain('copy /etc/keys/enc.yaml from the node of kube-apiserver-a')
    expect(parse(file!.text.text)).toMatchObject({
      apiServer: { extraArgs: [{ value: '/etc/keys/enc.yaml' }], extraVolumes: [{ hostPath: '/etc/keys' }] },
    })
    const inFiles = proposeForB(world({ source: 'manifests' }) + on + apiServer('kube-apiserver-b'))
    expect(inFiles).toMatchObject({ changes: [{ type: 'edit', target: { name: 'kube-apiserver-b' } }] })
  })

  test('its counters are enough to stop', () => {
    const samples = [{ name: 'apiserver_encryption_config_controller_last_config_info', labels: {}, value: 1 }]
    expect(proposeForB(world({ facts: { ApiServerMetrics: { samples } } }) + apiServer('kube-apiserver-b'))).toEqual({
      byHand: expect.stringContaining('encrypts already'),
    })
  })
})

describe('other control planes', () => {
  test('k3s has commands of its own', () =>
    expect(propose(world({ kubernetes: 'v1.34.3+k3s1' }))).toEqual({ byHand: expect.stringContaining('k3s secrets-encrypt enable') }))
  test('a provider asks for the key, then gives its command', () => {
    const eks = world({ kubernetes: 'v1.27.3-eks-1' })
    expect(propose(eks, { cluster: 'shop', region: 'eu-west-1' })).toEqual({
      needs: { option: 'kms-key', question: expect.stringContaining('ARN') },
    })
    expect(propose(eks, { cluster: 'shop', region: 'eu-west-1', 'kms-key': 'arn:aws:kms:x' })).toMatchObject({
      changes: [
        {
          type: 'command',
          argv: expect.arrayContaining([
            'associate-encryption-config',
            '[{"resources":["secrets"],"provider":{"keyArn":"arn:aws:kms:x"}}]',
          ]),
        },
      ],
      risk: 'may-break',
    })
  })
})
