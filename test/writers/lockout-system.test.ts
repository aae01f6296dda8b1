import { describe, expect, it } from 'vitest'
import type { KubeObject, Step } from '../../src/model/index.ts'
import { refuseOnSystem } from '../../src/writers/lockout-system.ts'
import { namespace, worldOf } from '../plan/plan-fixtures.ts'

const binding = (spec: object): KubeObject =>
  ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'guard' },
    spec: { policyName: 'guard', validationActions: ['Deny'], ...spec },
  }) as unknown as KubeObject
const refused = (object: KubeObject, carriedOut = 'live') =>
  refuseOnSystem({ changes: [{ type: 'create', object }], carriedOut } as unknown as Step, worldOf([namespace('kube-system')]))
const rule = (...resources: string[]) => ({ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources })
const of = (...rules: object[]) => binding({ matchResources: { resourceRules: rules } })

describe('a policy binding that denies in the namespaces of the system', () => {
  it('may speak of Services alone', () => {
    expect(refused(of(rule('services')))).toBeUndefined()
    expect(refused(of(rule('services'), rule('services')))).toBeUndefined()
  })

  it.each([
    ['of everything', binding({})],
    ['without rules', of()],
    ['of pods', of(rule('pods'))],
    ['of Services and pods in one rule', of(rule('services', 'pods'))],
    ['of Services and pods in two rules', of(rule('services'), rule('pods'))],
    ['of every resource', of(rule('*'))],
    ['of a part of Services', of(rule('services/status'))],
    ['whose rule names no resource', of({ apiGroups: [''] })],
  ])('is refused: %s', (_name, object) => expect(refused(object)).toMatch(/asked about pods of kube-system/))

  it('is let be where it warns only, leaves them out, or is written to a file', () => {
    expect(refused(binding({ validationActions: ['Warn', 'Audit'] }))).toBeUndefined()
    const others = { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system'] }] }
    expect(refused(binding({ matchResources: { namespaceSelector: others } }))).toBeUndefined()
    expect(refused(binding({}), 'file')).toBeUndefined()
  })
})
