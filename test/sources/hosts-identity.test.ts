/** A way that leads to another node than it is given for: nothing that lies there is taken for this one's. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LocalHost } from '../../src/hosts/local.ts'
import { lookAt } from '../../src/sources/hosts-look.ts'
import { createAuthority } from '../cluster/certificates.ts'

const MANIFEST = `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec: {containers: [{name: kube-apiserver, command: [kube-apiserver, --profiling=false]}]}
`
const HASH = '53db7af663fad5f12e1fbcbebdf2878b'
const UID = '0b0a6a3e-7f0e-4c55-9c2f-0123456789ab'

function nodeWith(logs: readonly string[], files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'k8s-harden-identity-'))
  const all = { '/etc/kubernetes/manifests/kube-apiserver.yaml': MANIFEST, ...files }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const name of logs) mkdirSync(join(root, '/var/log/pods', name), { recursive: true })
  return root
}
const lookedAt = async (root: string, as = 'CP-1') => (await lookAt(new LocalHost(as, root))).seen
const REFUSED = { files: [], refused: 'what --host gives for it leads to cp-2' }

describe('the node at the other end', () => {
  test('a static pod of another node has its logs there', async () => {
    expect(await lookedAt(nodeWith([`kube-system_kube-apiserver-cp-2_${HASH}`]))).toMatchObject(REFUSED)
  })
  test.each([
    ['its own pods', [`kube-system_kube-apiserver-cp-1_${HASH}`]],
    [
      'its own, beside what is left of a name it had before',
      [`kube-system_kube-apiserver-cp-2_${HASH}`, `kube-system_kube-apiserver-cp-1_${HASH}`],
    ],
    ['a pod that only begins alike', [`kube-system_kube-apiserver-proxy_${UID}`]],
    ['a static pod of another namespace', [`ours_kube-apiserver-cp-2_${HASH}`]],
    ['no logs at all', []],
  ])('%s: looked at', async (_name, logs) => {
    const seen = await lookedAt(nodeWith(logs))
    expect([seen.refused, seen.controlPlane]).toEqual([undefined, true])
  })
  test('the certificate of its kubelet says who it is', async () => {
    const root = nodeWith([])
    const pem = join(root, '/var/lib/kubelet/pki/kubelet-client-current.pem')
    mkdirSync(dirname(pem), { recursive: true })
    const authority = await createAuthority('kubernetes')
    const { certificate, key } = await authority.issueClient({ user: 'system:node:cp-2', groups: ['system:nodes'] })
    writeFileSync(pem, `${certificate}\n${key}`)
    expect(await lookedAt(root)).toMatchObject(REFUSED)
    expect(await lookedAt(root, 'cp-2')).not.toHaveProperty('refused')
  })
})
