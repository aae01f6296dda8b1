import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import safety from '../../src/controls/nodes-and-pods/adm-webhook-safety.ts'
import { caExpiry } from '../../src/objects/ca-bundle.ts'
import { webhookFaults } from '../../src/objects/webhook-faults.ts'
import type { Webhook } from '../../src/objects/webhooks.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from '../remediations/proposals.ts'

const FIXTURES = join(import.meta.dirname, '../controls/nodes-and-pods/adm-webhook-safety')
const fixture = (name: string) => readFileSync(join(FIXTURES, `${name}.yaml`), 'utf8')
function faults(text: string): string[] {
  const { snapshot } = worldOf(text)
  return snapshot
    .all('ValidatingWebhookConfiguration')
    .flatMap((one) => (one.webhooks ?? []).flatMap((webhook) => [...webhookFaults(one, webhook, snapshot, true)]))
    .map(({ is }) => is)
}
const byHand = (name: string) =>
  proposals('adm-webhook-safety', safety, fixture(name)).map(({ proposal }) => ('byHand' in proposal ? proposal.byHand : undefined))

describe('faults of webhooks', () => {
  it.each([
    ['pass', []],
    ['fail', ['ignore']],
    ['fail.not-yet', ['ignore']],
    ['fail.single', ['single']],
    ['fail.unbudgeted', ['no-budget']],
    ['fail.unbudgeted-void', ['no-budget']],
    ['pass.budget', []],
    ['fail.rules', ['rules', 'timeout']],
    ['fail.labels', ['object-selector', 'match-condition']],
    ['fail.no-backend', ['no-backend']],
    ['fail.expired', ['expired']],
    ['fail.kyverno', ['ignore']],
    ['other.outside', ['namespace-selector', 'outside']],
  ])('%s: %j', (name, expected) => {
    expect(faults(fixture(name))).toEqual(expected)
  })

  it('say how often the API server has passed an engine over', () => {
    const counted = (name: string) => {
      const sample = (value: number) => ({
        name: 'apiserver_admission_webhook_fail_open_count',
        labels: { name, type: 'validating' },
        value,
      })
      const world = JSON.stringify({
        apiVersion: 'k8s-harden.test/v1',
        kind: 'World',
        facts: { ApiServerMetrics: { samples: [sample(2), sample(5)] } },
      })
      const { snapshot } = worldOf(`${fixture('fail')}\n---\n${world}`)
      const [configuration] = snapshot.all('ValidatingWebhookConfiguration')
      return [...webhookFaults(configuration!, configuration!.webhooks![0]!, snapshot, true)].map(({ detail }) => detail)
    }
    expect(counted('validation.gatekeeper.sh')).toEqual([
      'failurePolicy: Ignore; since it started, the API server has passed it over 7 times',
    ])
    expect(counted('another')).toEqual(['failurePolicy: Ignore'])
  })

  it('leave a budget alone that is there already: two for one pod stop every drain', () => {
    expect(byHand('fail.unbudgeted-void')).toEqual([expect.stringContaining('one PodDisruptionBudget with maxUnavailable: 1')])
    expect(byHand('fail.unbudgeted')).toEqual([undefined])
  })

  it('are told of policy engines only where any webhook may do so', () => {
    const other = fixture('fail')
      .replaceAll('gatekeeper-validating-webhook-configuration', 'defaults')
      .replaceAll('validation.gatekeeper.sh', 'defaults.example')
    expect(faults(other.replaceAll('gatekeeper-webhook', 'defaults'))).toEqual([])
  })

  it('do not take the webhook of a tenant’s own URL on the API server’s node for one elsewhere', () => {
    expect(faults(fixture('other.outside').replace('policy.example.com', '127.0.0.1:9443'))).toEqual(['namespace-selector'])
  })

  it('count what a rule says as the API server does: pods does not cover its subresources', () => {
    const ask = (resources: string[], operations = ['*']) =>
      ({ name: 'validation.gatekeeper.sh', rules: [{ apiGroups: [''], apiVersions: ['v1'], operations, resources }] }) as Webhook
    const { snapshot } = worldOf(fixture('other.none'))
    const engine = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'gatekeeper' },
    }
    const kinds = (webhook: Webhook) => [...webhookFaults(engine, webhook, snapshot, true)].map(({ is, detail }) => `${is}: ${detail}`)
    expect(kinds(ask(['*']))).toEqual(['rules: not asked about pods/ephemeralcontainers'])
    expect(kinds(ask(['*/*']))).toEqual([])
    expect(kinds(ask(['pods', 'pods/ephemeralcontainers'], ['CREATE']))).toEqual([
      'rules: not asked about UPDATE of pods and pods/ephemeralcontainers',
    ])
    expect(kinds(ask(['services']))).toEqual([])
  })
})

describe('closing a webhook', () => {
  it('is proposed where it can be away without locking the cluster, as a risk', () => {
    expect(proposals('adm-webhook-safety', safety, fixture('fail'))[0]!.proposal).toMatchObject({
      risk: 'may-break',
      changes: [{ type: 'edit' }],
    })
  })
  it('is by hand otherwise, with the order of the steps', () => {
    expect(byHand('fail.not-yet')).toEqual([
      'in this order: leave kube-system and gatekeeper-system out of its namespaceSelector by kubernetes.io/metadata.name; run it with two replicas or more and a PodDisruptionBudget (now 1 ready); then set failurePolicy: Fail',
    ])
    expect(byHand('fail.kyverno')).toEqual([
      expect.stringContaining('Kyverno writes ValidatingWebhookConfiguration kyverno-resource-validating-webhook-cfg itself'),
    ])
  })
  it('counts copies that are ready on a live cluster, not those that are asked for', () => {
    const text = fixture('fail').replace('status: {readyReplicas: 3}', 'status: {readyReplicas: 1}')
    expect(proposals('adm-webhook-safety', safety, text)[0]!.proposal).toMatchObject({ byHand: expect.stringContaining('now 1 ready') })
  })
})

describe('CA bundles', () => {
  const bundle = /caBundle: (\S+?)\}/.exec(fixture('fail.expired'))![1]!
  it('end when their last certificate does', () => {
    const end = new X509Certificate(Buffer.from(bundle, 'base64')).validTo
    expect(caExpiry(bundle)).toBe(new Date(end).toISOString())
  })
  it('say nothing where they cannot be read', () => {
    expect([
      caExpiry(''),
      caExpiry('AAAA'),
      caExpiry(Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----').toString('base64')),
    ]).toEqual([undefined, undefined, undefined])
  })
})
