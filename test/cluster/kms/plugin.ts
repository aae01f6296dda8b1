/** A real KMS v2 plugin: the interface of k8s.io/kms on a unix socket, keys by name in a file. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { cacheDir } from '../binaries.ts'
import { buildPrograms, goIsThere, type Report } from '../go-build.ts'
import { withLock } from '../lock.ts'
import { type Build, goEnv, kubernetesVersion } from '../recipe.ts'

const source = fileURLToPath(new URL('./main.go', import.meta.url))

const build: Build<'kms-plugin'> = {
  program: 'kms-plugin',
  module: {
    name: 'kms',
    requires: ['k8s.io/kms', kubernetesVersion.replace('v1.', 'v0.')],
    main: readFileSync(source, 'utf8'),
  },
  package: '.',
  ldflags: '-s -w',
}

const folder = () =>
  cacheDir(
    `kms-${createHash('sha256')
      .update(JSON.stringify([build, goEnv, process.platform, process.arch]))
      .digest('hex')
      .slice(0, 12)}`,
  )
const program = () => join(folder(), 'bin', build.program)

/** Why there is no plugin here, in one sentence; undefined when there is one, or can be built. */
export function whyNoKms(): string | undefined {
  return existsSync(program()) || goIsThere() ? undefined : 'the KMS plugin cannot be built without Go'
}

/** Builds it where it is missing, one builder at a time across processes. */
async function kmsProgram(report: Report): Promise<string> {
  if (existsSync(program())) return program()
  await mkdir(folder(), { recursive: true })
  await withLock(
    join(folder(), 'build.lock'),
    () => buildPrograms(folder(), [build], report),
    () => report('waiting for another process that builds the KMS plugin'),
  )
  return program()
}

export interface KmsPlugin {
  readonly socket: string
  /** Ids of keys from now on; the first encrypts. */
  use(...ids: readonly string[]): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
}

/** Listens when it returns. The keys' file lies beside the socket. */
export async function startKmsPlugin(socket: string, ...ids: readonly string[]): Promise<KmsPlugin> {
  const file = await kmsProgram(console.warn)
  const keys = join(dirname(socket), 'keys')
  let running: { readonly end: () => Promise<void> } | undefined
  const use = (...all: readonly string[]) => writeFile(keys, `${all.join('\n')}\n`)
  const plugin: KmsPlugin = {
    socket,
    use,
    async stop() {
      await running?.end()
      running = undefined
    },
    async start() {
      const child = execa(file, [socket, keys], { reject: false, stdio: ['ignore', 'ignore', 'inherit'] })
      running = {
        async end() {
          child.kill('SIGTERM')
          await child
        },
      }
      for (let tries = 0; !existsSync(socket); tries++) {
        if (tries > 100) throw new Error(`the KMS plugin does not listen on ${socket}`)
        await sleep(50)
      }
    },
  }
  await mkdir(dirname(socket), { recursive: true })
  await use(...ids)
  await plugin.start()
  return plugin
}
