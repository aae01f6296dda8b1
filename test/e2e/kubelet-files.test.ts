/** What files, drop-ins and flags of a kubelet come to, as this tool reads them on a node, beside what the real kubelet says it works with. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { LocalHost } from '../../src/hosts/local.ts'
import { filesOf, mergedConfig } from '../../src/objects/kubelet-files.ts'
import { flaggedIn } from '../../src/objects/kubelet-flags.ts'
import { isZeroDuration, kubeletSetting } from '../../src/objects/kubelet-settings.ts'
import { valueAt } from '../../src/objects/path.ts'
import { lookAt } from '../../src/sources/hosts-look.ts'
import { nodePrograms, whyNoNode } from '../cluster/nodes/programs.ts'
import { randomFrom } from '../objects/yaml-as-written.ts'

/** RUNS=1000 for a long look; START is where it begins. */
const RUNS = Number(process.env['RUNS'] ?? 20)
const START = Number(process.env['START'] ?? 1)

const BOOLEANS = ['yes', 'no', 'on', 'off', 'true', 'False', 'y', 'N', 'null', '~']
const FIELDS: Readonly<Record<string, { readonly values: readonly string[]; readonly flag: string; readonly flags: readonly string[] }>> = {
  'authentication.anonymous.enabled': { values: BOOLEANS, flag: 'anonymous-auth', flags: ['', '=false', '=T', '=0'] },
  'authentication.webhook.enabled': { values: BOOLEANS, flag: 'authentication-token-webhook', flags: ['', '=false'] },
  'authentication.x509.clientCAFile': { values: ['/etc/a.crt', '""', 'null'], flag: 'client-ca-file', flags: ['=/etc/b.crt', '='] },
  'authorization.mode': {
    values: ['Webhook', '"AlwaysAllow"', 'null', '""'],
    flag: 'authorization-mode',
    flags: ['=AlwaysAllow', '=Webhook'],
  },
  readOnlyPort: {
    values: ['0', '10255', '0o24017', '0x280f', '10_255', 'null'],
    flag: 'read-only-port',
    flags: ['=0', '=10255', ' 10255'],
  },
  eventRecordQPS: { values: ['0', '05', '5_0', 'null'], flag: 'event-qps', flags: ['=0', '=7'] },
  makeIPTablesUtilChains: { values: BOOLEANS, flag: 'make_iptables_util_chains', flags: ['=false', ''] },
  podPidsLimit: { values: ['-1', '4096', '0x1000', '0b101'], flag: 'pod-max-pids', flags: ['=4096', '=-1'] },
  protectKernelDefaults: { values: BOOLEANS, flag: 'protect-kernel-defaults', flags: ['', '=false'] },
  rotateCertificates: { values: BOOLEANS, flag: 'rotate-certificates', flags: ['', '=false'] },
  seccompDefault: { values: BOOLEANS, flag: 'v', flags: ['=1'] },
  serverTLSBootstrap: { values: BOOLEANS, flag: 'rotate_server-certificates', flags: ['', '=false'] },
  streamingConnectionIdleTimeout: {
    values: ['0s', '"0"', '1h', '4h0m0s'],
    flag: 'streaming-connection-idle-timeout',
    flags: ['=0', '=5m'],
  },
  tlsMinVersion: { values: ['VersionTLS12', 'VersionTLS10', '""'], flag: 'tls-min-version', flags: ['=VersionTLS13'] },
  'featureGates.RotateKubeletServerCertificate': {
    values: BOOLEANS,
    flag: 'feature-gates',
    flags: ['=RotateKubeletServerCertificate=false', '=CrossNamespaceVolumeDataSource=true'],
  },
}
const one = <T>(random: (below: number) => number, list: readonly T[]): T => list[random(list.length)]!
const HEAD = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n'

/** A configuration as somebody in a hurry writes it: keys twice, merged, in other letters, a second document, as JSON. */
function configuration(random: (below: number) => number): string {
  const lines: string[] = []
  const groups = Map.groupBy(
    Object.keys(FIELDS).filter(() => random(4) === 0),
    (path) => path.split('.')[0]!,
  )
  for (const [top, paths] of groups) {
    const nested = new Map<string, string[]>()
    for (const path of paths) {
      const [, middle = '', last = ''] = path.split('.')
      const value = one(random, FIELDS[path]!.values)
      if (middle === '') lines.push(`${random(25) === 0 ? top.toLowerCase() : top}: ${value}`)
      else if (last === '') nested.set(middle, [value])
      else nested.set(middle, [...(nested.get(middle) ?? []), `${random(25) === 0 ? last.toUpperCase() : last}: ${value}`])
    }
    if (nested.size === 0) continue
    if (random(15) === 0) lines.push(`${top}: null`)
    else
      lines.push(
        `${top}:`,
        ...[...nested].flatMap(([middle, inner]) =>
          inner[0]!.includes(':') ? [`  ${middle}:`, ...inner.map((line) => `    ${line}`)] : [`  ${middle}: ${inner[0]}`],
        ),
      )
  }
  if (random(12) === 0) lines.push('readOnlyPort: 0', 'readOnlyPort: 10255')
  if (random(12) === 0) lines.unshift('authentication:', '  anonymous: &a {enabled: on}', '  webhook:', '    enabled: no', '    <<: *a')
  const text = HEAD + lines.join('\n')
  if (random(15) === 0) return JSON.stringify(parse(text, { uniqueKeys: false, merge: true, version: '1.1' }))
  return `${random(8) === 0 ? '# by hand\n---\n' : ''}${text}\n${random(10) === 0 ? '---\nreadOnlyPort: 10255\n' : ''}`
}

interface Case {
  readonly files: Readonly<Record<string, string>>
  readonly args: readonly string[]
}
function randomCase(seed: number): Case {
  const random = randomFrom(seed)
  const files: Record<string, string> = {}
  const args: string[] = []
  if (random(8) > 0) {
    files['/etc/k/config.yaml'] = configuration(random)
    args.push('--config=/etc/k/config.yaml')
  }
  if (random(4) > 0) {
    for (const name of ['10-a.conf', '20-b.conf', '20-b/z.conf', 'c.conf', 'skipped.yaml', 'B.conf'])
      if (random(3) === 0) files[`/etc/k/conf.d/${name}`] = configuration(random)
    files['/etc/k/conf.d/README'] = 'drop-ins\n'
    args.push(`--config-dir=/etc/k/conf.d${random(4) === 0 ? '/' : ''}`)
  }
  for (const { flag, flags } of Object.values(FIELDS)) if (random(12) === 0) args.push(...`--${flag}${one(random, flags)}`.split(' '))
  return { files, args }
}

/** A kubelet whose program is not looked for. */
class WithKubelet extends LocalHost {
  override run = async () => ({ exitCode: 0, stdout: '7\n', stderr: '' })
}

async function realKubelet(kubelet: string, root: string, args: readonly string[]): Promise<unknown> {
  const own = ['--root-dir', join(root, 'root'), '--cert-dir', join(root, 'pki'), '--container-runtime-endpoint', 'unix:///nowhere']
  const placed = args.map((arg) => arg.replace(/^(--config(-dir)?=)/, `$1${root}`))
  const child = spawn('unshare', ['--net', kubelet, ...own, ...placed], { stdio: ['ignore', 'ignore', 'pipe'] })
  const lines: string[] = []
  let inside = false
  for await (const line of createInterface(child.stderr!)) {
    if (line.includes('"Effective KubeletConfiguration" config=<')) inside = true
    else if (inside && line === ' >') break
    else if (inside) lines.push(line.slice(1))
  }
  child.kill('SIGKILL')
  return inside ? parse(lines.join('\n')) : undefined
}

const same = (ours: unknown, theirs: unknown): boolean => {
  const plain = (value: unknown) => (value === undefined || value === null || value === '' || value === false ? null : value)
  if (typeof theirs === 'string' && /^\d+[hms]/.test(theirs)) return isZeroDuration(ours) === isZeroDuration(theirs)
  return plain(ours) === plain(theirs) || (plain(ours) === 0 && plain(theirs) === null)
}

const missing = whyNoNode()
if (missing !== undefined) console.warn(`SKIPPED e2e: files of a kubelet: ${missing}`)
describe.skipIf(missing !== undefined)('the files, drop-ins and flags of a kubelet', () => {
  test('come to what the real one works with, or it is said that this is not known', { timeout: 600_000 }, async () => {
    const kubelet = join((await nodePrograms(console.warn)).bin, 'kubelet')
    const tally = { same: 0, notKnown: 0, doesNotStart: 0 }
    const wrong: unknown[] = []
    for (let seed = START; seed < START + RUNS; seed++) {
      const { files, args } = randomCase(seed)
      const root = await mkdtemp(join(tmpdir(), 'k8s-harden-kubelet-'))
      for (const [path, text] of Object.entries({ ...files, '/proc/7/cmdline': ['/usr/bin/kubelet', ...args, ''].join('\0') })) {
        await mkdir(dirname(join(root, path)), { recursive: true })
        await writeFile(join(root, path), text)
      }
      const real = await realKubelet(kubelet, root, args)
      const read = filesOf((await lookAt(new WithKubelet('n', root))).seen)!
      await rm(root, { recursive: true })
      if (real === undefined) tally.doesNotStart++
      else if (read.faults.length > 0) tally.notKnown++
      else {
        tally.same++
        const config = mergedConfig(read)
        const flagged = flaggedIn(read.flags)
        for (const path of Object.keys(FIELDS).map((key) => key.split('.'))) {
          const ours = kubeletSetting({ config, partial: false, effective: false, flagged }, path).value
          if (!same(ours, valueAt(real as object, path))) wrong.push({ seed, path, ours, real: valueAt(real as object, path), files, args })
        }
      }
    }
    console.warn(`kubelet files: ${JSON.stringify(tally)}`)
    expect(wrong).toEqual([])
    expect(tally.same).toBeGreaterThan(RUNS / 3)
  })
})
