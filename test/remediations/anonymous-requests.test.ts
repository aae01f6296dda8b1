import { describe, expect, test } from 'vitest'
import { limitAnonymous } from '../../remediations/anonymous-requests.ts'
import type { Finding, Proposal } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

function propose(flags: readonly string[], { version = 'v1.37.2', source = 'manifests', more = '' } = {}): Proposal {
  const { snapshot } = worldOf(`
apiVersion: k8s-harden.test/v1
kind: World
source: ${source}
kubernetes: ${version}
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp1, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: x}}
spec:
  containers: [{name: kube-apiserver, image: "registry.k8s.io/kube-apiserver:${version}", command: [kube-apiserver, ${['--authorization-mode=RBAC', ...flags].map((flag) => JSON.stringify(flag)).join(', ')}]}]
---${more}`)
  const subject = { apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system', name: 'kube-apiserver-cp1' }
  return limitAnonymous.propose({ subject, reason: 'x', evidence: null } as unknown as Finding, {
    view: snapshot,
    options: {},
    alongside: [],
  })
}
const text = (proposal: Proposal) => JSON.stringify(proposal)

describe('the way out', () => {
  test('is never --anonymous-auth=false', () => {
    for (const proposal of [propose([]), propose(['--anonymous-auth=true']), propose([], { source: 'live' })]) {
      expect(proposal).toHaveProperty('changes')
      expect(text(proposal)).not.toContain('anonymous-auth=false')
    }
  })
  test('takes the flag away, which excludes the file', () => {
    expect(text(propose(['--anonymous-auth=true']))).toContain('--authentication-config=/etc/kubernetes/authn/authentication-config.yaml')
    expect(text(propose(['--anonymous-auth=true']))).not.toContain('--anonymous-auth=true')
  })
  test.each([
    ['v1.37.2', 'config.k8s.io/v1\\n'],
    ['v1.33.4', 'config.k8s.io/v1beta1\\n'],
  ])('speaks the API of %s', (version, api) => expect(text(propose([], { version }))).toContain(api))
  test('mends the file that is there', () => {
    const more = '\napiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nmetadata: {name: authn.yaml}\njwt: []\n'
    expect(propose(['--authentication-config=/etc/kubernetes/authn.yaml'], { more })).toMatchObject({
      changes: expect.arrayContaining([
        expect.objectContaining({
          type: 'edit',
          target: expect.objectContaining({ kind: 'AuthenticationConfiguration' }),
          edits: [
            { set: ['anonymous'], to: { enabled: true, conditions: [{ path: '/livez' }, { path: '/readyz' }, { path: '/healthz' }] } },
          ],
        }),
      ]),
    })
  })
  test('names what breaks: joining by token, and checks on other paths', () =>
    expect(propose([])).toMatchObject({ risk: 'may-break', mayBreak: expect.arrayContaining([expect.stringContaining('kubeadm join')]) }))
})

describe('by hand', () => {
  test('where the file is not seen', () =>
    expect(propose(['--authentication-config=/etc/kubernetes/authn.yaml'])).toMatchObject({
      byHand: expect.stringContaining('/etc/kubernetes/authn.yaml'),
    }))
  test('where OIDC flags exclude a file', () =>
    expect(propose(['--oidc-issuer-url=https://idp.example'])).toMatchObject({ byHand: expect.stringContaining('jwt') }))
  test('where the server is too old to limit paths', () =>
    expect(propose([], { version: 'v1.31.0' })).toMatchObject({ byHand: expect.stringContaining('1.32') }))
})
