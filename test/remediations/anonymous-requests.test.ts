import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { limitAnonymous } from '../../remediations/anonymous-requests.ts'
import type { Finding, Proposal } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

function propose(flags: readonly string[], { version = 'v1.37.2', source = 'manifests', more = '', options = {} } = {}): Proposal {
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
    options,
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
    ['v1.37.2', 'config.k8s.io/v1\\"'],
    ['v1.33.4', 'config.k8s.io/v1beta1\\"'],
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

const OIDC = ['--oidc-issuer-url=https://idp.example/realms/a', '--oidc-client-id=k', '--oidc-groups-claim=groups']
describe('flags that exclude a file', () => {
  const jwtOf = (proposal: Proposal) => {
    const file =
      'changes' in proposal ? proposal.changes.find((one) => one.type === 'file' && one.name === 'authentication-config.yaml') : undefined
    if (file?.type !== 'file') throw new Error(JSON.stringify(proposal))
    return parse(file.text.text) as { jwt: object[]; anonymous: object }
  }
  test('are moved into it, and everybody keeps the name they had', () => {
    for (const source of ['live', 'manifests']) {
      const proposal = propose([...OIDC, '--oidc-required-claim=hd=example.com', '--oidc-required-claim=acr=2'], { source })
      expect(jwtOf(proposal)).toMatchObject({
        anonymous: { enabled: true },
        jwt: [
          {
            issuer: { url: 'https://idp.example/realms/a', audiences: ['k'] },
            claimValidationRules: [
              { claim: 'hd', requiredValue: 'example.com' },
              { claim: 'acr', requiredValue: '2' },
            ],
            claimMappings: { username: { claim: 'sub', prefix: 'https://idp.example/realms/a#' }, groups: { claim: 'groups', prefix: '' } },
          },
        ],
      })
      expect(jwtOf(proposal).jwt[0]).not.toHaveProperty('userValidationRules')
      const rest = JSON.stringify('changes' in proposal && proposal.changes.slice(1))
      if (source === 'live')
        expect(rest).toContain('take out: `--oidc-issuer-url` `--oidc-client-id` `--oidc-groups-claim` `--oidc-required-claim`')
      else expect(rest).not.toContain('--oidc-')
    }
  })
  test('with an authority of their own ask for it, and take no private key', () => {
    const flags = [...OIDC, '--oidc-ca-file=/etc/kubernetes/idp.crt']
    expect(propose(flags)).toMatchObject({
      needs: { option: 'certificate-authority', question: expect.stringContaining('/etc/kubernetes/idp.crt') },
    })
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'
    expect(propose(flags, { options: { 'certificate-authority': key } })).toMatchObject({ needs: { option: 'certificate-authority' } })
  })
  test('without an issuer are only taken away', () => expect(jwtOf(propose(['--oidc-username-claim=email']))).not.toHaveProperty('jwt'))
})

describe('by hand', () => {
  test('where the file is not seen', () =>
    expect(propose(['--authentication-config=/etc/kubernetes/authn.yaml'])).toMatchObject({
      byHand: expect.stringContaining('/etc/kubernetes/authn.yaml'),
    }))
  test('where API servers disagree about their issuer', () => {
    const other = `
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp2, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: x}}
spec: {containers: [{name: kube-apiserver, command: [kube-apiserver, "--oidc-issuer-url=https://other.example", "--oidc-client-id=k"]}]}
`
    expect(propose(OIDC, { more: other })).toMatchObject({ byHand: expect.stringContaining('do not agree') })
  })
  test('where the server is too old to limit paths', () =>
    expect(propose([], { version: 'v1.31.0' })).toMatchObject({ byHand: expect.stringContaining('1.32') }))
})
