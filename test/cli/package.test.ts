/** The packed tarball runs without the repository, and says what is wrong on a Node that is too old. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { BIN, freshState, ROOT } from '../helpers/cli.ts'

describe('the package', () => {
  test('installs from its tarball without a registry, and scans', { timeout: 180_000 }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-pack-'))
    const env = { npm_config_cache: join(dir, 'cache'), npm_config_offline: 'true' }
    await execa('npm', ['pack', '--ignore-scripts', '--pack-destination', dir], { cwd: ROOT, env })
    const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz'))!
    writeFileSync(join(dir, 'package.json'), '{"private": true}')
    await execa('npm', ['install', '--no-audit', '--no-fund', `./${tarball}`], { cwd: dir, env })
    const bin = join(dir, 'node_modules', '.bin', 'k8s-harden')
    const state = { HOME: dir, KUBECONFIG: '', XDG_STATE_HOME: freshState(), NODE_PATH: '' }
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    expect((await execa(process.execPath, [bin, '--version'], { env: state })).stdout).toBe(version)
    const scan = await execa(process.execPath, [bin, 'scan', '--sample', '-o', 'json', '--fail-on', 'none'], { env: state })
    expect((JSON.parse(scan.stdout) as { results: unknown[] }).results.length).toBeGreaterThanOrEqual(48)
    expect(
      readdirSync(join(dir, 'node_modules')).filter((name) => !name.startsWith('.')),
      'it has no dependencies',
    ).toEqual(['k8s-harden'])
  })

  test('holds what it needs and nothing of the tests', async () => {
    const { stdout } = await execa('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT })
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }]
    const paths = files.map((file) => file.path)
    expect(paths).toEqual(expect.arrayContaining(['bin/k8s-harden.js', 'dist/main.js', 'README.md', 'LICENSE', 'package.json']))
    expect(paths.filter((path) => /^(test|src|views|remediations)\//.test(path))).toEqual([])
  })

  test.each(['20.20.2', '22.11.0'])('on Node %s it says so in one line, exit 2', async (version) => {
    const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-old-'))
    writeFileSync(join(dir, 'old.cjs'), `Object.defineProperty(process.versions, 'node', { value: '${version}' })`)
    const { exitCode, stdout, stderr } = await execa(process.execPath, ['--require', join(dir, 'old.cjs'), BIN, 'scan', '--sample'], {
      reject: false,
    })
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr.split('\n')).toHaveLength(1)
    expect(stderr).toContain(version)
  })

  test.each(['/proc/none', '/dev/null', '/nonexistent/a'])('starts where its cache cannot be kept (%s)', async (cache) => {
    const { stdout } = await execa(process.execPath, [BIN, '--version'], { env: { XDG_CACHE_HOME: cache }, timeout: 60_000 })
    expect(stdout).toMatch(/^\d+\.\d+\.\d+$/)
  })

  test('the wizard starts without the HTTP client of Node', async () => {
    const chunk = readdirSync(join(ROOT, 'dist', 'chunks')).find((name) => name.startsWith('wizard-app-') && name.endsWith('.js'))!
    const script = `await import(${JSON.stringify(join(ROOT, 'dist', 'chunks', chunk))}); console.log(process.moduleLoadList.filter((name) => name.includes('undici')).join())`
    const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script])
    expect(stdout).toBe('')
  })

  test('the wizard loads no scan report, and `scan` loads no Ink', () => {
    const { outputs } = JSON.parse(readFileSync(join(ROOT, 'dist', 'meta.json'), 'utf8')) as {
      outputs: Record<string, { entryPoint?: string; imports: { path: string; kind: string }[]; inputs: Record<string, unknown> }>
    }
    const entry = (source: string) => Object.keys(outputs).find((path) => outputs[path]!.entryPoint === source)!
    const loaded = (path: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(path) || outputs[path] === undefined) return seen
      seen.add(path)
      for (const { path: next, kind } of outputs[path].imports) if (kind === 'import-statement') loaded(next, seen)
      return seen
    }
    const inputs = (source: string) => [...loaded(entry(source))].flatMap((path) => Object.keys(outputs[path]!.inputs))
    expect(inputs('src/cli/commands/scan.ts').filter((input) => /node_modules\/(ink|react|yoga-layout)\//.test(input))).toEqual([])
    expect(
      inputs('src/cli/main.ts').filter((input) => /node_modules\/(ink|react|@kubernetes|inquirer|js-yaml|yaml)\//.test(input)),
    ).toEqual([])
    expect(
      inputs('src/cli/commands/wizard.tsx').filter((input) => /src\/report\/(table|json)\.ts|node_modules\/inquirer\//.test(input)),
    ).toEqual([])
  })
})
