import { describe, expect, it } from 'vitest'
import { ADMISSION_FAMILIES } from '../../src/objects/admission-families.ts'
import { guardBinding, guardPolicy } from '../../src/objects/admission-policies.ts'
import { engines } from '../../src/objects/pod-security-engines.ts'
import { worldOf } from '../helpers/world.ts'

const partial = (families: typeof ADMISSION_FAMILIES, mode: 'Warn' | 'Deny') => {
  const objects = families.flatMap((family) => [guardPolicy(family, 37), guardBinding(family, mode, [])])
  return engines(worldOf(objects.map((object) => JSON.stringify(object)).join('\n---\n')).snapshot).partialIn('shop')
}
const KYVERNO = `apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: no-privileged}
spec: {validationActions: [Deny], validations: [{expression: 'object.spec.containers.all(c, !c.securityContext.privileged)'}]}
`

describe('policies that may amount to a level', () => {
  it('are those of this tool only where together they are the baseline level, and deny', () => {
    expect(partial(ADMISSION_FAMILIES.slice(0, 3), 'Deny')).toEqual([])
    expect(partial(ADMISSION_FAMILIES, 'Warn')).toEqual([])
    expect(partial(ADMISSION_FAMILIES, 'Deny')).toEqual(['the policies of this tool, which together are the baseline level'])
  })
  it('are the CEL policies of Kyverno that deny, whatever they say', () => {
    expect(engines(worldOf(KYVERNO).snapshot).partialIn('shop')).toEqual(['Kyverno ValidatingPolicy no-privileged'])
    expect(engines(worldOf(KYVERNO.replace('Deny', 'Audit')).snapshot).partialIn('shop')).toEqual([])
  })
})
