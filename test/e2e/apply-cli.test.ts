import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test, vi } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'
import { comparable } from './apply-harness.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

describeCluster('k8s-harden apply, history and undo', { controllerManager: true, scheduler: true, kwokNodes: 1 }, (cluster) => {
  const run = async (args: readonly string[], env: Record<string, string> = {}) => {
    const quick = args[0] === 'apply' ? ['--steady', '1'] : []
    const { stdout, stderr, exitCode } = await execa(process.execPath, [BIN, ...args, ...quick], {
      env: { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', ...env },
      stdin: 'ignore',
      reject: false,
    })
    return { stdout, stderr, exitCode }
  }
  const state = () => mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
  const deploy = async (name: string) => {
    await cluster().kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace: 'default' },
        spec: {
          selector: { matchLabels: { app: name } },
          template: {
            metadata: { labels: { app: name } },
            spec: {
              containers: [
                {
                  name: 'app',
                  image: 'example.test/app:1',
                  securityContext: { privileged: true },
                  env: [{ name: 'DB_PASSWORD', value: 'hunter2hunter2' }],
                },
              ],
            },
          },
        },
      }),
    })
    await cluster().kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=60s'])
  }
  const deployment = (name: string) => cluster().api.get<KubeObject>(`/apis/apps/v1/namespaces/default/deployments/${name}`)

  describe('from the command line', () => {
    test('declines where nobody can answer, and changes nothing', async () => {
      const mark = await cluster().auditMark()
      const { exitCode, stderr } = await run(['apply'])
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('nothing was changed')])
      expect((await cluster().auditSince(mark)).filter((event) => event.userAgent === 'k8s-harden')).toEqual([])
    })
    test("rehearses without a change: the server's own log holds only reads, reviews and dry runs", async () => {
      await deploy('rehearsed')
      const mark = await cluster().auditMark()
      const { exitCode, stdout } = await run(['apply', '--dry-run', '--control', 'pod-privileged'])
      expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^ *- +privileged: true$/m)])
      expect(stdout).not.toContain('hunter2')
      const ours = (await cluster().auditSince(mark)).filter(
        (event) => event.userAgent === 'k8s-harden' && event.objectRef?.resource !== undefined,
      )
      const writes = ours.filter(
        (event) =>
          !['get', 'list', 'watch'].includes(event.verb) &&
          !event.objectRef?.resource?.startsWith('selfsubject') &&
          !event.requestURI.includes('dryRun=All'),
      )
      expect(ours.length).toBeGreaterThan(3)
      expect(writes).toEqual([])
    })
    test('takes what is accepted, journals it without secrets, and takes it back', async () => {
      await deploy('taken')
      const before = await deployment('taken')
      const env = { XDG_STATE_HOME: await state() }
      const safe = await run(['apply', '--yes', '--control', 'pod-privileged'], env)
      expect([safe.exitCode, safe.stdout]).toEqual([0, expect.stringContaining('only changes up to "safe" are accepted')])
      expect(comparable(await deployment('taken'))).toEqual(comparable(before))

      const done = await run(['apply', '--yes', '--accept-risk', 'may-break', '--control', 'pod-privileged'], env)
      expect([done.exitCode, done.stdout]).toEqual([0, expect.stringContaining('mended: rolled out, 1 pod available')])
      expect(JSON.stringify(await deployment('taken'))).not.toContain('"privileged":true')

      const runs = join(env.XDG_STATE_HOME, 'k8s-harden', 'runs')
      const [file] = await readdir(runs)
      expect(await readFile(join(runs, file!), 'utf8')).not.toContain('hunter2')
      expect((await run(['history'], env)).stdout).toMatch(/^RUN .*\n\d{8}T\d{6}Z-[0-9a-f]{6} /)
      expect((await run(['undo'], env)).exitCode).toBe(2)
      const back = await run(['undo', '--yes'], env)
      expect([back.exitCode, back.stdout]).toEqual([0, expect.stringContaining('taken back')])
      expect(comparable(await deployment('taken'))).toEqual(comparable(before))
      expect(await run(['undo', '--yes'], env)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('there is no run to take back'),
      })
    })
    test('says so with exit code 4 when a change fails and is taken back', async () => {
      await cluster().kubectl(['apply', '-f', '-'], {
        input: JSON.stringify({
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'rooted', namespace: 'default' },
          spec: {
            selector: { matchLabels: { app: 'rooted' } },
            template: {
              metadata: { labels: { app: 'rooted', 'k8s-harden.test/image-user': 'root' } },
              spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] },
            },
          },
        }),
      })
      await cluster().kubectl(['rollout', 'status', 'deployment/rooted', '--timeout=60s'])
      const { exitCode, stdout } = await run(
        ['apply', '--yes', '--accept-risk', 'may-break', '--control', 'pod-run-as-root', '--timeout', '60'],
        { XDG_STATE_HOME: await state() },
      )
      expect(stdout).toContain('taking it back: container app of new pod rooted-')
      expect(exitCode).toBe(4)
    })
    test('refuses to undo on another cluster', async () => {
      const env = { XDG_STATE_HOME: await state() }
      await deploy('elsewhere')
      await run(['apply', '--yes', '--accept-risk', 'may-break', '--control', 'pod-privileged'], env)
      const other = await run(['undo', '--yes', '--manifests', tmpdir()], env)
      expect([other.exitCode, other.stderr]).toEqual([2, expect.stringMatching(/run \S+ changed https:/)])
    })
  })
})
