import { expect, test } from 'vitest'
import { judge } from '../../src/engine/judge.ts'
import type { KubeObject, RegisteredControl } from '../../src/model/index.ts'
import { keyOf, refOf, rememberPosition } from '../../src/objects/ref.ts'
import { snapshotFrom } from '../helpers/world.ts'

const control: RegisteredControl = {
  id: 'planted',
  practice: 'rbac',
  title: 'T',
  severity: 'low',
  why: 'W',
  references: [],
  reads: ['ConfigMap'],
  remedy: { byHand: 'B' },
  *evaluate(view) {
    for (const map of view.all('ConfigMap'))
      if (map.data === undefined) yield { subject: refOf(map), reason: 'has no data', evidence: null }
  },
}
const inFile = (file: string, mended = false): KubeObject => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' }, ...(mended && { data: {} }) }
  rememberPosition(object, { file, document: 0, line: 1 })
  return object
}
const idsOf = (...objects: readonly KubeObject[]) => {
  const keyed = objects.map((object, index): [string, KubeObject] => [`${keyOf('shop', 'a')}${index === 0 ? '' : `@${index}`}`, object])
  return judge(control, snapshotFrom({ source: 'manifests' }, new Map([['ConfigMap', new Map(keyed)]]))).findings.map(
    (finding) => finding.id,
  )
}

test('of base and overlay, mending the first does not give its id to the second', () => {
  const [base, overlay] = idsOf(inFile('base.yaml'), inFile('overlay.yaml'))
  expect(base).not.toBe(overlay)
  expect(idsOf(inFile('base.yaml', true), inFile('overlay.yaml'))).toEqual([overlay])
  expect(idsOf(inFile('base.yaml'), inFile('overlay.yaml', true))).toEqual([base])
  expect(idsOf(inFile('renamed.yaml'))).toEqual([base])
})
