/** The command line as product.md section 3 promises it: what is printed where, and which number comes back. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { SCAN } from '../../bin/scan-schema.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { PRACTICES } from '../../src/engine/score.ts'
import { BIN, cli, freshState, ROOT } from '../helpers/cli.ts'

const BAD_POD =
  'apiVersion: v1\nkind: Pod\nmetadata: {name: bad, namespace: shop}\nspec:\n  containers:\n    - name: app\n      image: registry.example.com/app:1\n      securityContext:\n        privileged: true\n'
const folder = (files: Readonly<Record<string, string>>): string => {
  const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-cli-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return dir
}

const ORDER = ['CRIT', 'HIGH', 'MED', 'LOW']

describe('scan', () => {
  test('the sample fails in all six practices, and the JSON is what its schema says', async () => {
    const { exitCode, stdout, stderr } = await cli(['scan', '--sample', '-o', 'json'])
    expect(stderr).toBe('')
    expect(exitCode).toBe(1)
    const report = SCAN.parse(JSON.parse(stdout))
    for (const practice of PRACTICES) expect(report.summary[practice]!.fail, practice).toBeGreaterThan(0)
    // What stands for the cluster itself is in no file.
    const inFiles = report.results.flatMap((result) => result.findings).filter((finding) => finding.subject.apiVersion !== 'k8s-harden/v1')
    for (const { subject } of inFiles) expect(subject.line, JSON.stringify(subject)).toBeGreaterThan(0)
  })

  test('the table shows the worst first, and counts as the plan does', async () => {
    const { stdout } = await cli(['scan', '--sample'])
    const pods = stdout.slice(stdout.indexOf('\nnodes-and-pods\n'), stdout.indexOf('\nimages\n'))
    // The worst finding of each control that failed, in the order of the controls.
    const worst = [...pods.matchAll(/^ {2}FAIL .*\n(?: {13}.*\n)*(?: {6}(CRIT|HIGH|MED|LOW) )/gm)].map(([, word]) => word!)
    expect(worst.length).toBeGreaterThan(15)
    expect(worst).toEqual(worst.toSorted((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)))
    const plan = await cli(['apply', '--sample', '--dry-run'])
    const fixable = (text: string, words: RegExp) => Number(words.exec(text)?.[1])
    expect(fixable(stdout, /: (\d+) fixable/)).toBe(fixable(plan.stdout, /steps for (\d+) of/))
  })

  test('standard input, file and line, and the exit codes of --fail-on', async () => {
    const { exitCode, stdout } = await cli(['scan', '--manifests', '-', '-o', 'json', '--control', 'pod-privileged'], { input: BAD_POD })
    const [result] = SCAN.parse(JSON.parse(stdout)).results
    expect(result).toMatchObject({
      control: 'pod-privileged',
      status: 'fail',
      findings: [
        {
          subject: { kind: 'Pod', name: 'bad', file: '-', line: 9 },
          container: 'app',
          path: 'spec.containers[name=app].securityContext.privileged',
        },
      ],
    })
    const seccomp = await cli(['scan', '--manifests', '-', '-o', 'json', '--control', 'pod-seccomp'], { input: BAD_POD })
    expect(
      SCAN.parse(JSON.parse(seccomp.stdout)).results[0]!.findings.every((finding) => finding.pss !== undefined),
      'it serves both levels',
    ).toBe(true)
    expect(exitCode).toBe(1)
    expect((await cli(['scan', '--manifests', '-', '--control', 'pod-privileged', '--fail-on', 'none'], { input: BAD_POD })).exitCode).toBe(
      0,
    )
    expect(
      (await cli(['scan', '--manifests', '-', '--control', 'cluster-version', '--fail-on-unknown'], { input: BAD_POD })).exitCode,
    ).toBe(5)
  })

  test('what cannot be read is in the JSON as its schema says, on standard error for jsonl, and unknown for --fail-on-unknown', async () => {
    const dir = folder({ 'bad.yaml': BAD_POD, 'broken.yaml': 'kind: {\n' })
    const args = ['scan', '--manifests', dir, '--control', 'pod-host-network', '--fail-on-unknown']
    const json = await cli([...args, '-o', 'json'])
    expect(json.exitCode).toBe(5)
    expect(SCAN.parse(JSON.parse(json.stdout)).problems).toEqual([
      { file: 'broken.yaml', line: expect.any(Number), message: expect.stringContaining('no valid YAML') },
    ])
    const lines = await cli([...args, '-o', 'jsonl'])
    expect(lines.stderr).toMatch(/broken\.yaml:\d+ no valid YAML/)
    expect(lines.stdout).toBe('{"event":"synced"}')
  })

  test('nothing in the report steers a terminal, and the JSON still says what was there', async () => {
    const evil = 'a\u009b2Jb\u202ec\u2066d\u007f'
    const input = BAD_POD.replace('name: bad', `name: ${JSON.stringify(evil).replace('\u007f', '\\x7f').replace('\u009b', '\\x9b')}`)
    for (const output of ['json', 'jsonl', 'table']) {
      const { stdout, stderr } = await cli(['scan', '--manifests', '-', '-o', output, '--control', 'pod-privileged'], { input })
      expect(stdout + stderr, output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2066]/)
      if (output === 'json') expect(SCAN.parse(JSON.parse(stdout)).results[0]!.findings[0]!.subject.name).toBe(evil)
    }
  })

  test('an output file that cannot be written is an error of usage', async () => {
    for (const more of [[], ['--watch', '-o', 'jsonl']]) {
      const { exitCode, stderr } = await cli(['scan', '--sample', '--output-file', '/nonexistent/report', ...more])
      expect(exitCode).toBe(2)
      expect(stderr).toContain('/nonexistent/report cannot be written')
    }
  })

  test('jsonl is one finding a line, then synced', async () => {
    const { stdout } = await cli(['scan', '--manifests', folder({ 'bad.yaml': BAD_POD }), '-o', 'jsonl', '--practice', 'nodes-and-pods'])
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as { event: string; finding?: { control: string } })
    expect(lines.at(-1)).toEqual({ event: 'synced' })
    expect(lines.slice(0, -1).every((line) => line.event === 'added')).toBe(true)
    expect(lines.some((line) => line.finding?.control === 'pod-privileged')).toBe(true)
  })

  test('a malformed file is named and the rest is still scanned', async () => {
    const dir = folder({ 'bad.yaml': BAD_POD, 'broken.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: [}\n' })
    const report = SCAN.parse(JSON.parse((await cli(['scan', '--manifests', dir, '-o', 'json', '--control', 'pod-privileged'])).stdout))
    expect(report.problems).toMatchObject([{ file: 'broken.yaml', line: 3 }])
    expect(report.results[0]!.findings).toHaveLength(1)
  })

  test('accepted risks are excepted; an expired or useless exception is said', async () => {
    const dir = folder({ 'bad.yaml': BAD_POD })
    const file = join(
      folder({
        'accepted.yaml':
          'exceptions:\n  - {control: pod-privileged, namespace: shop, name: bad, reason: known}\n  - {control: pod-privileged, name: gone, reason: old}\n  - {control: pod-hostpath, reason: late, until: 2020-01-01}\n',
      }),
      'accepted.yaml',
    )
    const { exitCode, stdout, stderr } = await cli([
      'scan',
      '--manifests',
      dir,
      '-o',
      'json',
      '--control',
      'pod-privileged',
      '--exceptions',
      file,
    ])
    expect(exitCode).toBe(0)
    expect(SCAN.parse(JSON.parse(stdout)).results[0]!.findings).toMatchObject([{ excepted: true }])
    expect(stderr).toContain('matches nothing: old')
    expect(stderr).toContain('expired on 2020-01-01')
    const unknownKey = join(folder({ 'x.yaml': 'exceptions: [{control: pod-privileged, reason: x, nmae: y}]' }), 'x.yaml')
    expect((await cli(['scan', '--sample', '--exceptions', unknownKey])).exitCode).toBe(2)
  })
})

describe('bad input: one sentence, what to do next, the documented code', () => {
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['unknown flag', ['scan', '--nonsense'], 2, /--nonsense/],
    ['unknown control', ['scan', '--sample', '--control', 'pod-privilege'], 2, /there is no control "pod-privilege"[\s\S]*pod-privileged/],
    ['unknown practice', ['scan', '--sample', '--practice', 'pods'], 2, /there is no practice "pods"/],
    ['two sources', ['scan', '--sample', '--manifests', 'x'], 2, /give one/],
    ['missing path', ['scan', '--manifests', '/nowhere/at/all'], 3, /\/nowhere\/at\/all does not exist/],
    ['missing kubeconfig', ['scan', '--kubeconfig', '/nowhere/config'], 2, /\/nowhere\/config/],
    ['no kubeconfig', ['scan'], 2, /--sample/],
    ['generate without --out', ['generate', '--sample'], 2, /--out/],
    ['bad --set', ['generate', '--sample', '--out', 'x', '--set', 'pod-hostpath'], 2, /CONTROL\.OPTION=VALUE/],
    ['apply without a terminal', ['apply', '--sample'], 2, /--yes/],
    ['explain what is not', ['explain', 'nothing-such'], 2, /there is no control/],
    ['explain neither', ['explain'], 2, /one of the two/],
    ['explain a subject that is none', ['explain', '--subject', 'cart', '--sample'], 2, /ServiceAccount:NAMESPACE:NAME/],
    ['explain half an account', ['explain', '--subject', 'sa:cart', '--sample'], 2, /"sa:cart" names no subject/],
    ['undo what is not', ['undo', '20200101T000000Z-000000', '--yes'], 2, /20200101T000000Z-000000/],
  ]
  for (const [name, args, code, words] of cases) {
    test(name, async () => {
      const { exitCode, stdout, stderr } = await cli(args)
      expect(exitCode, stderr).toBe(code)
      expect(stderr).toMatch(words)
      expect(stderr).not.toMatch(/\n\s+at /)
      expect(stdout).toBe('')
    })
  }

  test('an unreachable server and a wrong context', async () => {
    const kubeconfig = join(
      folder({
        config:
          'apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: here, context: {cluster: c, user: u}}]\ncurrent-context: here\n',
      }),
      'config',
    )
    const unreachable = await cli(['scan', '--kubeconfig', kubeconfig])
    expect(unreachable.exitCode, unreachable.stderr).toBe(3)
    expect(unreachable.stderr).toContain('127.0.0.1:1')
    const applied = await cli(['apply', '--yes', '--kubeconfig', kubeconfig], { timeout: 30_000 })
    expect(applied.exitCode, applied.stderr).toBe(3)
    const wrong = await cli(['scan', '--kubeconfig', kubeconfig, '--context', 'there'])
    expect(wrong.exitCode).toBe(2)
    expect(wrong.stderr).toContain('here')
  })
})

describe('generate', () => {
  test('writes patch files only, and leaves the source alone', async () => {
    const dir = folder({ 'bad.yaml': BAD_POD })
    const out = join(folder({}), 'out')
    const { exitCode, stdout } = await cli(['generate', '--manifests', dir, '--out', out])
    expect(exitCode, stdout).toBe(0)
    expect(readFileSync(join(dir, 'bad.yaml'), 'utf8')).toBe(BAD_POD)
    expect(readdirSync(out)).toContain('README.md')
    expect(parse(readFileSync(join(out, 'kustomization.yaml'), 'utf8'))).toMatchObject({
      kind: expect.stringMatching(/Kustomization|Component/),
    })
  })
})

describe('apply, history, undo on manifests', () => {
  test('--yes takes what is safe enough, history names it, undo gives the bytes back', async () => {
    const dir = folder({ 'bad.yaml': `# kept\n${BAD_POD}` })
    const env = { XDG_STATE_HOME: freshState() }
    const applied = await cli(['apply', '--manifests', dir, '--control', 'pod-privileged', '--yes', '--accept-risk', 'may-break'], { env })
    expect(applied.exitCode, applied.stderr + applied.stdout).toBe(0)
    const text = readFileSync(join(dir, 'bad.yaml'), 'utf8')
    expect(text).toBe(`# kept\n${BAD_POD.replace('privileged: true', 'privileged: false')}`)
    expect((await cli(['history'], { env })).stdout).toMatch(/\d{8}T\d{6}Z-[0-9a-f]{6}.*manifests/)
    const undone = await cli(['undo', '--yes'], { env })
    expect(undone.exitCode, undone.stderr + undone.stdout).toBe(0)
    expect(readFileSync(join(dir, 'bad.yaml'), 'utf8')).toBe(`# kept\n${BAD_POD}`)
  })

  test('without --yes and without a terminal nothing changes', async () => {
    const dir = folder({ 'bad.yaml': BAD_POD })
    const { exitCode } = await cli(['apply', '--manifests', dir])
    expect(exitCode).toBe(2)
    expect(readFileSync(join(dir, 'bad.yaml'), 'utf8')).toBe(BAD_POD)
  })

  test('--dry-run rehearses and changes nothing', async () => {
    const dir = folder({ 'bad.yaml': BAD_POD })
    const { exitCode, stdout } = await cli(['apply', '--manifests', dir, '--dry-run', '--yes', '--accept-risk', 'may-break'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('privileged: false')
    expect(readFileSync(join(dir, 'bad.yaml'), 'utf8')).toBe(BAD_POD)
  })
})

describe('what the tool says of itself', () => {
  test('explain, controls and permissions', async () => {
    expect((await cli(['explain', 'pod-privileged'])).stdout).toContain('baseline/privileged')
    const listed = JSON.parse((await cli(['controls', '-o', 'json'])).stdout) as { id: string }[]
    expect(listed).toHaveLength(controls.length)
    const [role] = parseAllDocuments((await cli(['permissions', '-o', 'yaml'])).stdout).map(
      (document) => document.toJS() as { kind: string; rules: { verbs: string[] }[] },
    )
    expect(role!.kind).toBe('ClusterRole')
    expect(new Set(role!.rules.flatMap((rule) => rule.verbs))).toEqual(new Set(['list', 'watch', 'get']))
  })

  test('explain --subject: rights, the way to cluster-admin, and what would stop it', async () => {
    const { exitCode, stdout } = await cli(['explain', '--subject', 'SA:ci:runner', '--sample'])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/ClusterRole ci-runner in the whole cluster, by ClusterRoleBinding ci-runner/)
    expect(stdout).toMatch(/ci\/runner can create pods in every namespace → .* → cluster-admin/)
    expect(stdout).toMatch(/take ServiceAccount ci\/runner out of ClusterRoleBinding ci-runner \(stops \d+ of the \d+ that get there\)/)
    const report = JSON.parse((await cli(['explain', '--subject', 'ServiceAccount:ci:runner', '--sample', '-o', 'json'])).stdout)
    expect(report).toMatchObject({ subject: { kind: 'ServiceAccount', namespace: 'ci', name: 'runner' }, reaches: 'cluster-admin' })
    expect(report.path.at(-1).gains).toBe('cluster-admin')
    expect((await cli(['explain', '--subject', 'User:nobody-at-all', '--sample'])).stdout).toContain('Holds nothing that is seen')
  })

  test("--version is the package's", async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }
    expect((await cli(['--version'])).stdout).toBe(version)
  })

  test('without a terminal the wizard prints the scan and says so', async () => {
    const { stdout, stderr } = await cli(['--sample'])
    expect(stderr).toContain('no terminal')
    expect(stdout).toContain('pod-privileged')
  })
})

test('apply --yes says of each step how risky it is and what may break, and what could be chosen instead', async () => {
  const { exitCode, stdout } = await cli(['apply', '--sample', '--yes', '--accept-risk', 'may-break', '--practice', 'nodes-and-pods'])
  expect(exitCode).toBe(0)
  const steps = stdout.split(/\n(?=\d+\/\d+ )/).slice(1)
  expect(steps.length).toBeGreaterThan(20)
  for (const step of steps) {
    expect(step).toMatch(/^ {2}risk: (safe|restarts pods|may break something)$/m)
    if (step.includes('risk: may break something')) expect(step).toMatch(/^ {2}may break: /m)
  }
  expect(stdout).toMatch(/^ {2}otherwise: .*--set pod-hostpath\.mode=keep/m)
})

test.each([
  [['scan', '--sample']],
  [['scan', '--sample', '-o', 'json']],
  [['apply', '--sample', '--dry-run', '--practice', 'secrets,audit']],
  [['apply', '--sample', '--yes', '--practice', 'audit']],
  [['apply', '--sample']],
  [['undo', 'no-such-run']],
  [['history']],
  [['encryption', 'status', '--sample']],
  [['explain', 'audit-enabled']],
  [['scan', '--help']],
])('%j ends both streams with a line break, on a pipe too', async (args) => {
  const env = { XDG_STATE_HOME: freshState(), HOME: '/nonexistent', KUBECONFIG: '', NO_COLOR: '1' }
  const done = await execa(process.execPath, [BIN, ...args], { cwd: ROOT, env, reject: false, stripFinalNewline: false, stdin: 'ignore' })
  expect(done.stdout + done.stderr).not.toBe('')
  for (const said of [done.stdout, done.stderr]) expect(said.slice(-80)).toMatch(/^$|\n$/)
})
