import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { mendAuditPolicy, recommendedPolicyText } from '../../remediations/audit-policy.ts'
import auditEnabled from '../../src/controls/audit/audit-enabled.ts'
import auditPolicyCoverage from '../../src/controls/audit/audit-policy-coverage.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Change, ConfigFile, Finding, RegisteredControl, Snapshot } from '../../src/model/index.ts'
import { auditFaults } from '../../src/objects/audit-policy-probes.ts'
import { readAuditPolicy } from '../../src/objects/audit-policy-read.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'
import { applyEdits } from '../../src/objects/path.ts'
import { rememberPosition } from '../../src/objects/ref.ts'
import { anyPolicy } from '../e2e/audit-calls.ts'
import { worldOf } from '../helpers/world.ts'

const coverage = { ...auditPolicyCoverage, id: 'audit-policy-coverage', practice: 'audit' } as unknown as RegisteredControl
const enabled = { ...auditEnabled, id: 'audit-enabled', practice: 'audit' } as unknown as RegisteredControl
const propose = (control: RegisteredControl, finding: Finding, view: Snapshot) =>
  'propose' in control.remedy ? control.remedy.propose(finding, { view, options: {}, alongside: [] }) : control.remedy

test('the file that is written is the recommended policy, and the API server would take it', () => {
  const { policy, problems } = readAuditPolicy({
    metadata: { name: 'audit-policy.yaml' },
    ...(parse(recommendedPolicyText()) as object),
  } as ConfigFile)
  expect(problems).toEqual([])
  expect(policy).toEqual(RECOMMENDED_POLICY)
})
test('each rule says why it is there', () => expect(recommendedPolicyText().match(/^ +# /gm)?.length).toBe(RECOMMENDED_POLICY.rules.length))

test('any policy at all is mended, and its own rules stay', () => {
  let mended = 0
  fc.assert(
    fc.property(anyPolicy, ({ rules, omitStages }) => {
      const file = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages, rules }
      const { snapshot } = worldOf(
        `${JSON.stringify({ apiVersion: 'k8s-harden.test/v1', kind: 'World', source: 'manifests' })}\n---\n${JSON.stringify(file)}`,
      )
      const before = snapshot.all('AuditPolicy')[0]!
      const [finding] = judge(coverage, snapshot).findings
      if (finding === undefined) return
      const proposal = mendAuditPolicy.propose(finding as Finding<{ fault: string }>, { view: snapshot, options: {}, alongside: [] })
      const [change] = (proposal as { changes: readonly Change[] }).changes
      const after = readAuditPolicy(applyEdits(before, (change as Extract<Change, { type: 'edit' }>).edits))
      expect(after.problems).toEqual([])
      expect(auditFaults(after.policy)).toEqual([])
      const lenient = (rule: object): string => JSON.stringify({ ...rule, level: undefined, omitStages: undefined })
      const kept = after.policy.rules.map(lenient)
      for (const rule of readAuditPolicy(before).policy.rules) expect(kept).toContain(lenient(rule))
      mended++
    }),
    { numRuns: 60, seed: 7 },
  )
  expect(mended).toBeGreaterThan(40)
}, 120_000)

describe('audit logging on a live kubeadm cluster', () => {
  const { snapshot } = worldOf(`
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp-1, namespace: kube-system, annotations: {kubernetes.io/config.mirror: x}}
spec: {containers: [{name: kube-apiserver, command: [kube-apiserver, --profiling=false]}]}
`)
  const [finding] = judge(enabled, snapshot).findings
  const proposal = propose(enabled, finding!, snapshot) as {
    readonly changes: readonly Extract<Change, { type: 'file' }>[]
    readonly mayBreak: readonly string[]
  }

  test('is a policy file and the flags, in this order', () => {
    expect(proposal.changes.map((change) => [change.type, change.name])).toEqual([
      ['file', 'audit-policy.yaml'],
      ['file', 'kube-apiserver.kubeadm.yaml'],
    ])
    expect(proposal.changes[0]!.text.text).toBe(recommendedPolicyText())
    expect(proposal.mayBreak.join()).toMatch(/does not start where \/etc\/kubernetes\/audit-policy.yaml is missing/)
  })
  test('mounts the file for reading and the directory of the log for writing', () => {
    expect(parse(proposal.changes[1]!.text.text)).toMatchObject({
      apiServer: {
        extraVolumes: [
          { hostPath: '/etc/kubernetes/audit-policy.yaml', readOnly: true, pathType: 'File' },
          { hostPath: '/var/log/kubernetes/audit', readOnly: false, pathType: 'DirectoryOrCreate' },
        ],
      },
    })
  })
  test('has the file placed before the flag is set', () => {
    const { runbook } = proposal.changes[1]!
    expect(runbook.findIndex((line) => line.includes('/etc/kubernetes/audit-policy.yaml` says "root 600"'))).toBeLessThan(
      runbook.findIndex((line) => line.includes('--audit-policy-file')),
    )
    expect(runbook.some((line) => line.includes('/etc/kubernetes/audit-policy.yaml` says "root 600"'))).toBe(true)
  })
})

describe('on nodes that are reached', () => {
  test('the policy is changed in place where it was read from, and the API server of that node restarted', () => {
    const { snapshot } = worldOf(
      'metadata: {name: audit-policy.yaml}\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: RequestResponse}]\n',
    )
    rememberPosition(snapshot.all('AuditPolicy')[0]!, { file: 'cp-1:/etc/kubernetes/audit-policy.yaml', document: 0, line: 1 })
    const [finding] = judge(coverage, snapshot).findings
    expect(propose(coverage, finding!, snapshot)).toMatchObject({
      changes: [
        {
          type: 'host',
          key: 'cp-1:/etc/kubernetes/audit-policy.yaml',
          action: {
            do: 'file',
            node: 'cp-1',
            path: '/etc/kubernetes/audit-policy.yaml',
            noticedBy: 'kube-apiserver',
            to: { edits: [{ set: ['rules'] }] },
          },
        },
      ],
      mayBreak: ['the API server reads its policy only at its start: it is restarted', expect.anything(), expect.anything()],
    })
  })
  test('a policy that lies there and nobody names keeps its rules when it is put to use', () => {
    const { snapshot } = worldOf(`
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp-1, namespace: kube-system, annotations: {kubernetes.io/config.mirror: x}}
spec: {containers: [{name: kube-apiserver, command: [kube-apiserver, --profiling=false]}]}
---
metadata: {name: audit-policy.yaml}
apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: None, users: [backup]}, {level: RequestResponse}]
`)
    const [finding] = judge(enabled, snapshot).findings
    const { changes } = propose(enabled, finding!, snapshot) as { readonly changes: readonly Extract<Change, { type: 'file' }>[] }
    const { rules } = parse(changes[0]!.text.text) as { readonly rules: readonly object[] }
    expect(rules).toContainEqual({ level: 'None', users: ['backup'] })
    expect(rules.at(-1)).toEqual({ level: 'RequestResponse' })
    expect(rules.length).toBeGreaterThan(2)
  })
})

test('what the log comes to is said beforehand, from what the API server counts', () => {
  const { snapshot } = worldOf(`
apiVersion: k8s-harden.test/v1
kind: World
now: '2026-11-23T12:00:00Z'
facts:
  ApiServerMetrics:
    samples:
      - {name: process_start_time_seconds, labels: {}, value: 1795348800}
      - {name: apiserver_request_total, labels: {verb: LIST, group: '', resource: pods, subresource: ''}, value: 860400}
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp-1, namespace: kube-system, annotations: {kubernetes.io/config.mirror: x}}
spec: {containers: [{name: kube-apiserver, command: [kube-apiserver, --profiling=false]}]}
`)
  const [finding] = judge(enabled, snapshot).findings
  const { mayBreak } = propose(enabled, finding!, snapshot) as { readonly mayBreak: readonly string[] }
  expect(mayBreak.at(-1)).toMatch(
    /^the audit log takes disk and memory on every control-plane node: about [\d.]+–[\d.]+ MB an hour \(10 requests a second since the API server started \d+ hours ago\); as set here 1.2 GB is kept, [\d.]+–[\d.]+ hours of it at that rate$/,
  )
})
