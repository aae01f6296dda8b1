import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test, vi } from 'vitest'
import { BIN } from '../helpers/cli.ts'
import { directoryOf } from '../sources/manifests-helper.ts'

vi.setConfig({ testTimeout: 180_000 })
const corpora = join(import.meta.dirname, '../../../shared/corpora')

const temporary = () => mkdtemp(join(tmpdir(), 'k8s-harden-in-place-'))
const run = (state: string, ...args: readonly string[]) =>
  execa(process.execPath, [BIN, ...args], {
    env: { XDG_STATE_HOME: state, NO_COLOR: '1' },
    stdin: 'ignore',
    reject: false,
  })

/** Every file below a directory, byte for byte. */
async function filesIn(directory: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const read = names.map(async ({ name, parentPath }) => {
    const path = join(parentPath, name)
    return [path.slice(directory.length + 1), await readFile(path, 'latin1')] as const
  })
  return new Map((await Promise.all(read)).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
const comments = (text: string | undefined): readonly string[] => (text?.match(/#.*/g) ?? []).toSorted()

describe('apply to files with every risk accepted, and undo', () => {
  test.skipIf(!existsSync(corpora))('manifests that others published keep every comment, and come back byte for byte', async () => {
    const [directory, state] = [await temporary(), await temporary()]
    await cp(corpora, directory, { recursive: true })
    const before = await filesIn(directory)
    const applied = await run(
      state,
      'apply',
      '--manifests',
      directory,
      '--yes',
      '--accept-risk',
      'may-break',
      '--practice',
      'nodes-and-pods',
    )
    expect([applied.exitCode, applied.stderr]).toEqual([0, expect.anything()])
    const after = await filesIn(directory)
    const changed = [...before].filter(([name, text]) => after.get(name) !== text)
    expect(changed.length).toBeGreaterThan(30)
    for (const [name, text] of changed) expect([name, comments(after.get(name))]).toEqual([name, comments(text)])
    expect((await run(state, 'undo', '--yes')).exitCode).toBe(0)
    expect(await filesIn(directory)).toEqual(before)
    await rm(directory, { recursive: true, force: true })
  })

  test('one namespace declared for two environments is labelled in both files', async () => {
    const declared = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n'
    using directory = directoryOf({ 'prod/namespace.yaml': declared, 'test/namespace.yaml': `# not yet\n${declared}` })
    const applied = await run(await temporary(), 'apply', '--manifests', directory.path, '--yes', '--control', 'psa-enforced')
    expect([applied.exitCode, applied.stdout]).toEqual([0, expect.stringContaining('2 mended')])
    const after = await filesIn(directory.path)
    for (const file of ['prod/namespace.yaml', 'test/namespace.yaml'])
      expect([file, after.get(file)]).toEqual([file, expect.stringContaining('pod-security.kubernetes.io/enforce: baseline')])
  })

  test('what no kustomization can name is told, and one at the top names it', async () => {
    const tree = {
      'prod/kustomization.yaml': 'resources: [account.yaml]\n',
      'prod/account.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: prod}\nspec: {selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: app, image: cart}]}}}\n',
    }
    const apply = async (path: string) => {
      const rest = ['--yes', '--accept-risk', 'may-break', '--control', 'net-default-deny-ingress']
      return run(await temporary(), 'apply', '--manifests', path, ...rest)
    }
    using alone = directoryOf(tree)
    expect((await apply(alone.path)).stdout).toMatch(
      /warning: NetworkPolicy prod\/default-deny-ingress is in k8s-harden\/.*kubectl apply -f/,
    )
    using below = directoryOf({ ...tree, 'kustomization.yaml': 'resources: [prod] # all of it\n' })
    expect((await apply(below.path)).stdout).not.toContain('warning')
    expect((await filesIn(below.path)).get('kustomization.yaml')).toMatch(/^resources: \[prod, k8s-harden\/.*\] # all of it\n$/)
  })

  test('a kustomize tree: base and patch are mended where they say it, the overlay builds clean', async () => {
    using directory = directoryOf({
      'base/kustomization.yaml': '# what is deployed\nresources:\n- cart.yaml\n',
      'base/cart.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: cart\nspec:\n  selector: {matchLabels: {app: cart}}\n  template:\n    metadata: {labels: {app: cart}}\n    spec:\n      containers:\n      - name: app   # the app\n        image: cart:1.0\n',
      'prod/kustomization.yaml': 'namespace: prod\nresources: [../base]\npatches:\n- path: patch.yaml\n',
      'prod/patch.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart}\nspec:\n  template:\n    spec:\n      hostPID: true # to debug\n      containers:\n      - name: app\n        securityContext: {privileged: true}\n',
    })
    const state = await temporary()
    const before = await filesIn(directory.path)
    const pods = ['--manifests', directory.path, '--control', 'pod-privileged', 'pod-host-pid-ipc', 'pod-seccomp']
    const found = JSON.parse((await run(state, 'scan', ...pods, '-o', 'json')).stdout) as Report
    expect(found.results.flatMap(({ findings }) => findings.map(({ subject }) => `${subject.file}:${subject.line}`))).toEqual([
      'prod/patch.yaml:7',
      'prod/patch.yaml:10',
      'base/cart.yaml:9',
    ])
    const applied = await run(state, 'apply', ...pods, '--yes', '--accept-risk', 'may-break')
    expect([applied.exitCode, applied.stderr]).toEqual([0, expect.anything()])
    const after = await filesIn(directory.path)
    expect(after.get('prod/patch.yaml')).toBe(
      before.get('prod/patch.yaml')!.replace('hostPID: true', 'hostPID: false').replace('privileged: true', 'privileged: false'),
    )
    expect(after.get('base/cart.yaml')).toBe(
      `${before.get('base/cart.yaml')}      securityContext:\n        seccompProfile:\n          type: RuntimeDefault\n`,
    )
    expect((await run(state, 'scan', ...pods)).exitCode).toBe(0)
    expect((await run(state, 'undo', '--yes')).exitCode).toBe(0)
    expect(await filesIn(directory.path)).toEqual(before)
  })
})
interface Report {
  readonly results: readonly { readonly findings: readonly { readonly subject: { readonly file: string; readonly line: number } }[] }[]
}
