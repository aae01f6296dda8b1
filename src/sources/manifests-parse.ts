/** From the text of one file to the objects in it. Anything that is not understood becomes a problem with its line; the rest goes on. */
import type { Event } from 'js-yaml'
import type { Facts, HelmTemplate, Kind, KubeObject } from '../model/index.ts'
import { isGatekeepers, reduceGatekeepers } from '../objects/gatekeeper-constraint.ts'
import { chartsOf, templateOf } from '../objects/helm.ts'
import { isKubeconfig } from '../objects/kubeconfig-user.ts'
import { type FilePosition, rememberPosition } from '../objects/ref.ts'
import { isKind, kindFor, served } from '../objects/served.ts'
import { eventsOf, refuseBomb, valuesOf, YamlProblem } from '../objects/yaml-dialect.ts'
import { countLines, type DocumentSpan, documentsIn } from '../objects/yaml-documents.ts'
import { repeatedKey } from '../objects/yaml-file.ts'
import { offsetAt, treeOf, type YamlNode } from '../objects/yaml-tree.ts'
import type { Variant } from './kustomize.ts'
import { reduce } from './manifests-reduce.ts'
import { fitToShape, ShapeProblem } from './manifests-shape.ts'

export interface FoundObject {
  readonly kind: Kind
  readonly object: KubeObject
  readonly position: FilePosition
}
export interface ParsedFile {
  readonly objects: readonly FoundObject[]
  readonly problems: readonly Problem[]
  /** Of objects whose kinds the cluster's own templates make, so that none of ours stands for them. */
  readonly gatekeeper: readonly Facts['GatekeeperConstraints'][]
}
export interface Problem {
  /** 0-based, as objects count them. */
  readonly document: number
  readonly line: number
  readonly message: string
}

const MAX_DOCUMENT = 10 * 1024 * 1024
const MAX_DOCUMENTS = 100_000
/** Without this no object can be in the text, so that values files and the like need no parsing and cannot be malformed manifests. */
const MENTIONS_KIND = /\bkind["']?\s*:/
const UNRENDERED = 'an unrendered template, not scanned: render it first (helm template … | k8s-harden scan --manifests -)'
const TEMPLATE = /\{\{-?\s*(?:[.$\w]|\/\*)/

/** What stands around a file and makes a difference to what is in it. */
export interface Surroundings {
  /** The forms that kustomizations give an object. */
  variantsOf(file: string, value: Readonly<Record<string, unknown>>): readonly Variant[]
  /** The values of a chart, by its name. */
  valuesOf(chart: string): { readonly values: string; readonly keys: readonly string[] } | undefined
}
const ALONE: Surroundings = { variantsOf: (_file, value) => [{ value }], valuesOf: () => undefined }

interface Document {
  readonly around: Surroundings
  readonly helm?: HelmTemplate
  readonly file: string
  readonly text: string
  readonly span: DocumentSpan
  readonly events?: Event[]
  readonly problems: Problem[]
  readonly objects: FoundObject[]
  readonly gatekeeper: Facts['GatekeeperConstraints'][]
}
type Fields = Record<string, unknown>

export function parseFile(file: string, text: string, around: Surroundings = ALONE): ParsedFile {
  const objects: FoundObject[] = []
  const problems: Problem[] = []
  const gatekeeper: Facts['GatekeeperConstraints'][] = []
  for (const span of documentsIn(text)) {
    if (span.index >= MAX_DOCUMENTS) {
      problems.push({ document: span.index, line: span.line, message: `more than ${MAX_DOCUMENTS} documents: the rest was not read` })
      break
    }
    if (span.blank) continue
    if (span.end - span.start > MAX_DOCUMENT)
      problems.push({
        document: span.index,
        line: span.line,
        message: `a document larger than ${MAX_DOCUMENT / 1024 / 1024} MiB was not read`,
      })
    else {
      const document = text.slice(span.start, span.end)
      const helm = helmOf(document, around)
      parseDocument({ file, around, ...(helm !== undefined && { helm }), text: document, span, problems, objects, gatekeeper })
    }
  }
  return { objects, problems, gatekeeper }
}

function helmOf(document: string, { valuesOf }: Surroundings): HelmTemplate | undefined {
  const template = templateOf(document)
  return template === undefined ? undefined : { template, ...valuesOf(chartsOf(template)[0]!) }
}

function parseDocument(document: Document): void {
  if (!MENTIONS_KIND.test(document.text)) return
  try {
    const json = asJson(document.text)
    if (json !== undefined) {
      refuseRepeated(document, json)
      takeValue(document, json)
      return
    }
    const events = eventsOf(document.text)
    const [value, ...rest] = valuesOf(document.text, events)
    if (rest.length > 0)
      complain(document, document.span.line, 'what follows the end-of-document mark `...` is ignored by Kubernetes and was not read')
    refuseRepeated(document, value)
    takeValue({ ...document, events }, value)
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error
    const template = TEMPLATE.exec(document.text)
    if (template !== null) complain(document, lineOf(document, template.index), UNRENDERED)
    else complain(document, lineOf(document, error.offset), `no valid YAML: ${error.message}`)
  }
}

/** Files that the API server decodes strictly: with a key that stands twice it does not start, and one that runs keeps what it had. */
const STRICT: ReadonlySet<unknown> = new Set(['EncryptionConfiguration', 'AuthenticationConfiguration', 'AuthorizationConfiguration'])

function refuseRepeated(document: Document, value: unknown): void {
  if (!isFields(value) || !STRICT.has(value.kind)) return
  const repeated = repeatedKey(document.text)
  if (repeated !== undefined)
    complain(document, document.span.line, `a ${value.kind} with the key ${repeated} twice: the API server refuses it`)
}

/** JSON is read as JSON: it is faster, and keys of any length are allowed there. */
function asJson(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    refuseBomb(value)
    return value
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function takeValue(document: Document, value: unknown): void {
  if (!isFields(value) || typeof value.kind !== 'string') return
  if (typeof value.apiVersion !== 'string') {
    if (isKind(value.kind)) complain(document, lineOf(document, startOf(document)), `a ${value.kind} without apiVersion was not read`)
    return
  }
  if (!value.kind.endsWith('List') || !Array.isArray(value.items)) {
    takeObject(document, value, undefined)
    return
  }
  const itemKind = value.kind === 'List' ? undefined : value.kind.slice(0, -'List'.length)
  const root = document.events === undefined ? undefined : treeOf(document.text, document.events)
  for (const [item, one] of value.items.entries()) {
    // Items of a typed list, as the API server sends it, do not say their kind.
    if (!isFields(one)) continue
    const object: Fields = { ...(itemKind !== undefined && { apiVersion: value.apiVersion, kind: itemKind }), ...one }
    const unread =
      typeof object.kind === 'string' && (object.kind === 'List' || (isKind(object.kind) && typeof object.apiVersion !== 'string'))
    if (unread)
      complain(
        document,
        lineOf(document, root === undefined ? 0 : offsetAt(root, ['items', item])),
        object.kind === 'List'
          ? 'a List inside a List was not read: kubectl does not take it either'
          : `a ${object.kind} without apiVersion was not read`,
      )
    else takeObject(document, object, item, root)
  }
}

function takeObject(document: Document, value: Fields, item: number | undefined, root?: YamlNode): void {
  const kind = typeof value.apiVersion === 'string' && typeof value.kind === 'string' ? kindFor(value.apiVersion, value.kind) : undefined
  if (kind === undefined) {
    if (typeof value.apiVersion === 'string' && isGatekeepers(value.apiVersion))
      for (const { value: form } of document.around.variantsOf(document.file, value)) document.gatekeeper.push(reduceGatekeepers(form))
    return
  }
  if (kind === 'Kubeconfig' && !isKubeconfig(value)) return
  const offset = item === undefined ? startOf(document) : root === undefined ? 0 : offsetAt(root, ['items', item])
  const line = lineOf(document, offset)
  for (const { value: form, build, problem } of document.around.variantsOf(document.file, value)) {
    if (problem !== undefined) complain(document, line, problem)
    try {
      fitToShape(kind, form)
      const object = named(document, kind, reduce(kind, form as unknown as KubeObject), line)
      if (object === undefined) return
      const place = { file: document.file, document: document.span.index, line }
      const position: FilePosition = {
        ...place,
        ...(item !== undefined && { item }),
        ...(build !== undefined && { build }),
        ...(document.helm !== undefined && { helm: document.helm }),
      }
      rememberPosition(object, position)
      document.objects.push({ kind, object, position })
    } catch (error) {
      if (!(error instanceof ShapeProblem)) throw error
      const tree = root ?? treeOf(document.text)
      const offset = offsetAt(tree, item === undefined ? error.path : ['items', item, ...error.path])
      complain(document, lineOf(document, offset), `${kind}: ${error.message}`)
    }
  }
}

/** Files of the control plane and the nodes have no name of their own; what belongs to a namespace and names none is in `default`. */
function named(document: Document, kind: Kind, object: KubeObject, line: number): KubeObject | undefined {
  const { standing, namespaced } = served(kind)
  const metadata = (object.metadata ?? {}) as { name?: string; namespace?: string; generateName?: string }
  const name =
    metadata.name || (metadata.generateName ?? (standing === 'file' ? document.file.slice(document.file.lastIndexOf('/') + 1) : ''))
  if (name === '') {
    complain(document, line, `a ${kind} without metadata.name was not read`)
    return undefined
  }
  // Quoted, a template is valid YAML too.
  if (`${name}${metadata.namespace ?? ''}`.includes('{{')) {
    complain(document, line, UNRENDERED)
    return undefined
  }
  const { namespace, ...others } = metadata
  return { ...object, metadata: { ...others, name, ...(namespaced && { namespace: namespace || 'default' }) } }
}

function complain({ span, problems }: Document, line: number, message: string): void {
  problems.push({ document: span.index, line, message })
}

function startOf(document: Document): number {
  const first = document.events?.[1]
  if (first !== undefined && 'start' in first) return first.start
  return Math.max(0, document.text.search(/[^\s]/))
}
const lineOf = (document: Document, offset: number): number => document.span.line + countLines(document.text, 0, offset)
const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value)
