import { describe, expect, test } from 'vitest'
import { requestTyped } from '../../src/objects/rbac-request.ts'
import { resourceNamed } from '../../src/objects/rbac-resource-name.ts'
import type { Universe } from '../../src/objects/rbac-rules.ts'
import { universeOf } from '../../src/objects/rbac-served.ts'
import { worldOf } from '../helpers/world.ts'

const universe: Universe = universeOf(
  worldOf(
    ['widgets.example.com', 'policies.example.com', 'pods.metrics.example.com']
      .map((name) => `---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: ${name}}\n`)
      .join(''),
  ).snapshot,
)
const named = (text: string) => {
  const { group, resource, subresource } = resourceNamed(text, universe)
  return `${resource}${subresource && `/${subresource}`}.${group}`
}

describe('names of resources, as kubectl takes them', () => {
  test.each([
    ['pods', 'pods.'],
    ['po', 'pods.'],
    ['Pod', 'pods.'],
    ['po/exec', 'pods/exec.'],
    ['deploy', 'deployments.apps'],
    ['Deployment', 'deployments.apps'],
    ['deployments.apps', 'deployments.apps'],
    ['deployments.v1.apps', 'deployments.apps'],
    ['deployments.apps/scale', 'deployments/scale.apps'],
    ['networkpolicy', 'networkpolicies.networking.k8s.io'],
    ['ingress', 'ingresses.networking.k8s.io'],
    ['endpoints', 'endpoints.'],
    ['events', 'events.'],
    ['events.events.k8s.io', 'events.events.k8s.io'],
    ['clusterrole', 'clusterroles.rbac.authorization.k8s.io'],
    ['widget', 'widgets.example.com'],
    ['policy.example.com', 'policies.example.com'],
    ['pods.metrics.example.com', 'pods.metrics.example.com'],
    ['nodes/proxy', 'nodes/proxy.'],
    ['*', '*.*'],
    ['*.apps', '*.apps'],
    ['*/scale', '*/scale.*'],
  ])('%s is %s', (typed, meant) => {
    expect(named(typed)).toBe(meant)
    expect(resourceNamed(typed, universe).doubt).toBeUndefined()
  })

  test.each([
    ['gadgets', 'gadgets.', 'no resource gadgets is known here'],
    ['gadgets.example.com', 'gadgets.example.com', 'no resource gadgets in API group example.com is known here'],
    ['pods/fly', 'pods/fly.', 'no pods/fly is known here'],
  ])('%s is taken as it stands, with a doubt', (typed, meant, doubt) => {
    expect(named(typed)).toBe(meant)
    expect(resourceNamed(typed, universe).doubt).toBe(doubt)
  })
})

describe('what the authorizer would see', () => {
  const typed = (verb: string, resource: string, namespace?: string, name?: string) =>
    requestTyped({ verb, resource, namespace, name }, () => universe)
  test('no name on create, one on list by the field selector', () => {
    expect(typed('create', 'secrets', 'shop', 'key')).toMatchObject({
      request: { name: '' },
      remarks: ['a request to create secrets shows the authorizer no name: key is left out'],
    })
    expect(typed('list', 'secrets', 'shop', 'key')).toMatchObject({ request: { name: 'key', namespace: 'shop' }, remarks: [] })
    expect(typed('create', 'sa/token', 'shop', 'robot')).toMatchObject({
      request: { resource: 'serviceaccounts', subresource: 'token', name: 'robot' },
    })
  })
  test('a namespace is its own namespace; a list of them has none', () => {
    expect(typed('delete', 'ns', undefined, 'shop')).toMatchObject({ request: { namespace: 'shop', name: 'shop' }, isAboutAll: false })
    expect(typed('list', 'ns', 'shop')).toMatchObject({ request: { namespace: '' }, isAboutAll: false, text: 'list namespaces' })
  })
  test('nodes and paths are in no namespace, and it is said', () => {
    expect(typed('get', 'nodes', 'shop')).toMatchObject({ request: { namespace: '' }, isAboutAll: false, text: 'get nodes' })
    expect(typed('get', '/metrics', 'shop')).toEqual({
      request: { verb: 'get', path: '/metrics' },
      remarks: ['/metrics is a path: it has no namespace and no name, so those are left out'],
      isAboutAll: false,
      text: 'get /metrics',
    })
    expect(typed('get', 'deploy')).toMatchObject({ isAboutAll: true, text: 'get deployments of apps in all namespaces' })
  })
})
