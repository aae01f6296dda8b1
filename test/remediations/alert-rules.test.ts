import { expect, test } from 'vitest'
import { alertRules } from '../../remediations/alert-rules.ts'
import type { Change, Finding } from '../../src/model/index.ts'
import { ALERT_TOPICS } from '../../src/objects/alert-topics.ts'
import { worldOf } from '../helpers/world.ts'

const CRD =
  'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: prometheusrules.monitoring.coreos.com}\n---\n'
const rule = (name: string, namespace: string, labels: string, expr = 'up == 0') =>
  `apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: ${name}, namespace: ${namespace}, labels: ${labels}}\nspec: {groups: [{name: g, rules: [{alert: A, expr: '${expr}'}]}]}\n---\n`
const propose = (text: string, namespace?: string, options = {}) =>
  alertRules.propose(
    {
      subject: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'prometheus', ...(namespace !== undefined && { namespace }) },
      evidence: {},
    } as unknown as Finding<object>,
    { view: worldOf(text).snapshot, options, alongside: [] },
  )
const changeOf = (proposal: object) => (proposal as { changes: Change[] }).changes[0]!

test('a PrometheusRule beside Prometheus, one group a topic', () => {
  const change = changeOf(propose(CRD, 'monitoring')) as unknown as { object: { metadata: object; spec: { groups: unknown[] } } }
  expect(change).toMatchObject({
    type: 'create',
    object: {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: 'k8s-harden-security', namespace: 'monitoring' },
    },
  })
  expect(change.object.spec.groups).toHaveLength(ALERT_TOPICS.length)
})
test('stands where the other rules stand, with the labels that Prometheus chooses by', () => {
  const others = rule('a', 'obs', '{release: stack, team: x}') + rule('b', 'obs', '{release: stack}') + rule('c', 'web', '{release: stack}')
  expect(changeOf(propose(others, 'monitoring'))).toMatchObject({
    object: { metadata: { namespace: 'obs', labels: { release: 'stack', 'app.kubernetes.io/managed-by': 'k8s-harden' } } },
  })
})
test('adds to its own rule', () => {
  const own = rule('k8s-harden-security', 'obs', '{}', 'pod_security_evaluations_total > 0') + rule('a', 'obs', '{release: stack}')
  const change = changeOf(propose(own, 'obs')) as Extract<Change, { type: 'edit' }>
  expect(change).toMatchObject({ type: 'edit', target: { name: 'k8s-harden-security' } })
  expect((change.edits[0] as unknown as { to: { name: string }[] }).to.map((group) => group.name)).toEqual([
    'g',
    ...ALERT_TOPICS.filter((topic) => topic.id !== 'pod-security').map((topic) => `k8s-harden-security-${topic.id}`),
  ])
})
test('asks for the namespace where nothing says it', () => {
  expect(propose(CRD)).toMatchObject({ needs: { option: 'namespace' } })
  expect(changeOf(propose(CRD, undefined, { namespace: 'obs' }))).toMatchObject({ object: { metadata: { namespace: 'obs' } } })
})
test('by hand without the operator', () =>
  expect(propose('', 'monitoring')).toMatchObject({ byHand: expect.stringMatching(/on lost audit events, refused requests/) }))
