import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa, execaSync } from 'execa'
import { cacheDir, whyNoBinaries } from '../binaries.ts'
import { buildPrograms, type Report } from '../go-build.ts'
import { withLock } from '../lock.ts'
import { goEnv } from '../recipe.ts'
import { nodeBuilds, nodeRecipeKey } from './recipe.ts'

const workloadSource = fileURLToPath(new URL('./workload', import.meta.url))
const debianPackages = ['gcc', 'libc6-dev', 'libseccomp-dev', 'pkg-config', 'iproute2']

/** Where the programs of a node are. */
export interface NodePrograms {
  /** The folder of kubelet, containerd, its shim, ctr, runc and the network plugins. */
  readonly bin: string
  /** The static program that our images consist of. */
  readonly workload: string
}

/** Why there can be no real node here, in one sentence; undefined when there can. */
export function whyNoNode(): string | undefined {
  return whyNoBinaries() ?? whyMachineHasNoNode() ?? (allThere() ? undefined : whyNotBuilt())
}

function whyMachineHasNoNode(): string | undefined {
  if (process.env['K8S_HARDEN_NODE'] === 'off') return 'K8S_HARDEN_NODE=off turns real nodes off'
  if (process.platform !== 'linux') return `a real node needs Linux, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'a real node needs root'
  if (!existsSync('/usr/bin/apt-get') && !isThere('ip', ['-V'])) return 'a real node needs the ip command (iproute2)'
  // Everything a node does to this machine, done in namespaces that end with the command.
  const trial = 'mount -t tmpfs tmpfs /run && mkdir /run/l /run/u /run/w /run/m && mount -t tmpfs tmpfs /run/u && mkdir /run/u/u /run/u/w'
  const overlay = 'mount -t overlay -o lowerdir=/run/l,upperdir=/run/u/u,workdir=/run/u/w overlay /run/m'
  const unshare = ['--net', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-c', `${trial} && ${overlay}`]
  const tried = execaSync('unshare', unshare, { reject: false })
  return tried.failed ? `this machine makes no namespaces or overlay mounts: ${tried.stderr || tried.shortMessage}` : undefined
}

/** What the build lacks; `npm test` and `build.ts` install it where they can. */
function whyNotBuilt(): string | undefined {
  const missing = [
    !isThere('go', ['version']) && 'Go',
    !isThere('gcc', ['--version']) && 'gcc',
    !isThere('ip', ['-V']) && 'iproute2',
    !isThere('pkg-config', ['--exists', 'libseccomp']) && 'pkg-config and libseccomp-dev',
  ].filter((name) => name !== false)
  return missing.length > 0
    ? `the programs of a node cannot be built or used without ${missing.join(', ')} (npm test installs them on Debian)`
    : undefined
}

function isThere(command: string, args: readonly string[]): boolean {
  return !execaSync(command, args, { reject: false }).failed
}

/** Installs what the build needs besides Go from Debian's packages, where this is Debian; failing that is only said. */
export async function installBuildNeeds(report: Report): Promise<void> {
  if (whyMachineHasNoNode() || allThere() || !whyNotBuilt() || !isThere('go', ['version'])) return
  if (!existsSync('/etc/debian_version')) return
  report(`installing Debian packages that a real node is built with: ${debianPackages.join(' ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['install', '--yes', '--no-install-recommends', ...debianPackages]
  try {
    await execa('apt-get', ['update'], { env, timeout: 120_000 })
    await execa('apt-get', install, { env, timeout: 300_000 })
  } catch (error) {
    report(`the packages could not be installed: ${(error as Error).message}`)
  }
}

/** Builds what is missing, one builder at a time across processes. */
export async function nodePrograms(report: Report): Promise<NodePrograms> {
  const dir = cacheDir(nodeRecipeKey)
  const workload = await workloadPath()
  if (!inCache() || !existsSync(workload)) {
    await mkdir(dir, { recursive: true })
    await withLock(
      join(dir, 'build.lock'),
      async () => {
        if (!inCache()) await buildPrograms(dir, nodeBuilds, report)
        if (!existsSync(workload)) await buildWorkload(workload)
      },
      () => report('waiting for another process that builds the programs of a node'),
    )
  }
  return { bin: join(dir, 'bin'), workload }
}

function allThere(): boolean {
  return inCache() && isThere('ip', ['-V'])
}

function inCache(): boolean {
  const bin = join(cacheDir(nodeRecipeKey), 'bin')
  return nodeBuilds.every(({ program }) => existsSync(join(bin, program)))
}

/** Named after its source, which changes more often than all the others. */
async function workloadPath(): Promise<string> {
  const source = await readFile(join(workloadSource, 'main.go'))
  const name = `workload-${createHash('sha256').update(source).digest('hex').slice(0, 12)}`
  return join(cacheDir(nodeRecipeKey), name)
}

async function buildWorkload(path: string): Promise<void> {
  const args = ['build', '-trimpath', '-ldflags', '-s -w', '-o', `${path}.built`, '.']
  await execa('go', args, { cwd: workloadSource, env: goEnv })
  await rename(`${path}.built`, path)
}
