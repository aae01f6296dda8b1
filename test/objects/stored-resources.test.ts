import { expect, it } from 'vitest'
import { storedNames } from '../../src/objects/stored-resources.ts'
import { worldOf } from '../helpers/world.ts'

const world = (groups: object[], rest = '') =>
  worldOf(`apiVersion: k8s-harden.test/v1\nkind: World\nfacts: ${JSON.stringify({ ServedResources: { groups } })}${rest}`).snapshot
const service = (group: string, more: string) => `
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.${group}}
spec: {group: ${group}, version: v1${more}}`

it('what an API server stores: what can be read and written again, but for what other servers answer', () => {
  const groups = [
    { group: '', resources: ['bindings', 'events', 'secrets'], kept: ['events', 'secrets'] },
    { group: 'authentication.k8s.io', resources: ['tokenreviews'], kept: [] },
    { group: 'events.k8s.io', resources: ['events'], kept: ['events'] },
    { group: 'example.com', resources: ['widgets'], kept: ['widgets'] },
    { group: 'projectcalico.org', resources: ['tiers'], kept: ['tiers'] },
  ]
  const rest = service('example.com', '') + service('projectcalico.org', ', service: {namespace: calico, name: api}')
  expect(storedNames(world(groups, rest))).toEqual(['events', 'secrets', 'widgets.example.com'])
})

it('is not known where the verbs were not asked, or nothing was', () => {
  expect(storedNames(world([{ group: '', resources: ['secrets'] }]))).toBeUndefined()
  expect(storedNames(worldOf('apiVersion: k8s-harden.test/v1\nkind: World\n').snapshot)).toBeUndefined()
})
