/** Before a step is approved, nothing that is asked about RBAC writes: who-can, explain, scan, generate, and apply --dry-run, by the server's own log. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { AuditEvent } from '../cluster/audit.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli } from '../helpers/cli.ts'
import { account, binding, collectionOf, role, rule, settled } from './access-reviews.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

/** Reads, rehearsals, and questions about oneself. */
const isHarmless = ({ verb, requestURI, objectRef }: AuditEvent): boolean =>
  ['get', 'list', 'watch'].includes(verb) || requestURI.includes('dryRun=All') || /^selfsubject/.test(objectRef?.resource ?? '')

describeCluster('looking at RBAC', {}, (cluster) => {
  test('reads only', async () => {
    const { api, kubeconfig } = cluster()
    await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
    const wide = role(undefined, 'wide', rule([''], ['secrets', 'pods', 'pods/exec'], ['*']))
    for (const object of [wide, binding(undefined, wide, account('shop', 'cart'))]) await api.create(collectionOf(object), object)
    await settled(api, 'loaded', 'shop')
    const out = await mkdtemp(join(tmpdir(), 'k8s-harden-reads-'))
    const log = join(cluster().dir, 'audit.log')
    const commands = [
      ['scan', '--practice', 'rbac', '--fail-on', 'none', '--audit-log', log],
      ['who-can', 'get', 'secrets'],
      ['who-can', '--as', 'ServiceAccount:shop:cart', 'create', 'pods', '-n', 'shop'],
      ['explain', '--subject', 'ServiceAccount:shop:cart'],
      ['generate', '--practice', 'rbac', '--out', join(out, 'patches'), '--audit-log', log],
      ['apply', '--dry-run', '--practice', 'rbac', '--accept-risk', 'may-break', '--audit-log', log],
    ]
    for (const command of commands) {
      const mark = await cluster().auditMark()
      const { exitCode, stderr } = await cli([...command, '--kubeconfig', kubeconfig], {
        env: { XDG_STATE_HOME: join(out, 'state') },
        timeout: 200_000,
      })
      expect([0, 1], `${command.join(' ')}: ${stderr}`).toContain(exitCode)
      const seen = (await cluster().auditSince(mark)).filter(({ userAgent = '' }) => userAgent.startsWith('k8s-harden'))
      expect(seen.length, command.join(' ')).toBeGreaterThan(3)
      expect(
        seen.filter((event) => !isHarmless(event)).map(({ verb, requestURI }) => `${verb} ${requestURI}`),
        command.join(' '),
      ).toEqual([])
    }
  })
})
