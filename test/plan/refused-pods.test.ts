import { describe, expect, test } from 'vitest'
import { refOf } from '../../src/objects/ref.ts'
import { compile } from '../../src/plan/compile.ts'
import { byId, controlOf, deployment, findingsOf, namespace, wants, worldOf } from './plan-fixtures.ts'

const planFor = (
  controls: Parameters<typeof findingsOf>[0],
  world: ReturnType<typeof worldOf>,
  options: Parameters<typeof compile>[3] = {},
) => compile(findingsOf(controls, world), byId(controls), world, options)

describe('a namespace that enforces a level', () => {
  const restricted = namespace('shop', { 'pod-security.kubernetes.io/enforce': 'baseline' })
  const controls = [wants('ape', 'allowPrivilegeEscalation', false), wants('priv', 'privileged', false)]

  test('would refuse what the plan leaves in the template, so nothing is changed that only restarts pods', () => {
    const world = worldOf([deployment('cart', { ports: [{ containerPort: 80, hostPort: 80 }] }), restricted])
    const { steps, ledger } = planFor(controls, world, { acceptRisk: 'restarts-pods' })
    expect(steps).toEqual([])
    expect(ledger.fixable).toEqual([])
    expect(ledger.refused.map(({ because }) => because)).toEqual(
      Array(2).fill(expect.stringMatching(/^namespace shop enforces baseline and would refuse its new pods/)),
    )
    expect(planFor(controls, world).steps).toEqual([
      expect.objectContaining({ risk: 'may-break', mayBreak: [expect.stringContaining('enforces baseline')] }),
    ])
  })

  test('is held to another one after the pods that it has are put right', () => {
    const label = controlOf(
      'pin',
      (view) => view.all('Namespace').map((object) => ({ subject: refOf(object), reason: 'is not pinned', evidence: null })),
      ({ subject }) => ({
        changes: [
          {
            type: 'edit',
            target: subject,
            edits: [{ set: ['metadata', 'labels', 'pod-security.kubernetes.io/enforce-version'], to: 'v1.30' }],
          },
        ],
        summary: 's',
        risk: 'safe',
      }),
      ['Namespace'],
    )
    const { steps } = planFor([label, ...controls], worldOf([deployment('cart'), restricted]))
    expect(steps.map(({ risk }) => risk)).toEqual(['restarts-pods', 'safe'])
  })

  test('is no hindrance where all that it minds goes with the same plan', () => {
    const world = worldOf([deployment('cart', { securityContext: { privileged: true } }), restricted])
    expect(planFor(controls, world, { acceptRisk: 'restarts-pods' }).steps).toEqual([expect.objectContaining({ risk: 'restarts-pods' })])
    expect(planFor([controls[0]!], world, { acceptRisk: 'restarts-pods' }).steps).toEqual([])
  })
})
