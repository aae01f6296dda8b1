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
})
