import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { trustIssuer } from '../../remediations/authentication-config.ts'
import { providerOf } from '../../remediations/identity-provider.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Json, Proposal, RegisteredControl } from '../../src/model/index.ts'
import { issuersOfFile } from '../../src/objects/authentication.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'

const control = controls.find(({ id }) => id === 'authn-oidc-users') as RegisteredControl
const GIVEN = { issuer: 'https://idp.example', audience: 'kubernetes', 'username-claim': 'sub', 'groups-claim': 'groups', prefix: 'oidc:' }

function world(flags: readonly string[], { version = 'v1.37.2', source = 'manifests', more = '' } = {}) {
  return worldOf(`
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
---${more}`).snapshot
}
function propose(snapshot: ReturnType<typeof world>, options: Readonly<Record<string, Json>> = GIVEN): Proposal {
  const finding = judge(control, snapshot).findings[0]
  if (finding === undefined) throw new Error('nothing found')
  return trustIssuer.propose(finding as never, { view: snapshot, options, alongside: [] })
}
function fileOf(proposal: Proposal): {
  jwt: { claimMappings: object; issuer: object; claimValidationRules: object[] }[]
  apiVersion: string
} {
  const file =
    'changes' in proposal
      ? proposal.changes.find((change) => change.type === 'file' && change.name.startsWith('authentication'))
      : undefined
  if (file?.type !== 'file') throw new Error(JSON.stringify(proposal))
  return parse(file.text.text)
}

describe('the answers it needs', () => {
  test('are asked for one after the other', () => {
    expect(propose(world([]), {})).toMatchObject({ needs: { option: 'issuer' } })
    expect(propose(world([]), { ...GIVEN, audience: '' })).toMatchObject({ needs: { option: 'audience' } })
  })
  test.each([
    ['issuer', 'http://idp.example'],
    ['issuer', 'https://ada:secret@idp.example'],
    ['issuer', 'https://idp.example?x=1'],
    ['issuer', 'https://idp.example#x'],
    ['issuer', 'https://idp.example/\u0000'],
    ['audience', ' , '],
    ['username-claim', ''],
    ['prefix', '-'],
    ['prefix', ''],
    ['prefix', 's'],
    ['prefix', 'system:'],
    ['prefix', 'system:x'],
  ])('%s %j is asked for again', (option, value) => expect(providerOf({ ...GIVEN, [option]: value })).toMatchObject({ needs: { option } }))
  test("the issuer of service accounts is nobody's identity provider", () =>
    expect(propose(world(['--service-account-issuer=https://idp.example']))).toMatchObject({ needs: { option: 'issuer' } }))
})

describe('the plan', () => {
  test.each([
    ['nothing', [], ''],
    ['flags without a prefix', ['--oidc-issuer-url=https://idp.example', '--oidc-client-id=kubernetes', '--oidc-groups-claim=groups'], ''],
    [
      'a file that says nothing of people',
      ['--authentication-config=/etc/kubernetes/authn.yaml'],
      '\napiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nmetadata: {name: authn.yaml}\nanonymous: {enabled: true, conditions: [{path: /livez}]}\n',
    ],
  ])('mends %s, and the flags that exclude the file are gone', (_what, flags, more) => {
    const snapshot = world(flags, { more })
    const plan = compile(judge(control, snapshot).findings, new Map([[control.id, control]]), snapshot, { values: { [control.id]: GIVEN } })
    expect(plan.ledger).toMatchObject({ needsValue: [], byHand: [], refused: [] })
    const after = applyPlan(snapshot, plan.steps)
    expect(judge(control, after).status).toBe('pass')
    const command = JSON.stringify(after.all('Pod')[0]!.spec.containers[0]!.command)
    expect(command).toContain('--authentication-config=')
    expect(command).not.toContain('--oidc-')
    expect(after.all('AuthenticationConfiguration')).toHaveLength(1)
    if (more !== '') expect(after.all('AuthenticationConfiguration')[0]).toMatchObject({ anonymous: { conditions: [{ path: '/livez' }] } })
  })
  test('names that stand apart already stay what they are', () => {
    const base = ['--oidc-issuer-url=https://idp.example', '--oidc-client-id=kubernetes', '--oidc-groups-claim=roles']
    expect(fileOf(propose(world([...base, '--oidc-username-prefix=corp:']))).jwt[0]!.claimMappings).toEqual({
      username: { claim: 'sub', prefix: 'corp:' },
      groups: { claim: 'roles', prefix: 'oidc:' },
    })
    // Unset, the flag's prefix is the issuer.
    expect(fileOf(propose(world(base))).jwt[0]!.claimMappings).toMatchObject({ username: { prefix: 'https://idp.example#' } })
    expect(fileOf(propose(world([...base, '--oidc-username-claim=email']))).jwt[0]!.claimMappings).toMatchObject({
      username: { claim: 'email', prefix: '' },
    })
  })
  test.each([
    ['v1.37.2', 'apiserver.config.k8s.io/v1'],
    ['v1.33.4', 'apiserver.config.k8s.io/v1beta1'],
    ['v1.30.0', 'apiserver.config.k8s.io/v1beta1'],
  ])('speaks the API of %s', (version, api) => expect(fileOf(propose(world([], { version }))).apiVersion).toBe(api))
  test('on a live cluster comes with break-glass first, a copy to go back to, and a way to try it', () => {
    const text = JSON.stringify(propose(world([], { source: 'live' })))
    for (const word of ['admin.conf', 'before-k8s-harden', 'kubectl auth whoami', 'keep the session']) expect(text).toContain(word)
  })
  test('is words where the server is too old, and asks for an authority that stands in a file', () => {
    expect(propose(world([], { version: 'v1.29.0' }))).toMatchObject({ byHand: expect.stringContaining('--oidc-username-prefix') })
    const files = ['--oidc-issuer-url=http://idp.example', '--oidc-client-id=x', '--oidc-ca-file=/etc/kubernetes/idp.crt']
    expect(propose(world(files))).toMatchObject({ needs: { option: 'certificate-authority' } })
  })
  test('for names and anonymous requests together is one file, or refused where the two differ', () => {
    const both = controls.filter(({ id }) => id === control.id || id === 'authn-anonymous-api') as readonly RegisteredControl[]
    const snapshot = world(['--oidc-issuer-url=https://idp.example', '--oidc-client-id=kubernetes', '--oidc-groups-claim=groups'])
    const findings = both.flatMap((one) => judge(one, snapshot).findings)
    const planned = (values: Readonly<Record<string, Readonly<Record<string, Json>>>>) =>
      compile(findings, new Map(both.map((one) => [one.id, one])), snapshot, { values })
    const plan = planned({})
    expect(plan.ledger).toMatchObject({ needsValue: [], byHand: [], refused: [] })
    const after = applyPlan(snapshot, plan.steps)
    for (const one of both) expect([one.id, judge(one, after).status]).toEqual([one.id, 'pass'])
    expect(after.all('AuthenticationConfiguration')[0]!['jwt']).toHaveLength(1)
    expect(planned({ [control.id]: { prefix: 'corp:' } }).ledger.refused).toHaveLength(1)
  })
  test('asks for a claim that says how somebody logged in', () => {
    const rules = (claim: string) => fileOf(propose(world([]), { ...GIVEN, 'require-claim': claim })).jwt[0]!.claimValidationRules
    expect(rules('amr=mfa')).toContainEqual(expect.objectContaining({ message: 'the claim amr must say mfa' }))
    for (const odd of ["amr='x' || true", 'amr', '=x', 'a b=c', "a'b=c", 'amr=a"b', 'amr=\\'])
      expect(propose(world([]), { ...GIVEN, 'require-claim': odd })).toMatchObject({ needs: { option: 'require-claim' } })
  })
  test('what it asks of a token is told when it is there', () => {
    const proposal = propose(world([]), { ...GIVEN, 'require-claim': 'amr=mfa' })
    const { jwt } = fileOf(proposal)
    const file = (rules: readonly object[]) =>
      ({ metadata: { name: 'x' }, jwt: [{ ...jwt[0], claimValidationRules: rules }] }) as unknown as Parameters<typeof issuersOfFile>[0]
    expect(issuersOfFile(file(jwt[0]!.claimValidationRules))).toMatchObject([{ factor: 'amr' }])
    expect(issuersOfFile(file([{ claim: 'acr', requiredValue: '2' }]))).toMatchObject([{ factor: 'acr' }])
    expect(issuersOfFile(file([{ claim: 'hd', requiredValue: 'amr' }]))[0]).not.toHaveProperty('factor')
  })
})
