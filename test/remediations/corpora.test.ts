import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { KubeObject, Snapshot } from '../../src/model/index.ts'
import { violations } from '../../src/objects/pod-security.ts'
import { refText } from '../../src/objects/ref.ts'
import { kindFor } from '../../src/objects/served.ts'
import { type Workload, workloads } from '../../src/objects/workloads.ts'
import { compile, plannable } from '../../src/plan/compile.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { worldOf } from '../helpers/world.ts'

const corpora = join(import.meta.dirname, '..', '..', '..', 'shared', 'corpora')
const POD_CONTROLS = controls.filter((control) => control.id.startsWith('pod-'))

/** The workloads of a file as the remedies of all pod controls leave them. */
function hardened(file: string): readonly Workload[] {
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as KubeObject | null)
  const known = documents.filter((one) => one?.metadata?.name !== undefined && kindFor(one.apiVersion, one.kind) !== undefined)
  const world = `${known.map((one) => stringify(one)).join('---\n')}---\napiVersion: k8s-harden.test/v1\nkind: World\nsource: manifests\n`
  const snapshot: Snapshot = worldOf(world).snapshot
  const findings = plannable(POD_CONTROLS.flatMap((control) => judge(control, snapshot).findings))
  return workloads(
    applyPlan(snapshot, compile(findings, new Map(POD_CONTROLS.map((control) => [control.id, control])), snapshot, {}).steps),
  )
}
const all = (): Workload[] =>
  globSync('**/*.{yaml,yml}', { cwd: corpora })
    .sort()
    .flatMap((file) => [...hardened(join(corpora, file))])

describe.skipIf(!existsSync(corpora))('vulnerable workloads that others published (skipped where ../shared/corpora is absent)', () => {
  it('pass the restricted level after the remedies', () => {
    const left = all().map(
      (workload) =>
        [refText(workload.ref), violations({ spec: workload.spec, annotations: workload.templateAnnotations }, 'restricted')] as const,
    )
    expect(left.length).toBeGreaterThan(30)
    expect(left.filter(([, found]) => found.length > 0)).toEqual([])
  })
})

describeCluster('vulnerable workloads that others published, on a real API server', { controllerManager: true }, (cluster) => {
  it.skipIf(!existsSync(corpora))('are admitted to a namespace that enforces the restricted level after the remedies', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/enforce-version': 'v1.37' }
    await cluster().api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'hardened', labels } })
    const admits = async (spec: object) => {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { generateName: 'probe-', namespace: 'hardened' },
        spec: { ...spec, serviceAccountName: undefined, serviceAccount: undefined },
      }
      return cluster().api.request('POST', '/api/v1/namespaces/hardened/pods?dryRun=All', { body: pod })
    }
    await expect
      .poll(async () => (await admits({ containers: [{ name: 'a', image: 'a' }] })).text, { timeout: 30_000 })
      .toContain('violates PodSecurity')
    for (const { ref, spec } of all()) {
      const { status, text } = await admits(spec)
      expect(status, `${refText(ref)}: ${text}`).toBe(201)
    }
  })
})
