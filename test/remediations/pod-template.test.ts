import { describe, expect, it } from 'vitest'
import podPrivileged from '../../src/controls/nodes-and-pods/pod-privileged.ts'
import type { Proposal } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const containers = 'containers: [{name: app, image: a, securityContext: {privileged: true}}]'
const only = (text: string): Proposal => proposals('pod-privileged', podPrivileged, text)[0]!.proposal
const owner = (kind: string, apiVersion: string, name: string, uid: string) =>
  `ownerReferences: [{apiVersion: ${apiVersion}, kind: ${kind}, name: ${name}, uid: ${uid}, controller: true}]`
const files = '---\napiVersion: k8s-harden.test/v1\nkind: World\nsource: manifests\n'

describe('where a pod spec can be changed', () => {
  const bare = `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {${containers}}\n`
  it('is the template of a controller', () => {
    expect(
      only(`apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {spec: {${containers}}}}\n`),
    ).toMatchObject({
      changes: [
        {
          type: 'edit',
          target: { kind: 'Deployment', name: 'web' },
          edits: [{ set: ['spec', 'template', 'spec', 'containers', { name: 'app' }, 'securityContext', 'privileged'], to: false }],
        },
      ],
      risk: 'may-break',
    })
  })

  it('is a bare pod, unless it runs to its end: made anew it would do its work again', () => {
    expect(only(bare + files)).toMatchObject({
      changes: [{ edits: [{ set: ['spec', 'containers', { name: 'app' }, 'securityContext', 'privileged'], to: false }] }],
    })
    expect(only(bare)).toMatchObject({ changes: [{ target: { kind: 'Pod' } }] })
    expect(only(bare.replace('containers:', 'restartPolicy: Never, containers:'))).toEqual({
      byHand: expect.stringContaining('made anew it would do its work again'),
    })
  })

  it('is that of the container it was seen on, where another bears its name', () => {
    const twice = bare.replace('containers:', 'initContainers: [{name: app, image: a}], containers:')
    expect(only(twice + files)).toMatchObject({
      changes: [{ edits: [{ set: ['spec', 'containers', { name: 'app' }, 'securityContext', 'privileged'] }] }],
    })
  })

  it('is nowhere while a container has no name', () => {
    expect(only(bare.replace('name: app, ', '') + files)).toEqual({ byHand: expect.stringContaining('has a container without a name') })
  })

  it('is not the template of a Job that runs', () => {
    expect(
      only(`apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: shop}\nspec: {template: {spec: {${containers}}}}\n`),
    ).toEqual({ byHand: expect.stringContaining('cannot be changed') })
  })

  it('is a file on the node for a static pod', () => {
    const mirror = `apiVersion: v1\nkind: Pod\nmetadata: {name: agent-n1, namespace: agents, annotations: {kubernetes.io/config.mirror: x}, ${owner('Node', 'v1', 'n1', 'u1')}}\nspec: {${containers}}\n`
    expect(only(mirror)).toEqual({ byHand: expect.stringContaining('is a static pod') })
  })

  it('is up to an owner that is not read, which is named', () => {
    const owned = `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, ${owner('Rollout', 'argoproj.io/v1alpha1', 'web', 'u1')}}\nspec: {${containers}}\n`
    expect(only(owned)).toEqual({ byHand: expect.stringMatching(/^Rollout shop\/web makes these pods: set securityContext\.privileged/) })
  })

  it('is nowhere for what was put in after the template', () => {
    const set =
      'apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop, uid: u1}\nspec: {template: {spec: {containers: [{name: app, image: a}]}}}\n'
    const pod = `apiVersion: v1\nkind: Pod\nmetadata: {name: db-0, namespace: shop, ${owner('StatefulSet', 'apps/v1', 'db', 'u1')}}\nspec: {${containers}}\n`
    expect(only(`${set}---\n${pod}`)).toEqual({ byHand: expect.stringContaining('the template of StatefulSet shop/db does not have it') })
  })
})
