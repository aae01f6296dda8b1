/** A plan as a directory of files for a pull request: patches, new objects, files for nodes, and a README in the order to take them. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Finding, FindingId, Plan, Step } from '../model/index.ts'
import { printable } from '../objects/display.ts'
import { documentText } from '../objects/yaml-layout.ts'
import { fillKeys } from '../plan/file-text.ts'
import { type PatchMeta, readmeOf } from './patch-readme.ts'
import { filesOfStep, folderOf, type StepFile, type StepFiles } from './patch-step.ts'

export type { PatchMeta }

/** The output directory cannot be used; an error of usage. */
export class OutputProblem extends Error {
  override readonly name = 'UsageError'
  readonly tryNext: readonly string[] = ['choose an empty directory with --out', 'move what is in it away']
}

/** Names a directory as ours and lists what is in it. */
const MARKER = '.k8s-harden.json'
const SCHEMA = 'k8s-harden/patches/v1'

/**
 * Writes the plan to `directory` and returns the names of the files, README.md first. Refuses a directory that holds anything
 * but an earlier output; of that, exactly the files we wrote are replaced. Touches nothing else.
 */
export async function writePatchFiles(
  plan: Plan,
  findings: ReadonlyMap<FindingId, Finding>,
  directory: string,
  meta: PatchMeta,
): Promise<readonly string[]> {
  const steps = plan.steps.map((step, index) => filesOfStep(step, findings, index + 1))
  const files: StepFile[] = [
    { name: 'README.md', text: readmeOf(plan, findings, steps, meta), mode: 0o644, secretKeys: 0 },
    ...kustomizations(steps),
    ...steps.flatMap((step) => step.files),
  ]
  const names = files.map(({ name }) => name)
  const double = names.find((name, index) => names.indexOf(name) !== index)
  if (double !== undefined) throw new Error(`two steps write ${double}`)
  const root = await openDirectory(directory)
  await writeInside(root, {
    name: MARKER,
    text: `${JSON.stringify({ schema: SCHEMA, files: names }, null, 2)}\n`,
    mode: 0o644,
    secretKeys: 0,
  })
  const drawn = new Map<string, readonly string[]>()
  for (const file of files) await writeInside(root, file, drawn)
  return names
}

/** The files of one step, for an object that somebody else owns. */
export const patchFilesOf = (step: Step): readonly { readonly name: string; readonly text: string }[] =>
  filesOfStep({ ...step, changes: step.changes.filter(({ type }) => type !== 'file' && type !== 'command') }, new Map()).files.map(
    ({ name, text }) => ({ name, text }),
  )

/** A component: it has no objects of its own to patch, so a kustomization that has them includes it. */
function kustomizations(steps: readonly StepFiles[]): StepFile[] {
  const resources = steps.flatMap((step) => step.resources)
  const perBuild = Map.groupBy(
    steps.flatMap((step) => step.patches),
    ({ build }) => build,
  )
  const general = perBuild.get(undefined) ?? []
  perBuild.delete(undefined)
  return [
    ...component('', general, resources, 'a kustomization that has the objects', 'path/to/this/directory'),
    ...[...perBuild].flatMap(([build, patches]) => {
      const folder = folderOf(build!)
      return component(`${folder}/`, patches, [], `the kustomization in ${printable(build!)}`, `path/to/${folder}`)
    }),
  ]
}

function component(folder: string, entries: StepFiles['patches'], resources: readonly string[], where: string, path: string): StepFile[] {
  const patches = entries.map(({ path, target }) => ({ path: path.slice(folder.length), ...(target !== undefined && { target }) }))
  if (patches.length === 0 && resources.length === 0) return []
  const written = {
    apiVersion: 'kustomize.config.k8s.io/v1alpha1',
    kind: 'Component',
    ...(resources.length > 0 && { resources }),
    ...(patches.length > 0 && { patches }),
  }
  const words = `# Include this in ${where}:\n#   components: [${path}]\n# What that kustomization's own patches set wins: where they set the same, change them instead.\n# A patch whose object is not there is passed over: compare what is built with and without it.\n`
  return [{ name: `${folder}kustomization.yaml`, text: words + documentText(written), mode: 0o644, secretKeys: 0 }]
}

async function openDirectory(directory: string): Promise<string> {
  const path = resolve(directory)
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw new OutputProblem(`${directory} is no directory that can be written (${(error as NodeJS.ErrnoException).code})`)
  }
  const root = await realpath(path)
  const entries = await readdir(root)
  if (entries.length > 0) await clear(root, directory, entries)
  return root
}

async function clear(root: string, directory: string, entries: readonly string[]): Promise<void> {
  const files = entries.includes(MARKER) ? await listed(join(root, MARKER)) : undefined
  if (files === undefined) throw new OutputProblem(`${directory} is not empty and was not made by k8s-harden generate`)
  for (const name of files) {
    const path = inside(root, name)
    if (
      (await parentIsOurs(root, path)) &&
      (await lstat(path).then(
        (info) => info.isFile(),
        () => false,
      ))
    )
      await rm(path)
  }
  await rm(join(root, MARKER))
}

async function listed(marker: string): Promise<readonly string[] | undefined> {
  try {
    const { schema, files } = JSON.parse(await readFile(marker, 'utf8')) as { readonly schema?: unknown; readonly files?: unknown }
    return schema === SCHEMA && Array.isArray(files) && files.every((name) => typeof name === 'string') ? files : undefined
  } catch {
    return undefined
  }
}

function inside(root: string, name: string): string {
  const path = resolve(root, name)
  const way = relative(root, path)
  if (way === '' || way === '..' || way.startsWith(`..${sep}`) || resolve(root, way) !== path || /[\x00-\x1f\x7f]/.test(name))
    throw new OutputProblem(`${JSON.stringify(name)} is not a name inside the output directory`)
  return path
}

/** A link below the directory must not lead out of it. */
async function parentIsOurs(root: string, path: string): Promise<boolean> {
  const parent = await realpath(dirname(path)).catch(() => undefined)
  return parent !== undefined && (parent === root || parent.startsWith(`${root}${sep}`))
}

async function writeInside(
  root: string,
  { name, text, mode, secretKeys, keysOf }: StepFile,
  drawn = new Map<string, readonly string[]>(),
): Promise<void> {
  const path = inside(root, name)
  await mkdir(dirname(path), { recursive: true })
  if (!(await parentIsOurs(root, path))) throw new OutputProblem(`${name} would lead out of the output directory`)
  const keys = drawn.get(keysOf ?? '') ?? Array.from({ length: secretKeys }, () => randomBytes(32).toString('base64'))
  drawn.set(name, keys)
  const handle = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW, mode).catch(
    (error: NodeJS.ErrnoException) => {
      throw new OutputProblem(`${name} cannot be written (${error.code})`)
    },
  )
  try {
    await handle.writeFile(secretKeys > 0 ? fillKeys(text, (n) => keys[n - 1] ?? '') : text)
    await handle.chmod(mode)
  } finally {
    await handle.close()
  }
}
