import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { execa, execaSync } from 'execa'
import { type Build, type BuildModule, builds, goEnv, stageFiles } from './recipe.ts'

export type Report = (line: string) => void

/** True when this machine can build. */
export function goIsThere(): boolean {
  return !execaSync('go', ['version'], { reject: false }).failed
}

/** Builds the control plane's programs that are not in `dir` yet; each file appears there complete or not at all. */
export async function buildAll(dir: string, report: Report): Promise<void> {
  await mkdir(join(dir, 'stages'), { recursive: true })
  await buildPrograms(dir, builds, report)
  await inWorkFolder(dir, (work) => copyStages(dir, work))
}

/** Builds those of the programs that are not in `dir/bin` yet. */
export async function buildPrograms(dir: string, wanted: readonly Build[], report: Report): Promise<void> {
  await mkdir(join(dir, 'bin'), { recursive: true })
  await inWorkFolder(dir, async (work) => {
    for (const build of wanted) await buildOne(build, dir, work, report)
  })
}

async function inWorkFolder(dir: string, task: (work: string) => Promise<void>): Promise<void> {
  const work = await mkdtemp(join(dir, 'building-'))
  try {
    await task(work)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function buildOne(build: Build, dir: string, work: string, report: Report): Promise<void> {
  const target = join(dir, 'bin', build.program)
  if (existsSync(target)) return report(`${build.program}: already built`)
  report(`${build.program}: building ${build.module.requires.join('@')}`)
  const started = Date.now()
  const cwd = await prepareModule(build.module, work)
  // Not just the program's name: that may be the module's folder.
  const output = join(work, `${build.program}.built`)
  const tags = build.tags ? ['-tags', build.tags] : []
  const env = { ...goEnv, CGO_ENABLED: build.cgo ? '1' : goEnv.CGO_ENABLED }
  await execa('go', ['build', '-trimpath', ...tags, '-ldflags', build.ldflags, '-o', output, build.package], { cwd, env })
  await rename(output, target)
  report(`${build.program}: built in ${Math.round((Date.now() - started) / 1000)} s`)
}

/** Writes the small module that pulls in the published one, once per run. */
async function prepareModule(module: BuildModule, work: string): Promise<string> {
  const cwd = join(work, module.name)
  if (existsSync(join(cwd, 'go.mod'))) return cwd
  await mkdir(cwd, { recursive: true })
  const { GoMod } = await download(module)
  const required = [module.requires, ...(module.also ?? [])].map((one) => `require ${one.join(' ')}`)
  const lines = [`module k8s-harden.test/${module.name}`, '', 'go 1.26', '', ...required]
  if (module.placeholderVersion) {
    for (const path of placeholders(await readFile(GoMod, 'utf8'))) {
      lines.push(`replace ${path} => ${path} ${module.placeholderVersion}`)
    }
  }
  if (module.main) await writeFile(join(cwd, 'main.go'), module.main)
  await writeFile(join(cwd, 'go.mod'), `${lines.join('\n')}\n`)
  return cwd
}

/** The requirements that only a `replace` in the module's own repository gives a real version. */
function placeholders(goMod: string): string[] {
  return [...goMod.matchAll(/^\s*(\S+) v0\.0\.0$/gm)].map((match) => match[1] as string)
}

async function download(module: BuildModule): Promise<{ GoMod: string; Dir: string }> {
  const { stdout } = await execa('go', ['mod', 'download', '-json', module.requires.join('@')], { env: goEnv })
  return JSON.parse(stdout)
}

async function copyStages(dir: string, work: string): Promise<void> {
  const { Dir } = await download(stageFiles.module)
  for (const file of stageFiles.files) {
    const copy = join(work, basename(file))
    await copyFile(join(Dir, file), copy)
    // The module cache is read-only, and its copies must be removable.
    await chmod(copy, 0o644)
    await rename(copy, join(dir, 'stages', basename(file)))
  }
}
