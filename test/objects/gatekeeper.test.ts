import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { familyOf } from '../../src/objects/admission-policies.ts'
import { type GatekeeperView, gatekeeper } from '../../src/objects/gatekeeper.ts'
import { joinGatekeepers, reduceGatekeepers } from '../../src/objects/gatekeeper-constraint.ts'
import { worldOf } from '../helpers/world.ts'

interface Wire {
  apiVersion: string
  kind: string
  metadata: { name: string; generation?: number }
  spec: { enforcementAction?: unknown; match: Record<string, unknown>; parameters: Record<string, unknown>; targets?: { rego: string }[] }
  status?: { byPod: Record<string, unknown>[] }
  webhooks: Record<string, unknown>[]
}
const FIXTURE = readFileSync(join(import.meta.dirname, '../controls/nodes-and-pods/psa-enforced/pass.gatekeeper.yaml'), 'utf8')

/** The fixture in which the baseline level is enforced, with something changed. */
function seen(change: (one: Wire) => void = () => undefined) {
  const documents = parseAllDocuments(FIXTURE).map((document) => document.toJS() as Wire)
  for (const one of documents) change(one)
  return gatekeeper(worldOf(documents.map((one) => JSON.stringify(one)).join('\n---\n')).snapshot as GatekeeperView)
}
const ofKind = (kind: string, change: (one: Wire) => void) => seen((one) => one.kind === kind && change(one))
const withParameters = (kind: string, parameters: Record<string, unknown>) =>
  ofKind(kind, ({ spec }) => void (spec.parameters = parameters))
const SHOP = 'shop'

describe('constraints of the library', () => {
  it('enforce the baseline level together', () => {
    expect(seen().isBaseline(SHOP)).toBe(true)
    expect(seen().doubts(SHOP)).toEqual([])
    expect(seen().lacks(SHOP)).toEqual([])
    expect(seen().blind(SHOP)).toEqual([])
  })

  it.each([
    ['K8sPSPPrivilegedContainer', { exemptImages: ['a/*'] }, 'run privileged containers'],
    ['K8sPSPPrivilegedContainer', { somethingNew: true }, 'run privileged containers'],
    ['K8sPSPHostNetworkingPorts', { hostNetwork: true, min: 0, max: 0 }, 'share a namespace of their node'],
    ['K8sPSPHostNetworkingPorts', { hostNetwork: false, min: 80, max: 9000 }, 'take ports of their node'],
    ['K8sPSPHostNetworkingPorts', { hostNetwork: false }, 'take ports of their node'],
    ['K8sPSPHostFilesystem', { allowedHostPaths: [{ pathPrefix: '/var/log', readOnly: true }] }, 'mount paths of their node'],
    ['K8sPSPCapabilities', { allowedCapabilities: ['*'] }, 'add capabilities beyond the baseline set'],
    ['K8sPSPCapabilities', { allowedCapabilities: ['CHOWN', 'NET_RAW'] }, 'add capabilities beyond the baseline set'],
    ['K8sPSPSeccomp', { allowedProfiles: ['*'] }, 'switch seccomp off'],
    ['K8sPSPSeccomp', { allowedProfiles: ['RuntimeDefault', 'Unconfined'] }, 'switch seccomp off'],
    ['K8sPSPSeccomp', {}, 'switch seccomp off'],
    ['K8sPSPAppArmor', { allowedProfiles: ['runtime/default', 'unconfined'] }, 'switch AppArmor off'],
    ['K8sPSPSELinuxV2', {}, 'choose SELinux options of their own'],
    ['K8sPSPSELinuxV2', { allowedSELinuxOptions: [{ type: 'spc_t' }] }, 'choose SELinux options of their own'],
    ['K8sPSPProcMount', { procMount: 'Unmasked' }, 'see an unmasked /proc'],
    ['K8sPSPForbiddenSysctls', { forbiddenSysctls: ['kernel.*'] }, 'set unsafe sysctls'],
    ['K8sPSPForbiddenSysctls', { allowedSysctls: ['net.*'] }, 'set unsafe sysctls'],
    ['K8sPSPHostProcess', { exemptImages: ['x'] }, 'run as a process of a Windows node'],
    ['K8sPSPHostProbesLifecycle', { exemptImages: ['x'] }, 'send the kubelet to other hosts by a probe or hook'],
  ])('do not where %s says %j', (kind, parameters, lacking) => {
    const looser = withParameters(kind, parameters)
    expect(looser.isBaseline(SHOP)).toBe(false)
    expect(looser.lacks(SHOP)).toEqual([lacking])
  })

  it.each([
    ['K8sPSPCapabilities', {}],
    ['K8sPSPSELinuxV2', { allowedSELinuxOptions: [{ type: 'container_t', level: 's0' }] }],
    ['K8sPSPForbiddenSysctls', { allowedSysctls: ['net.ipv4.tcp_syncookies'] }],
    ['K8sPSPProcMount', {}],
    ['K8sPSPHostFilesystem', { allowedHostPaths: [] }],
  ])('do where %s says %j', (kind, parameters) => {
    expect(withParameters(kind, parameters).isBaseline(SHOP)).toBe(true)
  })

  it('are as good as the code of their templates', () => {
    const withCode = (name: string, rego: string) =>
      seen((one) => one.kind === 'ConstraintTemplate' && one.metadata.name === name && void (one.spec.targets = [{ rego }]))
    // Before 1.30 the profile stood in annotations only.
    expect(withCode('k8spspapparmor', 'annotations, allowedProfiles').lacks(SHOP)).toEqual(['switch AppArmor off'])
    expect(withCode('k8spsphostnetworkingports', 'hostNetwork hostPort max container.ports.all(port, …)').lacks(SHOP)).toEqual([
      'take ports of their node',
    ])
    expect(withCode('k8spspprivilegedcontainer', 'privileged, ephemeralContainers, not is_update(input.review)').blind(SHOP)).toEqual([
      'K8sPSPPrivilegedContainer pspprivilegedcontainer',
    ])
  })
})

describe('a constraint', () => {
  const PRIVILEGED = 'K8sPSPPrivilegedContainer'
  const matching = (match: Record<string, unknown>) => ofKind(PRIVILEGED, ({ spec }) => void Object.assign(spec.match, match))

  it.each([
    [{ namespaces: ['other'] }],
    [{ excludedNamespaces: ['sh*'] }],
    [{ excludedNamespaces: ['*op'] }],
    [{ excludedNamespaces: ['*ho*'] }],
    [{ kinds: [{ apiGroups: ['apps'], kinds: ['Deployment'] }] }],
    [{ namespaceSelector: { matchLabels: { team: 'a' } } }],
    [{ scope: 'Cluster' }],
  ])('that matches %j is about something else: it refuses nothing, and that is certain', (match) => {
    expect(matching(match).lacks(SHOP)).toEqual(['run privileged containers'])
    expect(matching(match).doubts(SHOP)).toEqual([])
  })

  it.each([[{ labelSelector: { matchLabels: { a: 'b' } } }], [{ name: 'web-*' }], [{ source: 'Generated' }], [{ scope: 'Odd' }]])(
    'narrowed by %j refuses some',
    (match) => {
      expect(matching(match).lacks(SHOP)).toEqual(['run privileged containers'])
      expect(matching(match).doubts(SHOP)).toHaveLength(1)
    },
  )

  it.each([
    [{ namespaces: ['sh*', 'b'] }],
    [{ kinds: [{ apiGroups: ['*'], kinds: ['*'] }] }],
    [{ kinds: [] }],
    [{ excludedNamespaces: ['kube-*'] }],
    [{ namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['x'] }] } }],
    [{ scope: 'Namespaced' }],
    [{ labelSelector: {} }],
  ])('that matches %j holds', (match) => {
    expect(matching(match).isBaseline(SHOP)).toBe(true)
  })

  it.each(['dryrun', 'warn', 'Dryrun'])('with enforcementAction %s refuses nothing', (enforcementAction) => {
    const lax = ofKind(PRIVILEGED, ({ spec }) => void Object.assign(spec, { enforcementAction }))
    expect(lax.lacks(SHOP)).toEqual(['run privileged containers'])
    expect(lax.doubts(SHOP)).toEqual([])
  })
  it.each(['scoped', 'unheardof', 7])('with enforcementAction %s may refuse', (enforcementAction) => {
    const scoped = ofKind(PRIVILEGED, ({ spec }) => void Object.assign(spec, { enforcementAction }))
    expect(scoped.isBaseline(SHOP)).toBe(false)
    expect(scoped.doubts(SHOP)).toHaveLength(1)
  })

  it.each([
    [[{ enforced: false, operations: ['webhook'] }]],
    [[{ enforced: true, operations: ['audit', 'status'] }]],
    [[{ enforced: true, observedGeneration: 0, operations: ['webhook'] }]],
    [[]],
  ])('whose status is %j is not known to be enforced', (byPod) => {
    expect(ofKind(PRIVILEGED, (one) => void (one.status = { byPod })).isBaseline(SHOP)).toBe(false)
  })

  it('without its template refuses nothing that is known', () => {
    const orphan = seen((one) => one.metadata?.name === 'k8spspprivilegedcontainer' && void (one.metadata.name = 'another'))
    expect(orphan.doubts(SHOP)).toEqual([`Gatekeeper ${PRIVILEGED} pspprivilegedcontainer (its ConstraintTemplate is not there)`])
  })
})

describe('Gatekeeper', () => {
  const HOOK = 'ValidatingWebhookConfiguration'
  const hook = (change: Record<string, unknown>) => ofKind(HOOK, (one) => void Object.assign(one.webhooks[0]!, change))

  it('that is not asked refuses nothing', () => {
    expect(hook({ rules: [{ apiGroups: ['apps'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }] }).isBaseline(SHOP)).toBe(false)
    expect(hook({ namespaceSelector: { matchLabels: { guarded: 'yes' } } }).lacks(SHOP)).toBeUndefined()
    // Nobody is behind it in the fixture, which fails closed.
    expect(hook({ failurePolicy: 'Ignore' }).doubts(SHOP)[0]).toContain('no copy of Gatekeeper is seen to be ready')
    expect(hook({ objectSelector: { matchLabels: { a: 'b' } } }).isBaseline(SHOP)).toBe(false)
    expect(hook({ matchConditions: [{ name: 'a', expression: 'false' }] }).isBaseline(SHOP)).toBe(false)
  })

  it('holds what families need, not only levels', () => {
    expect(seen().refuses(SHOP, familyOf('host-namespaces')!)).toBe(true)
    expect(seen().refuses(SHOP, familyOf('run-as-root')!)).toBe(false)
    expect(withParameters('K8sPSPHostNetworkingPorts', { hostNetwork: true }).refuses(SHOP, familyOf('host-namespaces')!)).toBe(false)
    const strict = withParameters('K8sPSPCapabilities', { allowedCapabilities: [], requiredDropCapabilities: ['ALL'] })
    expect(strict.refuses(SHOP, familyOf('capabilities-kept')!)).toBe(true)
    expect(seen().refuses(SHOP, familyOf('capabilities-kept')!)).toBe(false)
  })
})

describe('what arrives', () => {
  const wire = (spec: unknown, more: object = {}) => ({
    apiVersion: 'constraints.gatekeeper.sh/v1beta1',
    kind: 'K8sX',
    metadata: { name: 'a' },
    spec,
    ...more,
  })
  it('may be of any shape', () => {
    for (const odd of [null, 7, 'x', [], {}, { apiVersion: 'constraints.gatekeeper.sh/v1', kind: 'X' }, { apiVersion: 'v1', kind: 'Pod' }])
      expect(reduceGatekeepers(odd)).toEqual({ constraints: [], excluded: [] })
    expect(reduceGatekeepers(wire('nonsense', { status: null })).constraints).toEqual([
      { kind: 'K8sX', name: 'a', enforcementAction: 'deny', match: {}, parameters: {}, enforced: false },
    ])
  })
  it('is cut where it is large, and then says nothing', () => {
    const [large] = reduceGatekeepers(wire({ parameters: { list: Array.from({ length: 20_000 }, () => 'abcdef') } })).constraints
    expect(large).toMatchObject({ cut: true, parameters: {} })
  })
  it('leaves namespaces out by the Config that Gatekeeper heeds, for its webhook only', () => {
    const config = (name: string, processes: string[]) => ({
      apiVersion: 'config.gatekeeper.sh/v1alpha1',
      kind: 'Config',
      metadata: { name },
      spec: { match: [{ excludedNamespaces: [name, 'b'], processes }] },
    })
    const all = [config('config', ['audit']), config('other', ['*']), config('config', ['*']), config('config', ['webhook'])]
    expect(joinGatekeepers(all.map(reduceGatekeepers)).excluded).toEqual(['b', 'config'])
  })
})
