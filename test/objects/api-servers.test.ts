import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Facts } from '../../src/model/index.ts'
import { othersUnseen, shownByOne } from '../../src/objects/api-servers.ts'
import { worldOf } from '../helpers/world.ts'
import { fixturesOf, foldersOf } from '../laws/fixtures.ts'

const pod = (name: string) => `---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-${name}, namespace: kube-system, annotations: {kubernetes.io/config.mirror: a}}
spec: {nodeName: ${name}, containers: [{name: kube-apiserver, image: "a:1", command: [kube-apiserver, --profiling=false]}]}
`
const AWS = '---\napiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {providerID: aws:///a/i-1}\n'
const REFUSED = { what: 'ApiServers', why: 'forbidden', because: 'no leases (403)', answer: 'allow list on leases' }
const PODS = { what: 'Pod', why: 'forbidden', because: 'no pods (403)', answer: 'allow list on pods' }
function view(servers: Facts['ApiServers'] | undefined, objects = '', more: object = {}) {
  const unread = servers === undefined ? [REFUSED] : []
  const world = { kind: 'World', source: 'live', facts: servers && { ApiServers: servers }, unread, ...more }
  return worldOf(`${JSON.stringify(world)}\n${objects}`).snapshot
}
const one = { leases: ['cp-1'], addresses: ['10.0.0.1'] }

describe('what one API server proves of the others', () => {
  test.each([
    ['one Lease', view(one)],
    ['one Lease, pods refused', view(one, '', { unread: [PODS] })],
    ['one pod, Leases refused', view(undefined, pod('cp-1'))],
    ['the Leases of a managed cluster', view({ leases: ['a', 'b'], addresses: ['10.0.0.1'] }, '', { kubernetes: 'v1.35.1-eks-1234' })],
    ['files', view(undefined, '', { source: 'manifests' })],
  ])('all, by %s', (_title, seen) => expect(othersUnseen(seen, 1)).toBeUndefined())

  test.each([
    [
      'two Leases',
      view({ leases: ['cp-1', 'cp-2'], addresses: ['10.0.0.1'] }),
      /one of 2 .*Leases .* cp-1, cp-2/,
      /--host cp-1=\S+ --host cp-2=/,
    ],
    ['two addresses', view({ leases: ['cp-1'], addresses: ['10.0.0.1', '10.0.0.2'] }), /one of 2 .*10\.0\.0\.1, 10\.0\.0\.2/, /--host/],
    ['two pods', view(one, pod('cp-1') + pod('cp-2')), /one of 2 .*kube-apiserver-cp-1/, /--host cp-1=\S+ --host cp-2=/],
    [
      'one address, which may be a balancer',
      view({ leases: [], addresses: ['10.0.0.1'] }),
      /not known .*none renews a Lease/,
      /--manifests/,
    ],
    [
      'nothing',
      view(undefined, '', { unread: [REFUSED, PODS] }),
      /not known .no leases \(403\)/,
      /leases; or allow list on pods; or .*--host NODE=/,
    ],
    ['a cluster on a cloud that nobody need manage', view(undefined, AWS), /not known/, /leases/],
    ['other namespaces alone', view(undefined, pod('cp-1'), { namespaces: ['shop'] }), /not known/, /leases/],
  ])('no more than itself, by %s', (_title, seen, unknown, answer) => {
    expect(othersUnseen(seen, 1)).toEqual({ unknown: expect.stringMatching(unknown), answer: expect.stringMatching(answer) })
    expect(shownByOne(seen, 'it does')).toMatchObject({ unknown: expect.stringMatching(/^it does; /) })
  })

  test('as many as have been seen are all', () => {
    const seen = view({ leases: ['cp-1', 'cp-2'], addresses: [] }, pod('cp-1') + pod('cp-2'))
    expect(othersUnseen(seen, 2)).toBeUndefined()
    expect(othersUnseen(view({ leases: ['a', 'b', 'c'], addresses: [] }), 2)?.unknown).toMatch(/^only 2 of 3 API servers were seen/)
  })
})

const counting = foldersOf().flatMap(({ practice, id }) =>
  fixturesOf(practice, id).flatMap(({ kind, name, file }) => {
    const text = readFileSync(file, 'utf8')
    return kind === 'pass' && /leases"?: \["?cp-1"?\]/.test(text) ? [{ id, name, text }] : []
  }),
)
describe('a control that passed by what the only API server shows', () => {
  test('is most of those that look at its behaviour', () => expect(new Set(counting.map(({ id }) => id)).size).toBeGreaterThan(8))
  test.each(counting)('$id passes no more where there are two ($name)', ({ id, text }) => {
    const control = controls.find((each) => each.id === id)!
    const two = text.replace(/leases("?): \[("?)cp-1"?\]/, 'leases$1: [$2cp-1$2, $2cp-2$2]')
    expect(judge(control, worldOf(text).snapshot).status).toBe('pass')
    expect(judge(control, worldOf(two).snapshot)).toMatchObject({
      status: 'unknown',
      because: expect.stringMatching(/API servers|service-account-lookup/),
    })
  })
})
