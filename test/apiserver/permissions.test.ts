import { afterEach, beforeEach, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { canI, whoAmI } from '../../src/apiserver/permissions.ts'
import { FakeApiServer, json, status } from '../helpers/fake-apiserver.ts'

const ACCESS = 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
let server: FakeApiServer
let client: ApiClient
beforeEach(async () => {
  server = await FakeApiServer.start()
  client = new ApiClient(server.context())
})
afterEach(async () => {
  client.close()
  await server.stop()
})
const answered = (review: object) => server.routes.set(ACCESS, (_asked, response) => json(response, 201, { status: review }))

test('a review says what was asked, and its answer is one of three', async () => {
  answered({ allowed: true })
  expect(await canI(client, { verb: 'create', resource: 'pods', subresource: 'exec', namespace: 'shop', name: 'cart' })).toEqual({
    is: 'allowed',
  })
  expect(JSON.parse(server.asked[0]!.body)).toEqual({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'create', group: '', resource: 'pods', subresource: 'exec', namespace: 'shop', name: 'cart' } },
  })
  answered({ allowed: false, reason: 'no role' })
  expect(await canI(client, { verb: 'get', path: '/flagz' })).toEqual({ is: 'denied', because: 'no role' })
  expect(JSON.parse(server.asked[1]!.body).spec).toEqual({ nonResourceAttributes: { path: '/flagz', verb: 'get' } })
})

test('a review that was refused, or that an authorizer could not finish, is neither yes nor no', async () => {
  answered({ allowed: false, evaluationError: 'webhook down' })
  expect(await canI(client, { verb: 'get', resource: 'pods' })).toEqual({ is: 'unknown', because: 'webhook down' })
  answered({})
  expect((await canI(client, { verb: 'get', resource: 'pods' })).is).toBe('unknown')
  server.routes.set(ACCESS, (_asked, response) => json(response, 403, status(403, 'no')))
  expect((await canI(client, { verb: 'get', resource: 'pods' })).is).toBe('unknown')
})

test('who we are, or why that is not told', async () => {
  server.routes.set('POST /apis/authentication.k8s.io/v1/selfsubjectreviews', (_asked, response) =>
    json(response, 201, { status: { userInfo: { username: 'me', groups: ['g'] } } }),
  )
  expect(await whoAmI(client)).toEqual({ username: 'me', groups: ['g'], extra: {} })
  server.routes.clear()
  expect(await whoAmI(client)).toMatchObject({ kind: 'not-found' })
})
