import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { buildAll, goIsThere, type Report } from './go-build.ts'
import { withLock } from './lock.ts'
import { builds, type Program, recipeKey, stageFiles } from './recipe.ts'

/** Paths of the programs. Only the first two are always there: envtest's assets hold no more than kubectl besides. */
export interface Binaries {
  readonly apiServer: string
  readonly etcd: string
  readonly kubectl?: string
  readonly controllerManager?: string
  readonly scheduler?: string
  readonly kwok?: string
  /** The folder of kwok's own stage files. */
  readonly stages?: string
}

export interface Skip {
  /** One sentence that says why there is no test cluster here. */
  readonly skip: string
}

/**
 * Finds the programs of the test control plane, building them when they are not there yet:
 * `KUBEBUILDER_ASSETS` wins, then the cache, then a build with Go. `K8S_HARDEN_CLUSTER=off` turns it all off.
 */
export async function findBinaries(report: Report = console.warn): Promise<Binaries | Skip> {
  const skip = whyNoBinaries()
  if (skip) return { skip }
  return fromAssets() ?? inCache() ?? buildIntoCache(report)
}

/** Why the needed binaries are neither on this machine nor can be built there; undefined when all is well. */
export function whyNoBinaries(needed: readonly (keyof Binaries)[] = []): string | undefined {
  if (process.env['K8S_HARDEN_CLUSTER'] === 'off') return 'K8S_HARDEN_CLUSTER=off turns the test cluster off'
  const assets = process.env['KUBEBUILDER_ASSETS']
  if (assets) {
    const found = fromAssets()
    if (!found) return `KUBEBUILDER_ASSETS (${assets}) holds no kube-apiserver and etcd`
    const missing = needed.filter((name) => !found[name])
    return missing.length > 0 ? `KUBEBUILDER_ASSETS (${assets}) lacks: ${missing.join(', ')}` : undefined
  }
  if (inCache() || goIsThere()) return undefined
  return 'KUBEBUILDER_ASSETS is not set, and there is no Go toolchain to build the test control plane with'
}

/** Builds everything that is missing, one builder at a time across processes. */
export async function buildIntoCache(report: Report): Promise<Binaries> {
  const dir = cacheDir()
  await mkdir(dir, { recursive: true })
  await withLock(
    join(dir, 'build.lock'),
    async () => {
      if (!inCache()) await buildAll(dir, report)
    },
    () => report('waiting for another process that builds the test control plane'),
  )
  const built = inCache()
  if (!built) throw new Error(`the build left ${dir} incomplete`)
  return built
}

/** The folder that the programs of one recipe are kept in. */
export function cacheDir(key = recipeKey): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return join(cache, 'k8s-harden', 'test-cluster', key)
}

function inCache(): Binaries | undefined {
  const bin = join(cacheDir(), 'bin')
  const stages = join(cacheDir(), 'stages')
  const wanted = [...builds.map(({ program }) => join(bin, program)), ...stageFiles.files.map((file) => join(stages, basename(file)))]
  const programs = programsIn(bin)
  return programs && wanted.every((path) => existsSync(path)) ? { ...programs, stages } : undefined
}

function fromAssets(): Binaries | undefined {
  const assets = process.env['KUBEBUILDER_ASSETS']
  return assets ? programsIn(assets) : undefined
}

function programsIn(dir: string): Binaries | undefined {
  const find = (program: Program) => [join(dir, program)].find((path) => existsSync(path))
  const apiServer = find('kube-apiserver')
  const etcd = find('etcd')
  if (!apiServer || !etcd) return undefined
  return {
    apiServer,
    etcd,
    kubectl: find('kubectl'),
    controllerManager: find('kube-controller-manager'),
    scheduler: find('kube-scheduler'),
    kwok: find('kwok'),
  }
}
