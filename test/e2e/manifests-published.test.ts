/** Vulnerable manifests that others published: through the command line, then asked of a real API server. */
import { existsSync, globSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test, vi } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { refOf, refText } from '../../src/objects/ref.ts'
import { templateOf } from '../../src/objects/workloads.ts'
import { valuesOf } from '../../src/objects/yaml-dialect.ts'
import { documentsIn } from '../../src/objects/yaml-documents.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'

vi.setConfig({ testTimeout: 180_000 })
const corpora = join(import.meta.dirname, '../../../shared/corpora')
const WORKLOADS = 33

interface Copy {
  readonly directory: string
  run(...args: readonly string[]): Promise<{ readonly exitCode?: number | undefined; readonly stdout: string }>
  [Symbol.asyncDispose](): Promise<void>
}
async function copyOf(directory: string): Promise<Copy> {
  const root = await mkdtemp(join(tmpdir(), 'k8s-harden-published-'))
  const copy = join(root, 'manifests')
  await cp(directory, copy, { recursive: true })
  const env = { XDG_STATE_HOME: join(root, 'state'), NO_COLOR: '1' }
  return {
    directory: copy,
    run: async (...args) => {
      const [command, ...rest] = args
      const options = { env, stdin: 'ignore', reject: false } as const
      return execa(process.execPath, [BIN, command!, '--manifests', copy, ...rest], options)
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

async function textsIn(directory: string): Promise<ReadonlyMap<string, string>> {
  const files = globSync('**/*.{yaml,yml}', { cwd: directory })
  return new Map(await Promise.all(files.sort().map(async (file) => [file, await readFile(join(directory, file), 'utf8')] as const)))
}

interface Template {
  readonly who: string
  readonly template: { readonly spec: object; readonly annotations?: object }
}
/** What makes pods, of all documents of all files, in their order. */
async function templatesIn(directory: string): Promise<readonly Template[]> {
  const objects = [...(await textsIn(directory)).values()].flatMap((text) =>
    [...documentsIn(text)].map(({ start, end }) => valuesOf(text.slice(start, end))[0] as KubeObject | null),
  )
  return objects.flatMap((object) => {
    const template = object === null || object === undefined ? undefined : templateOf(object)
    return template === undefined ? [] : [{ who: refText(refOf(object!)), template }]
  })
}

/** Why a namespace that enforces `restricted` refuses the pods of these templates; undefined for those it takes. */
async function verdicts({ api }: Cluster, templates: readonly Template[]): Promise<readonly (readonly [string, string | undefined])[]> {
  const asked = templates.map(async ({ who, template: { spec, annotations } }) => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { generateName: 'probe-', annotations },
      // The accounts of these manifests are not there.
      spec: { ...spec, serviceAccountName: undefined, serviceAccount: undefined },
    }
    const { status, text } = await api.request('POST', '/api/v1/namespaces/restricted/pods?dryRun=All', { body: pod })
    return [who, status === 201 ? undefined : text] as const
  })
  return Promise.all(asked)
}

const comments = (text: string | undefined): readonly string[] => (text?.match(/#.*/g) ?? []).toSorted()

describeCluster('manifests that others published, hardened by the command line', { controllerManager: true }, (cluster) => {
  test.skipIf(!existsSync(corpora))('with every risk accepted all their pods are admitted at restricted, comments kept', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/enforce-version': 'v1.37' }
    await cluster().api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'restricted', labels } })
    await using copy = await copyOf(corpora)
    const before = await templatesIn(copy.directory)
    expect(before).toHaveLength(WORKLOADS)
    await expect
      .poll(async () => (await verdicts(cluster(), before.slice(0, 1)))[0]![1], { timeout: 30_000 })
      .toContain('violates PodSecurity')
    expect((await verdicts(cluster(), before)).filter(([, refusal]) => refusal === undefined)).toEqual([])

    const applied = await copy.run('apply', '--yes', '--accept-risk', 'may-break')
    expect([applied.exitCode, applied.stdout]).toEqual([0, expect.stringMatching(/^steps: \d+ mended$/m)])
    const after = await templatesIn(copy.directory)
    expect(after.map(({ who }) => who)).toEqual(expect.arrayContaining(before.map(({ who }) => who)))
    expect((await verdicts(cluster(), after)).filter(([, refusal]) => refusal !== undefined)).toEqual([])
    const texts = await textsIn(copy.directory)
    for (const [file, text] of await textsIn(corpora)) expect([file, comments(texts.get(file))]).toEqual([file, comments(text)])
  })

  test.skipIf(!existsSync(corpora))(
    'with only what is safe no pod is made otherwise, and every finding that stays is accounted for',
    async () => {
      await using copy = await copyOf(corpora)
      const found = JSON.parse((await copy.run('scan', '-o', 'json')).stdout) as Report
      const before = await templatesIn(copy.directory)
      const { exitCode, stdout } = await copy.run('apply', '--yes')
      expect([exitCode, stdout]).toEqual([0, expect.anything()])
      expect(await templatesIn(copy.directory)).toEqual(before)
      const [, mended, all] = /^\d+ steps? for (\d+) of (\d+) findings/m.exec(stdout)!.map(Number)
      const left = stdout.matchAll(/^(?:need a value from you|by hand|left out) \((\d+)\):$/gm).map(([, count]) => Number(count))
      expect(mended! + left.reduce((sum, count) => sum + count, 0)).toBe(all)
      const own = found.results.flatMap(({ findings }) => findings).filter(({ origin, excepted }) => origin === 'workload' && !excepted)
      expect(all).toBe(own.length)
    },
  )
})
interface Report {
  readonly results: readonly { readonly findings: readonly { readonly origin: string; readonly excepted: boolean }[] }[]
}
