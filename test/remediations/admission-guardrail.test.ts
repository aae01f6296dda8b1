import { describe, expect, it } from 'vitest'
import guardrails from '../../src/controls/nodes-and-pods/adm-guardrails.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Json, Proposal, RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from './proposals.ts'

const namespace = (name: string, labels = '') => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {${labels}}}\n---\n`
const deployment = (ns: string, name: string, spec: string) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: ${ns}}\nspec: {template: {spec: {${spec}}}}\n---\n`
const PRIVILEGED = 'containers: [{name: a, image: "a:1", securityContext: {privileged: true}}]'
const FLANNEL = `${namespace('kube-flannel')}apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-flannel-ds, namespace: kube-flannel}
spec: {template: {spec: {hostNetwork: true, containers: [{name: kube-flannel, image: 'ghcr.io/flannel-io/flannel:v0.27.4', securityContext: {privileged: true}}]}}}
---
`
const world = (minor = 37, more = '') =>
  `apiVersion: k8s-harden.test/v1\nkind: World\nfacts: {ApiServerFlagz: {flags: {}}, ServerVersion: {gitVersion: v1.${minor}.1, minor: ${minor}}}\n${more}`
const propose = (text: string, family: string, options: Record<string, Json> = {}): Proposal => {
  const all = proposals('adm-guardrails', guardrails, text, options)
  return all.find(({ finding }) => (finding.evidence as { family: string }).family === family)!.proposal
}
const deny = (text: string, family = 'privileged', more: Record<string, Json> = {}) => propose(text, family, { mode: 'Deny', ...more })

describe('admission policies', () => {
  it('warn first, which breaks nothing', () => {
    const proposal = propose(namespace('shop') + deployment('shop', 'web', PRIVILEGED) + world(), 'privileged')
    expect(proposal).toMatchObject({
      risk: 'safe',
      changes: [
        { type: 'create', object: { kind: 'ValidatingAdmissionPolicy', spec: { failurePolicy: 'Fail' } } },
        { type: 'create', object: { kind: 'ValidatingAdmissionPolicyBinding', spec: { validationActions: ['Warn', 'Audit'] } } },
      ],
    })
  })

  it('are safe to deny with where everything there passes, and name who would be refused elsewhere', () => {
    const good = namespace('shop') + deployment('shop', 'web', 'containers: [{name: a, image: "a:1"}]')
    expect(deny(good + world())).toMatchObject({ risk: 'safe' })
    expect(deny(good + deployment('shop', 'agent', PRIVILEGED) + world())).toMatchObject({
      risk: 'may-break',
      mayBreak: ['these are refused when they are next created or changed: Deployment shop/agent'],
    })
  })

  it('do not count what they are not for: kube-system, namespaces with the label, namespaces left out', () => {
    const kube = deployment('kube-system', 'agent', PRIVILEGED)
    const left = namespace('ci', 'k8s-harden/exempt-privileged: ""') + deployment('ci', 'runner', PRIVILEGED)
    expect(deny(namespace('shop') + kube + left + world())).toMatchObject({ risk: 'safe' })
    const other = namespace('shop') + namespace('storage') + deployment('storage', 'driver', PRIVILEGED) + world()
    expect(deny(other)).toMatchObject({ risk: 'may-break' })
    expect(deny(other, 'privileged', { except: 'storage' })).toMatchObject({ risk: 'safe' })
  })

  it('mend the finding also where the operator leaves a namespace out by name', () => {
    const control: RegisteredControl = { ...guardrails, id: 'adm-guardrails', practice: 'nodes-and-pods' }
    const { snapshot } = worldOf(namespace('shop') + namespace('storage') + deployment('storage', 'driver', PRIVILEGED) + world())
    const values = { 'adm-guardrails': { mode: 'Deny', except: 'storage' } }
    const { steps } = compile(judge(control, snapshot).findings, new Map([[control.id, control]]), snapshot, { values })
    const after = judge(control, applyPlan(snapshot, steps))
    expect([after.status, after.because]).toEqual(['pass', expect.stringContaining('left out of k8s-harden-privileged: storage')])
  })

  it('leave out what holds nothing but the network plugin', () => {
    const proposal = deny(namespace('shop') + FLANNEL + world())
    expect(proposal).toMatchObject({ risk: 'safe' })
    expect(JSON.stringify(proposal)).toContain('"values":["kube-system","kube-public","kube-node-lease","kube-flannel"]')
  })

  it('are not called safe when not all workloads could be read', () => {
    const unread = 'unread: [{what: DaemonSet, why: forbidden, because: the API server refused to list daemonsets (403), answer: allow it}]'
    expect(deny(namespace('shop') + world(37, unread))).toMatchObject({
      risk: 'may-break',
      mayBreak: ['not all workloads could be checked: the API server refused to list daemonsets (403)'],
    })
  })

  it('are words on a server that has no such policies yet', () => {
    expect(propose(namespace('shop') + world(29), 'seccomp')).toEqual({
      byHand:
        'v1.29 has no ValidatingAdmissionPolicy yet (v1.30 has): refuse pods that run without a seccomp profile with Kyverno or Gatekeeper, or upgrade',
    })
  })

  it('judge by the version of the server: root in a user namespace is refused before 1.35 only', () => {
    expect(JSON.stringify(propose(namespace('shop') + world(34), 'run-as-root'))).not.toContain('hostUsers')
    expect(JSON.stringify(propose(namespace('shop') + world(35), 'run-as-root'))).toContain('hostUsers')
  })
})
