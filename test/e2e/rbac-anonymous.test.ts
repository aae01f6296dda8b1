/** The AuthenticationConfiguration we write, in a real API server: health checks answer, nothing else does. */
import { writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { limitAnonymous } from '../../remediations/anonymous-requests.ts'
import type { Change, Finding } from '../../src/model/index.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { worldOf } from '../helpers/world.ts'

const STATIC_POD = (version: string) => `
apiVersion: k8s-harden.test/v1
kind: World
source: manifests
kubernetes: ${version}
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp1, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}}
spec:
  containers:
    - name: kube-apiserver
      image: registry.k8s.io/kube-apiserver:${version}
      command: [kube-apiserver, --authorization-mode=Node,RBAC]
`

function proposedFile(version: string): string {
  const { snapshot } = worldOf(STATIC_POD(version))
  const pod = { apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system', name: 'kube-apiserver-cp1' }
  const proposal = limitAnonymous.propose({ subject: pod, reason: 'x', evidence: null } as unknown as Finding, {
    view: snapshot,
    options: {},
    alongside: [],
  })
  const file =
    'changes' in proposal ? proposal.changes.find((change): change is Change & { type: 'file' } => change.type === 'file') : undefined
  if (file === undefined) throw new Error(JSON.stringify(proposal))
  return file.text.text
}

/** Status of a GET that carries no credentials. */
const anonymously = (url: string, path: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(new URL(path, url), { rejectUnauthorized: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
const PATHS = ['/livez', '/readyz', '/healthz', '/version', '/api', '/api/v1/namespaces']

describeCluster('anonymous requests', { audit: false }, (cluster) => {
  test('are answered everywhere by default, and refused by RBAC only', async () => {
    expect(await Promise.all(PATHS.map((path) => anonymously(cluster().url, path)))).toEqual([200, 200, 200, 200, 403, 403])
  })

  // v1beta1 is what we write where the version is older or not known; this API server reads both.
  test.each(['v1.37.2', 'v1.33.0'])('reach the health checks only with the file we write for %s', async (version) => {
    const path = join(cluster().dir, `authentication-${version}.yaml`)
    await writeFile(path, proposedFile(version), { mode: 0o600 })
    await cluster().restartApiServer({ flags: { 'authentication-config': path, 'anonymous-auth': null } })
    expect(await Promise.all(PATHS.map((one) => anonymously(cluster().url, one)))).toEqual([200, 200, 200, 401, 401, 401])
    // Credentials still work.
    expect((await cluster().api.request('GET', '/api/v1/namespaces')).status).toBe(200)
  })
})
