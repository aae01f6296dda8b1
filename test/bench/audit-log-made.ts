/** A made audit log: what a busy cluster writes in some hours, with the shapes and the share of long lines that real ones have. */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

/** Writes about `megabytes` to `file`: every request in two stages, a twentieth with bodies of 20 kB. */
export async function writeAuditLog(file: string, megabytes: number): Promise<void> {
  const out = createWriteStream(file, { highWaterMark: 2 ** 20 })
  const body = { kind: 'ConfigMap', apiVersion: 'v1', data: { 'settings.json': JSON.stringify({ a: 'x'.repeat(20_000) }) } }
  let [bytes, random] = [0, 1]
  for (let n = 0; bytes < megabytes * 1e6; n++) {
    // Numerical Recipes' generator: the same log every time, without a pattern.
    random = (random * 1_664_525 + 1_013_904_223) % 2 ** 32
    const text = `${line(n, random >>> 8, 'RequestReceived')}\n${line(n, random >>> 8, 'ResponseComplete', n % 20 === 0 ? body : undefined)}\n`
    bytes += text.length
    if (!out.write(text)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}

const RESOURCES = ['pods', 'configmaps', 'secrets', 'endpoints']
const VERBS = ['get', 'list', 'watch', 'update', 'patch', 'create', 'get', 'get']
function line(n: number, chance: number, stage: string, body?: object): string {
  const [namespace, resource, verb] = [`team-${chance % 200}`, RESOURCES[(chance >>> 8) % 4]!, VERBS[(chance >>> 10) % VERBS.length]!]
  const name = verb === 'list' || verb === 'watch' ? undefined : `${resource}-${(chance >>> 4) % 5000}`
  return JSON.stringify({
    ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: body === undefined ? 'Metadata' : 'RequestResponse' },
    ...{ auditID: `5c2d5c60-8b1e-4c2e-9f0f-${String(n).padStart(12, '0')}`, stage, verb: undefined },
    requestURI: `/api/v1/namespaces/${namespace}/${resource}${name === undefined ? '?limit=500&resourceVersion=0' : `/${name}`}`,
    verb,
    user: {
      username: `system:serviceaccount:${namespace}:app-${(chance >>> 16) % 5}`,
      uid: 'f4c4a3f0-6a0e-4d2b-8f57-2b1f3b1d2a10',
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/pod-name': [`app-${n % 5}-7d4f9c6b5-x2x4z`],
        'authentication.kubernetes.io/pod-uid': ['8c6e…'],
      },
    },
    sourceIPs: ['10.0.0.7'],
    userAgent: 'app/v0.0.0 (linux/amd64) kubernetes/$Format',
    objectRef: { resource, namespace, ...(name && { name }), apiVersion: 'v1' },
    ...(stage === 'ResponseComplete' && { responseStatus: { metadata: {}, code: n % 50 === 0 ? 404 : 200 } }),
    ...(body !== undefined && { requestObject: body, responseObject: body }),
    requestReceivedTimestamp: new Date(1.76e12 + n * 100).toISOString().replace('Z', '000Z'),
    stageTimestamp: new Date(1.76e12 + n * 100 + 3).toISOString().replace('Z', '000Z'),
    ...(stage === 'ResponseComplete' && {
      annotations: {
        'authorization.k8s.io/decision': 'allow',
        'authorization.k8s.io/reason': `RBAC: allowed by RoleBinding "app/${namespace}"`,
      },
    }),
  })
}
