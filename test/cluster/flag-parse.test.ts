/** Our reading of a command line against that of the real programs, which print what they have understood at `--v=1`. */
import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import { isBoolean } from '../../src/objects/flag-kinds.ts'
import { parseFlags } from '../../src/objects/flag-parse.ts'
import { type Binaries, findBinaries, whyNoBinaries } from './binaries.ts'

const PROGRAMS = ['apiServer', 'controllerManager', 'scheduler'] as const
const missing = whyNoBinaries([...PROGRAMS])
if (missing) console.warn(`SKIPPED e2e: flags of the real programs: ${missing}`)

describe.skipIf(missing)('flags of the real programs', () => {
  let paths: Binaries
  beforeAll(async () => {
    paths = (await findBinaries()) as Binaries
  })
  const ask = (program: (typeof PROGRAMS)[number], args: readonly string[]): string => {
    const { stdout, stderr } = spawnSync(paths[program] ?? program, args, { encoding: 'utf8', timeout: 60_000 })
    return stdout + stderr
  }

  test.each(PROGRAMS)('every boolean of %s is known as one, and nothing else is', (program) => {
    const lines = [...ask(program, ['--help']).matchAll(/^ +(?:-\w, )?--([a-z0-9-]+)(.*)$/gm)]
    expect(lines.length).toBeGreaterThan(50)
    // A type follows the name of what takes a value; of a boolean its text does, further to the right.
    const wrong = lines.filter(([, name, rest]) => /^( {2,}|$| \[Alpha\])/.test(rest!) !== isBoolean(name!)).map(([, name]) => name)
    expect(wrong.filter((name) => name !== 'version' && name !== 'v')).toEqual([])
  })

  test.each([3, 11, 19, 27, 42, 77])('a random command line (%i) is read as the API server does', (seed) => {
    const args = randomArguments(seed)
    const said = ask('apiServer', ['--v=1', ...args])
    const real = new Map(
      [...said.matchAll(/FLAG: --([a-z0-9-]+)="(.*)"$/gm)].map(([, name, value]) => [name!, JSON.parse(`"${value}"`) as string]),
    )
    expect(real.size, said).toBeGreaterThan(100)
    const ours = Object.fromEntries([...parseFlags(args)].map(([name, value]) => [name, isBoolean(name) ? isTrue(value) : value]))
    const theirs = Object.keys(ours).map((name) => [
      name,
      isBoolean(name) ? isTrue(real.get(name)!) : real.get(name)!.replace(/^\[(.*)\]$/, '$1'),
    ])
    expect(ours, args.join(' ')).toEqual(Object.fromEntries(theirs))
  })
})

const isTrue = (value: string): boolean => ['true', 't', '1'].includes(value.toLowerCase())

const BOOLEANS = ['profiling', 'anonymous-auth', 'service-account-lookup', 'allow-privileged', 'service-account-extend-token-expiration']
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'audit-log-path': ['-', '/var/log/a.log', ''],
  'audit-log-maxage': ['0', '30'],
  'tls-min-version': ['VersionTLS12', 'VersionTLS10'],
  'encryption-provider-config': ['/e', '/f=g'],
  'tls-cipher-suites': ['TLS_RSA_WITH_RC4_128_SHA', 'TLS_AES_128_GCM_SHA256,TLS_RSA_WITH_3DES_EDE_CBC_SHA'],
  'etcd-servers': ['http://a:2379', 'https://b:2379,https://c:2379'],
  'authorization-mode': ['RBAC', 'Node,RBAC', 'AlwaysAllow'],
  'enable-admission-plugins': ['NodeRestriction', 'AlwaysAdmit,PodSecurity', ''],
  'service-account-issuer': ['https://a', 'https://b'],
  'service-account-key-file': ['/k1', '/k2'],
}
function randomArguments(seed: number): readonly string[] {
  let state = seed
  const below = (most: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor(state / 65_536) % most
  }
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!
  const spelled = (name: string): string => (below(4) === 0 ? name.replaceAll('-', '_') : name)
  return Array.from({ length: 14 }).flatMap((): string[] => {
    if (below(3) === 0) {
      const name = spelled(one(BOOLEANS))
      return [one([`--${name}`, `--${name}=${one(['true', 'False', '1', '0', 'T', 'f'])}`])]
    }
    const name = one(Object.keys(VALUES))
    return below(2) === 0 ? [`--${spelled(name)}=${one(VALUES[name]!)}`] : [`--${spelled(name)}`, one(VALUES[name]!)]
  })
}
