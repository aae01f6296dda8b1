import { describe, expect, test } from 'vitest'
import control from '../../src/controls/secrets/sec-apiserver-kubelet-tls.ts'
import { givenCertificate, judgeGiven } from '../../src/objects/kubelet-certificate.ts'
import { kubelets } from '../../src/objects/kubelet-config.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from '../remediations/proposals.ts'

const CA = '/etc/kubernetes/pki/kubelets.crt'
const GIVEN = '/etc/kubernetes/kubelet.crt'
const [ours, foreign] = [await createAuthority('kubelets'), await createAuthority('others')]
const good = (await ours.issueServer(['n1'], ['10.0.0.1'])).certificate

/** One node that is given its certificate; its control plane verifies kubelets by CA. */
function world({ flags = [`--kubelet-certificate-authority=${CA}`], pem = good, authority = ours.certificate, now = Date.now() } = {}) {
  const config = { tlsCertFile: GIVEN, tlsPrivateKeyFile: '/etc/kubernetes/kubelet.key' }
  const hosts = [{ node: 'n1', carrier: 'local', controlPlane: true, files: [], unread: [] }]
  const file = (path: string, text: string) => ({
    apiVersion: 'k8s-harden/v1',
    kind: 'CertificateFile',
    metadata: { name: `n1:${path}` },
    certificates: [],
    pem: text,
  })
  const addresses = [
    { type: 'InternalIP', address: '10.0.0.1' },
    { type: 'Hostname', address: 'n1' },
  ]
  const command = [
    'kube-apiserver',
    '--kubelet-client-certificate=/etc/kubernetes/pki/a.crt',
    '--kubelet-client-key=/etc/kubernetes/pki/a.key',
    ...flags,
  ]
  return [
    {
      apiVersion: 'k8s-harden.test/v1',
      kind: 'World',
      now: new Date(now).toISOString(),
      facts: { KubeletConfigz: { nodes: [{ node: 'n1', config }] }, Hosts: { hosts } },
    },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, status: { addresses } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'kube-apiserver-n1',
        namespace: 'kube-system',
        labels: { component: 'kube-apiserver', tier: 'control-plane' },
        annotations: { 'kubernetes.io/config.mirror': 'a', 'kubernetes.io/config.source': 'file' },
      },
      spec: { nodeName: 'n1', containers: [{ name: 'kube-apiserver', command }] },
    },
    ...(pem === '' ? [] : [file(GIVEN, pem)]),
    ...(authority === '' ? [] : [file(CA, authority)]),
  ]
    .map((document) => JSON.stringify(document))
    .join('\n---\n')
}
const judged = (given: Parameters<typeof world>[0] = {}) => {
  const { snapshot } = worldOf(world(given))
  const instance = kubelets(snapshot).instances[0]!
  return judgeGiven(givenCertificate(instance)!, instance, snapshot)
}

describe('a serving certificate that a kubelet is given by files', () => {
  test('is sound where the CA of the API server signed it for the address that is called', () => {
    expect(judged()).toEqual({ faults: [], unseen: [] })
  })

  test('of another CA is refused, and so is one that is over, or made for clients', async () => {
    expect(judged({ pem: (await foreign.issueServer(['n1'], ['10.0.0.1'])).certificate }).faults).toEqual([
      'is not signed by the CA that the API server verifies kubelets with',
    ])
    expect(judged({ now: Date.parse('2150-01-01T00:00:00Z') }).faults[0]).toContain('is over since')
    expect(judged({ pem: (await ours.issueClient({ user: 'n1' })).certificate }).faults).toContain('is not made for servers')
  })

  test('signed by itself is told as that where the API server verifies nobody', () => {
    expect(judged({ pem: foreign.certificate, flags: [] }).faults).toContain('is signed by itself')
    expect(judged({ pem: foreign.certificate, authority: foreign.certificate }).faults).not.toContain('is signed by itself')
  })

  test('must name what the API server calls first, not just some address', async () => {
    const pem = (await ours.issueServer(['n1'], [])).certificate
    expect(judged({ pem }).faults).toEqual([])
    const flags = [`--kubelet-certificate-authority=${CA}`, '--kubelet-preferred-address-types=InternalIP,Hostname']
    expect(judged({ pem, flags }).faults).toEqual(['does not name 10.0.0.1, where the API server calls the node'])
  })

  test('is not taken for sound where it, or the CA, was not read', () => {
    expect(judged({ pem: '' }).unseen).toEqual([`${GIVEN} of n1 was not read`])
    expect(judged({ authority: '' }).unseen).toEqual([`${CA} of the control plane was not read`])
  })

  test('is nothing that the kubelet asks the cluster for: no step says so', () => {
    const [{ proposal } = { proposal: undefined }] = proposals('sec-apiserver-kubelet-tls', control, world({ flags: [], pem: '' }))
    expect(proposal).toMatchObject({ byHand: expect.stringContaining(`${GIVEN}`) })
    expect(JSON.stringify(proposal)).not.toMatch(/serverTLSBootstrap|kubectl (get csr|certificate approve)/)
  })
})
