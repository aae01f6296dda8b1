import { describe, expect, test } from 'vitest'
import type { Change, KubeObject } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { compile } from '../../src/plan/compile.ts'
import { byId, controlOf, findingsOf, worldOf } from './plan-fixtures.ts'

const API = 'rbac.authorization.k8s.io/v1'
const role = (name: string): KubeObject =>
  ({ apiVersion: API, kind: 'Role', metadata: { name, namespace: 'shop' }, rules: [] }) as KubeObject
const binding = (name: string, to = name): KubeObject =>
  ({
    apiVersion: API,
    kind: 'RoleBinding',
    metadata: { name, namespace: 'shop' },
    roleRef: { kind: 'Role', name: to },
    subjects: [],
  }) as unknown as KubeObject
const wide = binding('wide')
const world = worldOf([wide, role('wide')])
const give = (...names: string[]): Change[] =>
  names.flatMap((name): Change[] => [role(name), binding(name)].map((object) => ({ type: 'create', object })))
const found = (id: string, ...names: string[]) =>
  controlOf(
    id,
    function* () {
      yield { subject: refOf(wide), reason: 'grants too much', evidence: null }
    },
    () => ({ changes: [...give(...names), { type: 'delete', target: refOf(wide) }], risk: 'safe', summary: id }),
    ['RoleBinding'],
  )

describe('rights that are given before others go', () => {
  test('are all there before, in whichever order two findings give them', () => {
    const controls = [found('one', 'jane', 'joe', 'eve'), found('other', 'eve', 'joe', 'jane', 'kim')]
    const { steps } = compile(findingsOf(controls, world), byId(controls), world, {})
    const titles = steps.map(({ title }) => title.replace(/:.*/, ''))
    expect(titles).toHaveLength(9)
    expect(titles.at(-1)).toBe('RoleBinding shop/wide')
    for (const name of ['jane', 'joe', 'eve', 'kim'])
      expect(titles.indexOf(`Role shop/${name}`), name).toBeLessThan(titles.indexOf(`RoleBinding shop/${name}`))
    // Whoever leaves one of them out does not lose what it gives: the removal needs every binding.
    const bindings = steps.filter(({ title }) => /^RoleBinding shop\/(jane|joe|eve|kim)/.test(title))
    expect(steps.at(-1)!.after).toEqual(expect.arrayContaining(bindings.map(({ id }) => id)))
  })
})
