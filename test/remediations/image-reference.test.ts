import { describe, expect, it } from 'vitest'
import mutable from '../../src/controls/images/img-mutable-reference.ts'
import type { Json } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const digest = (digit: string) => `sha256:${digit.repeat(64)}`
const set = (image: string) =>
  `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop, uid: u1}\nspec: {template: {spec: {containers: [{name: app, image: '${image}'}]}}}\n`
const pods = (...ids: string[]) =>
  ids
    .map(
      (imageID, index) =>
        `---\napiVersion: v1\nkind: Pod\nmetadata: {name: db-${index}, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]}\nspec: {containers: [{name: app, image: a}]}\nstatus: {phase: Running, containerStatuses: [{name: app, imageID: '${imageID}'}]}\n`,
    )
    .join('')
const propose = (text: string, options: Record<string, Json> = {}) =>
  proposals('img-mutable-reference', mutable, text, options)[0]!.proposal
const pinned = (to: string) => ({
  changes: [{ edits: [{ set: ['spec', 'template', 'spec', 'containers', { name: 'app' }, 'image'], to }] }],
  risk: 'restarts-pods',
})

describe('pinning an image', () => {
  it('takes the digest that all pods run', () => {
    const id = `docker.io/library/nginx@${digest('a')}`
    expect(propose(set('nginx:1.29') + pods(id, id))).toMatchObject(pinned(`nginx:1.29@${digest('a')}`))
  })

  it('asks where no pod tells: none runs, or the image is local', () => {
    expect(propose(set('nginx:1.29'))).toMatchObject({ needs: { option: 'digests' } })
    expect(propose(set('nginx:1.29') + pods(digest('a')))).toMatchObject({ needs: { option: 'digests' } })
  })

  it('does not choose between digests, nor take that of another repository', () => {
    expect(propose(set('nginx:1.29') + pods(`nginx@${digest('a')}`, `nginx@${digest('b')}`))).toMatchObject({
      refused: expect.stringContaining('2 different digests'),
    })
    expect(propose(set('nginx:1.29') + pods(`mirror.example/nginx@${digest('a')}`))).toMatchObject({
      refused: expect.stringContaining('mirror.example/nginx'),
    })
  })

  it('takes what the operator answers, if it is a digest, for that image only', () => {
    expect(propose(set('nginx:1.29'), { digests: `redis:8=${digest('b')},nginx:1.29=${digest('c')}` })).toMatchObject(
      pinned(`nginx:1.29@${digest('c')}`),
    )
    expect(propose(set('nginx:1.29'), { digests: { 'nginx:1.29': digest('c') } })).toMatchObject(pinned(`nginx:1.29@${digest('c')}`))
    expect(propose(set('nginx:1.29'), { digests: 'nginx:1.29=latest' })).toHaveProperty('refused')
    expect(propose(set('nginx:1.29'), { digests: `redis:8=${digest('b')}` })).toHaveProperty('needs')
  })
})
