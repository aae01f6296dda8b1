/** One kustomization.yaml as written: what it is made of, and what it does to it. */
import { posix } from 'node:path'
import type { Path } from '../model/index.ts'
import { YamlProblem, yamlValue } from '../objects/yaml-dialect.ts'
import { documentsIn } from '../objects/yaml-documents.ts'
import { type Additions, additionsOf } from './kustomize-labels.ts'

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value)
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textsOf = (value: unknown): string[] => listOf(value).filter((one) => typeof one === 'string')

export interface Patch {
  /** Where it is written: a file of its own, or the kustomization. */
  readonly file: string
  readonly document: number
  /** In the kustomization: where the text of the patch is. */
  readonly inline?: Path
  /** A list: JSON Patch operations; else a strategic merge patch. */
  readonly value: unknown
  readonly target?: Fields
}
export interface Image {
  readonly name: string
  readonly newName?: string
  readonly newTag?: string
  readonly digest?: string
}
export interface Kustomization {
  readonly file: string
  readonly directory: string
  readonly isComponent: boolean
  /** Files and directories, relative to the scanned directory. */
  readonly resources: readonly string[]
  readonly components: readonly string[]
  readonly patches: readonly Patch[]
  readonly namespace?: string
  readonly images: readonly Image[]
  readonly labels: readonly Additions[]
  readonly annotations?: Fields
  /** It gives what it builds other names. */
  readonly renames: boolean
}
export interface Complaint {
  readonly file: string
  readonly line: number
  readonly message: string
}

export const isKustomization = (file: string): boolean => /(?:^|\/)(?:kustomization\.ya?ml|Kustomization)$/.test(file)
/** What it does that is not reckoned here. */
const NOT_DONE = ['replacements', 'vars', 'transformers', 'generators', 'helmCharts', 'helmChartInflationGenerator']
/** What makes objects out of other files: of these nothing is judged. */
const MADE = ['configMapGenerator', 'secretGenerator']
const isRemote = (entry: string): boolean =>
  /^[\w+.-]+:\/\/|^git@|^(?:www\.)?(?:github|gitlab|bitbucket)\.(?:com|org)\/|\?ref=|\.git(?:\/|\?|$)/.test(entry)

/** Undefined where it is no YAML; `textOf` gives the text of a scanned file, undefined where there is none. */
export function readKustomization(
  file: string,
  text: string,
  textOf: (file: string) => string | undefined,
  complaints: Complaint[],
): Kustomization | undefined {
  let value: unknown
  try {
    value = yamlValue(text)
  } catch {
    // The parser of manifests says what is wrong with it.
    return undefined
  }
  if (!isFields(value)) return undefined
  const directory = posix.dirname(file) === '.' ? '' : posix.dirname(file)
  const where = directory === '' ? '.' : directory
  const complain = (words: string, message: string): void => {
    const at = text.indexOf(words)
    complaints.push({ file, line: at < 0 ? 1 : text.slice(0, at).split('\n').length, message })
  }
  const built = `for what is really built: kubectl kustomize ${where} | k8s-harden scan --manifests -`
  for (const field of NOT_DONE) if (value[field] !== undefined) complain(`${field}:`, `${field} are not reckoned here; ${built}`)
  for (const field of MADE) if (value[field] !== undefined) complain(`${field}:`, `what ${field} makes is not judged; ${built}`)
  const affixes = ['namePrefix', 'nameSuffix'].filter((field) => typeof value[field] === 'string' && value[field] !== '')
  for (const field of affixes)
    complain(`${field}:`, `names are told as the files have them, without the ${field} ${JSON.stringify(value[field])}; ${built}`)
  const placed = (entries: readonly string[]): string[] =>
    entries.flatMap((entry) => {
      if (isRemote(entry)) complain(entry, `${entry} is not here, so what it brings is not judged; ${built}`)
      else {
        const path = posix.join(directory, entry)
        if (!path.startsWith('..') && !posix.isAbsolute(entry)) return [path.replace(/\/$/, '')]
        complain(entry, `${entry} is outside of what is scanned: scan the directory that holds both`)
      }
      return []
    })
  const patches = patchesOf(value, (entry) => placed([entry])[0], file, textOf, complain, complaints)
  return {
    file,
    directory,
    isComponent: value.kind === 'Component',
    resources: placed([...textsOf(value.resources), ...textsOf(value.bases)]),
    components: placed(textsOf(value.components)),
    patches,
    ...(typeof value.namespace === 'string' && value.namespace !== '' && { namespace: value.namespace }),
    images: listOf(value.images).filter(isFields).flatMap(imageOf),
    labels: additionsOf(value),
    ...(isFields(value.commonAnnotations) && { annotations: value.commonAnnotations }),
    renames: affixes.length > 0,
  }
}

function imageOf({ name, newName, newTag, digest }: Fields): Image[] {
  if (typeof name !== 'string') return []
  const text = (key: string, value: unknown) =>
    (typeof value === 'string' && value !== '') || typeof value === 'number' ? { [key]: String(value) } : {}
  return [{ name, ...text('newName', newName), ...text('newTag', newTag), ...text('digest', digest) }]
}

function patchesOf(
  value: Fields,
  placed: (entry: string) => string | undefined,
  file: string,
  textOf: (file: string) => string | undefined,
  complain: (words: string, message: string) => void,
  complaints: Complaint[],
): Patch[] {
  const written = (text: string, where: { readonly file: string; readonly inline?: Path }, target: unknown): Patch[] => {
    try {
      return [...documentsIn(text)]
        .filter(({ blank }) => !blank)
        .map(({ index, start, end }) => ({
          ...where,
          document: index,
          value: yamlValue(text.slice(start, end)),
          ...(isFields(target) && { target }),
        }))
    } catch (error) {
      if (!(error instanceof YamlProblem)) throw error
      if (where.inline !== undefined) complain(text.split('\n', 1)[0]!, `a patch in it is no valid YAML: ${error.message}`)
      else
        complaints.push({
          file: where.file,
          line: text.slice(0, error.offset).split('\n').length,
          message: `no valid YAML: ${error.message}`,
        })
      return []
    }
  }
  const fromFile = (entry: string, target?: unknown): Patch[] => {
    const path = placed(entry)
    if (path === undefined) return []
    const text = textOf(path)
    if (text === undefined) complain(entry, `the patch ${entry} is not there`)
    return written(text ?? '', { file: path }, target)
  }
  const inline = (text: string, at: Path, target?: unknown): Patch[] => written(text, { file, inline: at }, target)
  return [
    ...textsOf(value.patchesStrategicMerge).flatMap((entry, index) =>
      /[\n:]/.test(entry) ? inline(entry, ['patchesStrategicMerge', index]) : fromFile(entry),
    ),
    ...['patches', 'patchesJson6902'].flatMap((key) =>
      listOf(value[key]).flatMap((one, index) => {
        const { path, patch, target } = isFields(one) ? one : {}
        if (typeof path === 'string') return fromFile(path, target)
        return typeof patch === 'string' ? inline(patch, [key, index, 'patch'], target) : []
      }),
    ),
  ]
}
