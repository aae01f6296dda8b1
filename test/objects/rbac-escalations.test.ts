import { describe, expect, test } from 'vitest'
import type { PolicyRule } from '../../src/model/index.ts'
import { escalationsOf } from '../../src/objects/rbac-escalations.ts'

const ids = (rules: PolicyRule[], clusterWide = true) => escalationsOf(rules, clusterWide).map((one) => one.id)
const rule = (verbs: string[], group: string, ...resources: string[]): PolicyRule => ({ verbs, apiGroups: [group], resources })

describe('escalation', () => {
  test('everything is everything', () => expect(ids([rule(['*'], '*', '*')]).length).toBeGreaterThan(15))
  test('bind and escalate are looked for on roles, not on bindings', () => {
    expect(ids([rule(['bind'], 'rbac.authorization.k8s.io', 'clusterroles')])).toEqual(['E03'])
    expect(ids([rule(['bind', 'escalate'], 'rbac.authorization.k8s.io', 'clusterrolebindings')])).toEqual([])
  })
  test('get on nodes/proxy is enough, for the whole cluster only', () => {
    expect(ids([rule(['get'], '', 'nodes/proxy')])).toEqual(['E16'])
    expect(ids([rule(['get'], '', 'nodes/proxy')], false)).toEqual([])
  })
  test('reading one named Secret is not reading Secrets', () =>
    expect(ids([{ ...rule(['get'], '', 'secrets'), resourceNames: ['mine'] }])).toEqual([]))
  test('approving certificates takes three rights, from whichever rules', () => {
    const parts = [
      rule(['create'], 'certificates.k8s.io', 'certificatesigningrequests'),
      rule(['update'], 'certificates.k8s.io', 'certificatesigningrequests/approval'),
      rule(['approve'], 'certificates.k8s.io', 'signers'),
    ]
    expect(ids(parts)).toEqual(['E21'])
    expect(ids(parts.slice(1))).toEqual([])
  })
  test('reading pods is nothing', () => expect(ids([rule(['get', 'list', 'watch'], '', 'pods', 'configmaps')])).toEqual([]))
})
