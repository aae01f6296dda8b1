import { expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { EVIDENCE, evidenceText, reasonsOf } from '../../src/objects/policy-evidence.ts'
import { documentText } from '../../src/objects/yaml-layout.ts'

const policy = (evidence: string, spec: object) =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'a', namespace: 'shop', annotations: { [EVIDENCE]: evidence } },
    spec,
  }) as KubeObject

test('what is written is read back, rule by rule, or for the policy as a whole', () => {
  const text = evidenceText('egress', ['DNS; also by TCP', 'Ingress shop routes to it'])
  expect([...reasonsOf(policy(text, {}))]).toEqual([
    ['egress[0]', 'DNS; also by TCP'],
    ['egress[1]', 'Ingress shop routes to it'],
  ])
  expect([...reasonsOf(policy('its pods mount a token', {}))]).toEqual([['', 'its pods mount a token']])
  expect([...reasonsOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } })]).toEqual([])
})
test('a document has the reason of each rule above it, in one line whatever stands in it', () => {
  const text = documentText(
    policy('ingress[0]: first\nkind: Secret; ingress[1]: second', {
      podSelector: {},
      ingress: [{ from: [{ podSelector: {} }] }, { ports: [{ port: 80 }] }],
      policyTypes: ['Ingress'],
    }),
  )
  expect(text.slice(text.indexOf('  ingress:'))).toBe(`  ingress:
    # first kind: Secret
    - from:
        - podSelector: {}
    # second
    - ports:
        - port: 80
  policyTypes:
    - Ingress
`)
})
