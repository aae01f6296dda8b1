import { describe, expect, it } from 'vitest'
import enforced from '../../src/controls/nodes-and-pods/psa-enforced.ts'
import type { Json } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const RESTRICTED =
  'securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: [{name: app, image: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]'
const namespace = (labels = '') => `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {${labels}}}\n`
const workload = (spec: string, name = 'web') =>
  `---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: shop}\nspec: {template: {spec: {${spec}}}}\n`
const world = (extra = '') =>
  `---\napiVersion: k8s-harden.test/v1\nkind: World\nfacts: {ApiServerFlagz: {flags: {}}, ServerVersion: {gitVersion: v1.35.1, minor: 35}}\n${extra}`
const propose = (text: string, options: Record<string, Json> = {}) => proposals('psa-enforced', enforced, text, options)[0]!.proposal
function labels(text: string, options: Record<string, Json> = {}): Record<string, Json> {
  const proposal = propose(text, options)
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  return Object.fromEntries(
    proposal.changes
      .flatMap((change) => (change.type === 'edit' ? change.edits : []))
      .map((edit) => ('set' in edit ? [String(edit.set.at(-1)).replace('pod-security.kubernetes.io/', ''), edit.to] : [])),
  )
}

describe('labels of Pod Security admission', () => {
  it('enforce what everything passes, pinned to the version of the server', () => {
    expect(labels(namespace() + workload(RESTRICTED) + world())).toMatchObject({
      enforce: 'restricted',
      'enforce-version': 'v1.35',
      warn: 'restricted',
      'warn-version': 'latest',
    })
    expect(propose(namespace() + workload(RESTRICTED) + world())).toMatchObject({ risk: 'safe' })
  })

  it('enforce less where one workload of many needs it', () => {
    expect(labels(namespace() + workload(RESTRICTED) + workload('containers: [{name: a, image: a}]', 'plain') + world())).toMatchObject({
      enforce: 'baseline',
    })
  })

  it('only warn where not even baseline is passed, naming who is in the way', () => {
    const text = namespace() + workload('hostPID: true, containers: [{name: a, image: a}]') + world()
    expect(labels(text)).toEqual({ warn: 'restricted', 'warn-version': 'latest', audit: 'restricted', 'audit-version': 'latest' })
    expect(propose(text)).toMatchObject({ risk: 'safe', summary: expect.stringContaining('Deployment shop/web (hostNamespaces)') })
    const warned =
      namespace('pod-security.kubernetes.io/warn: restricted, pod-security.kubernetes.io/audit: restricted') +
      workload('hostPID: true, containers: [{name: a, image: a}]') +
      world()
    expect(propose(warned)).toEqual({ byHand: expect.stringContaining('Deployment shop/web (hostNamespaces)') })
  })

  it('enforce against what runs only when told so, and say who will be refused', () => {
    expect(
      propose(namespace() + workload('hostPID: true, containers: [{name: a, image: a}]') + world(), { level: 'baseline' }),
    ).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining('Deployment shop/web')] })
  })

  it('only warn where not all workloads could be read', () => {
    const unread =
      'unread: [{what: Job, why: forbidden, because: "the API server refused to list jobs (403)", answer: allow list on jobs}]\n'
    expect(labels(namespace() + workload(RESTRICTED) + world(unread))).not.toHaveProperty('enforce')
  })

  it('are not offered where they have no effect', () => {
    const off =
      '---\napiVersion: k8s-harden.test/v1\nkind: World\nfacts: {ApiServerFlagz: {flags: {disable-admission-plugins: PodSecurity}}}\n'
    expect(propose(namespace() + workload(RESTRICTED) + off)).toHaveProperty('byHand')
  })

  it('are set rung by rung when asked so, and nothing more', () => {
    const text = namespace() + workload(RESTRICTED) + world()
    expect(labels(text, { rung: 'warn' })).toEqual({ warn: 'restricted', 'warn-version': 'latest' })
    expect(labels(text, { rung: 'audit', level: 'baseline' })).toEqual({
      warn: 'baseline',
      'warn-version': 'latest',
      audit: 'baseline',
      'audit-version': 'latest',
    })
    const warns = namespace('pod-security.kubernetes.io/warn: restricted') + workload(RESTRICTED) + world()
    expect(propose(warns, { rung: 'warn' })).toEqual({ byHand: expect.stringContaining('the next one is audit') })
    expect(labels(warns, { rung: 'audit' })).toEqual({ audit: 'restricted', 'audit-version': 'latest' })
  })

  it('name what stands before restricted where baseline is enforced, and warn of it', () => {
    const text = namespace('pod-security.kubernetes.io/warn: baseline') + workload('containers: [{name: a, image: a}]', 'plain') + world()
    expect(labels(text)).toMatchObject({ enforce: 'baseline', 'enforce-version': 'v1.35', warn: 'restricted', audit: 'restricted' })
    expect(propose(text)).toMatchObject({
      risk: 'safe',
      summary: expect.stringContaining(
        'before restricted: Deployment shop/plain (allowPrivilegeEscalation, capabilities_restricted, runAsNonRoot',
      ),
    })
  })

  it('are judged by the version that the namespace is pinned to, which they keep', () => {
    const root = 'hostUsers: false, ' + RESTRICTED.replace('runAsNonRoot: true', 'runAsUser: 0')
    const at = (labelled: string) => labels(namespace(labelled) + workload(root) + world())
    expect(at('')).toMatchObject({ enforce: 'restricted', 'enforce-version': 'v1.35' })
    expect(at('pod-security.kubernetes.io/enforce-version: v1.34')).toMatchObject({ enforce: 'baseline' })
    expect(at('pod-security.kubernetes.io/enforce-version: v1.34')).not.toHaveProperty('enforce-version')
    // No version, and one that the server does not know yet.
    expect(at('pod-security.kubernetes.io/enforce-version: v1.07')).toMatchObject({ enforce: 'restricted', 'enforce-version': 'v1.35' })
    expect(at('pod-security.kubernetes.io/enforce-version: v1.99')).toMatchObject({ enforce: 'restricted' })
  })

  it('take the next rung where everything passes it by now', () => {
    const text =
      namespace('pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/enforce-version: v1.33') +
      workload(RESTRICTED) +
      world()
    expect(labels(text)).toMatchObject({ enforce: 'restricted' })
    expect(labels(text)).not.toHaveProperty('enforce-version')
    expect(propose(text)).toMatchObject({ risk: 'safe' })
  })

  it('say of every workload that a level chosen against all advice would refuse', () => {
    const text =
      namespace() +
      workload('hostPID: true, containers: [{name: a, image: a}]') +
      workload('containers: [{name: a, image: a}]', 'plain') +
      world()
    expect(propose(text, { level: 'restricted' })).toMatchObject({
      mayBreak: [expect.stringMatching(/Deployment shop\/web .*Deployment shop\/plain/)],
    })
  })
})
