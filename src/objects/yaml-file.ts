/**
 * A file as a component of Kubernetes reads it that is told its path (kubelet, kube-apiserver; apimachinery's serializers): its first document
 * alone, as JSON where it begins with a brace, else as YAML of kubectl's dialect.
 */
import { eventsOf, KUBERNETES_YAML, refuseBomb, valuesOf, YamlProblem } from './yaml-dialect.ts'
import { documentsIn } from './yaml-documents.ts'
import { type MapNode, mergedInto, resolved, type ScalarNode, treeOf, type YamlNode } from './yaml-tree.ts'

type Fields = Readonly<Record<string, unknown>>

/** Null where its first document is empty. Throws YamlProblem where the component could not read it either. */
export function fileValue(text: string): unknown {
  const document = firstDocument(text)
  return isJson(document) ? jsonValue(document) : yamlOf(document)
}

/** The mapping in a file; undefined where there is none, or nobody can read it. */
export function fieldsIn(text: string | undefined): Fields | undefined {
  if (text === undefined) return undefined
  try {
    const value = fileValue(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : undefined
  } catch (error) {
    if (error instanceof YamlProblem) return undefined
    throw error
  }
}

/** A key that some mapping has twice, merged ones included: strict decoders refuse the file for it. Throws YamlProblem. */
export function repeatedKey(text: string): string | undefined {
  // What is too large to be read is too large to be looked through.
  fileValue(text)
  for (const map of nodesIn(treeOf(firstDocument(text)))) {
    if (map.is !== 'map') continue
    const own = new Set<string>()
    for (const key of keysOf(map)) {
      if (own.has(key)) return key
      own.add(key)
    }
  }
  return undefined
}

/** Its lines as far as the component reads them: what stands behind a second `---` is nothing to it. */
export function asRead(text: string): string {
  if (isJson(text)) return text
  const [first] = documentsIn(text)
  return first === undefined ? '' : text.slice(0, first.end)
}

function firstDocument(text: string): string {
  if (isJson(text)) return text
  const [first] = documentsIn(text)
  return first === undefined ? '' : text.slice(first.start, first.end)
}
/** Behind a byte order mark it is YAML all the same. */
const isJson = (text: string): boolean => /^[\s\u0085]*\{/.test(text) && !text.startsWith('\ufeff')

function jsonValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    refuseBomb(value)
    return value
  } catch (error) {
    if (error instanceof SyntaxError) throw new YamlProblem('it begins with a brace, so it is read as JSON, and is none', 0)
    throw error
  }
}

function yamlOf(document: string): unknown {
  const events = eventsOf(document)
  const values = valuesOf(document, events)
  for (const node of nodesIn(treeOf(document, events))) {
    if (node.is === 'map') refuseKeys(node)
    else if (node.is === 'scalar' && node.style === 'plain' && ENDLESS.test(node.text))
      throw new YamlProblem(`${node.text} is a number that JSON does not have`, Math.max(0, node.start))
  }
  return values[0] ?? null
}
const ENDLESS = /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/

/** A null is no key of JSON; which of two counts, `1` or `"1"`, is left to chance; of two merges our parser takes the other one. */
function refuseKeys({ pairs, start }: MapNode): void {
  const kinds = new Map<string, string>()
  for (const { key } of pairs) {
    const { name, kind } = keyOf(key)
    if (kind === 'tag:yaml.org,2002:null') throw new YamlProblem('a mapping has a key that is null', start)
    if ((kinds.get(name) ?? kind) !== kind) throw new YamlProblem(`a mapping has the key ${name} twice`, start)
    if (kind === MERGE && kinds.has(name)) throw new YamlProblem('a mapping has two merge keys (<<)', start)
    kinds.set(name, kind)
  }
}
const MERGE = 'tag:yaml.org,2002:merge'
const isMerge = (key: YamlNode): boolean => keyOf(key).kind === MERGE

function* nodesIn(node: YamlNode | undefined): Generator<MapNode | ScalarNode> {
  if (node?.is === 'list') for (const item of node.items) yield* nodesIn(item)
  if (node?.is === 'scalar' || node?.is === 'map') yield node
  if (node?.is !== 'map') return
  for (const { key, value } of node.pairs) {
    if (key.is !== 'scalar') yield* nodesIn(key)
    yield* nodesIn(value)
  }
}

/** Of the mapping itself, and of all that is merged into it. */
const keysOf = (map: MapNode): readonly string[] => [
  ...map.pairs.filter(({ key }) => !isMerge(key)).map(({ key }) => keyOf(key).name),
  ...mergedInto(map).flatMap(keysOf),
]

/** As JSON has it, and the tag of what it was. */
function keyOf(key: YamlNode): { readonly name: string; readonly kind: string } {
  const node = resolved(key)
  if (node?.is !== 'scalar') return { name: '', kind: 'collection' }
  if (node.style !== 'plain' || node.tagged) return { name: node.text, kind: 'tag:yaml.org,2002:str' }
  const { value, tag } = KUBERNETES_YAML.resolveImplicitScalarTag(node.text)
  return { name: String(value), kind: tag.tagName === 'tag:yaml.org,2002:timestamp' ? 'tag:yaml.org,2002:str' : tag.tagName }
}
