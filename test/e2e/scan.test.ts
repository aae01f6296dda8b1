/** `k8s-harden scan` against a real API server, as a user runs it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { SCAN } from '../../bin/scan-schema.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { wantedBy } from '../../src/engine/evaluator.ts'
import { isKind, served } from '../../src/objects/served.ts'
import { WORKLOAD_KINDS } from '../../src/objects/workloads.ts'
import { leastClusterRole } from '../../src/sources/permissions.ts'
import { loadCorpora } from '../cluster/seed.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli, ROOT } from '../helpers/cli.ts'

const CORPORA = join(ROOT, '..', 'shared', 'corpora')
const HERE = existsSync(CORPORA)
const statusOf = (stdout: string) => new Map(SCAN.parse(JSON.parse(stdout)).results.map((result) => [result.control, result] as const))

describeCluster('scan', {}, (cluster) => {
  test.skipIf(!HERE)(
    'the corpora, loaded into a cluster: what they are known for is found, with reads only',
    { timeout: 240_000 },
    async () => {
      const { applied } = await loadCorpora(cluster(), CORPORA)
      expect(applied.length).toBeGreaterThan(30)
      const mark = await cluster().auditMark()
      const { exitCode, stdout, stderr } = await cli(['scan', '--kubeconfig', cluster().kubeconfig, '-o', 'json'])
      expect(exitCode, stderr).toBe(1)
      const results = statusOf(stdout)
      for (const id of [
        'pod-privileged',
        'pod-hostpath',
        'pod-host-pid-ipc',
        'pod-host-network',
        'pod-run-as-root',
        'rbac-secrets-read',
        'psa-enforced',
        'net-default-deny-ingress',
        'sec-etcd-encryption',
      ]) {
        expect(results.get(id)?.status, id).toBe('fail')
      }
      const privileged = results.get('pod-privileged')!.findings
      expect(new Set(privileged.map((finding) => finding.subject.name)).size, 'one finding a workload, none a pod of it twice').toBe(
        privileged.length,
      )
      expect([...results.values()].filter((result) => result.status === 'error')).toEqual([])

      const events = await cluster().auditSince(mark)
      // The API server renews its own lease meanwhile.
      const ours = events.filter((event) => event.user.username !== 'system:apiserver')
      const writes = ours.filter((event) => !['get', 'list', 'watch'].includes(event.verb) && !event.requestURI.includes('selfsubject'))
      expect(writes.map((event) => `${event.verb} ${event.requestURI}`)).toEqual([])
      expect(events.filter((event) => /secrets/.test(event.requestURI) && event.verb === 'get')).toEqual([])
    },
  )

  test('the role that `permissions` prints is enough, and no more than needed', { timeout: 240_000 }, async () => {
    const role = leastClusterRole(wantedBy(controls)) as { metadata: { name: string } }
    await cluster().kubectl(['apply', '-f', '-'], { input: stringify(role) })
    await cluster().kubectl(['create', 'clusterrolebinding', 'reader', `--clusterrole=${role.metadata.name}`, '--user=reader'])
    const kubeconfig = await cluster().kubeconfigFor({ user: 'reader' })
    const { stdout } = await cli(['scan', '--kubeconfig', kubeconfig, '-o', 'json', '--fail-on', 'none'])
    const refused = [...statusOf(stdout).values()].filter((result) => /403|refused/.test(result.because ?? ''))
    expect(refused.map((result) => `${result.control}: ${result.because}`)).toEqual([])
  })

  describe('403 on each kind in turn never yields a pass', () => {
    const kinds = [...wantedBy(controls)].filter((what) => isKind(what)).filter((kind) => served(kind).standing === 'builtIn')
    test('for all of them', { timeout: 600_000 }, async () => {
      const wrong: string[] = []
      for (const kind of kinds) {
        const wanted = new Set([...wantedBy(controls)].filter((what) => what !== kind))
        const name = `without-${kind.toLowerCase()}`
        await cluster().kubectl(['apply', '-f', '-'], { input: stringify({ ...leastClusterRole(wanted), metadata: { name } }) })
        await cluster().kubectl(['create', 'clusterrolebinding', name, `--clusterrole=${name}`, `--user=${name}`])
        const { stdout, stderr } = await cli([
          'scan',
          '--kubeconfig',
          await cluster().kubeconfigFor({ user: name }),
          '-o',
          'json',
          '--fail-on',
          'none',
        ])
        if (stdout === '') throw new Error(`${kind}: ${stderr}`)
        for (const result of statusOf(stdout).values()) {
          const control = controls.find((one) => one.id === result.control)!
          // What judges workloads consults each workload kind: what it saw may fail, but without one of them it has not seen all.
          const judgesWorkloads = control.reads.length === 0 && WORKLOAD_KINDS.every((one) => control.consults?.includes(one))
          const mayNot = control.reads.includes(kind)
            ? result.status !== 'unknown'
            : judgesWorkloads && (WORKLOAD_KINDS as readonly string[]).includes(kind) && result.status === 'pass'
          if (mayNot) wrong.push(`${control.id} without ${kind}: ${result.status}`)
        }
      }
      expect(wrong).toEqual([])
    })
  })
})
