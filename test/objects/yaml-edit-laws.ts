/** What must be true of any edit of any file. */
import { diffArrays } from 'diff'
import { CORE_SCHEMA, loadAll, mergeTag } from 'js-yaml'
import { type Document, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml'
import type { Edit, Json, Path } from '../../src/model/index.ts'
import { applyEdits, resolveNames, valueAt } from '../../src/objects/path.ts'
import { valuesOf } from '../../src/objects/yaml-dialect.ts'
import { documentsIn } from '../../src/objects/yaml-documents.ts'
import { editYaml, YamlEditRefused } from '../../src/objects/yaml-edit.ts'
import type { Data, HumanFile, Random } from './yaml-as-written.ts'

type Reader = (text: string) => unknown[]
const SCHEMA = CORE_SCHEMA.withTags([mergeTag])
/** Three readers that know nothing of each other. */
const readers: Readonly<Record<string, Reader>> = {
  ours: (text) => [...documentsIn(text)].map(({ start, end }) => valuesOf(text.slice(start, end))[0] ?? null),
  'js-yaml': (text) => loadAll(text, { schema: SCHEMA }),
  yaml: (text) =>
    parseAllDocuments(text, { merge: true, version: '1.1', uniqueKeys: false, logLevel: 'silent' }).map((document: Document) => {
      if (document.errors.length > 0) throw document.errors[0]!
      return document.toJS({ maxAliasCount: -1 }) as unknown
    }),
}

/** Edits as remedies make them. */
export function remedyEdits(random: Random, { at, value }: HumanFile['workloads'][number]): Edit[] {
  const spec = valueAt(value, at) as { containers: { name: string; args?: Data[] }[]; volumes?: { name: string }[] }
  const { name } = spec.containers[random(spec.containers.length)]!
  const container: Path = [...at, 'containers', { name }]
  const context: Path = [...container, 'securityContext']
  const list = (path: Path): Json[] => (valueAt(value, path) as Json[] | null | undefined) ?? []
  const set = (path: Path, to: Json): Edit => ({ set: path, to })
  const makers: (() => Edit[])[] = [
    () => [set([...context, 'privileged'], false)],
    () => [set([...context, 'allowPrivilegeEscalation'], false), set([...context, 'capabilities', 'drop'], ['ALL'])],
    () => [set([...context, 'capabilities', 'add'], ['NET_BIND_SERVICE'])],
    () => [set([...context, 'capabilities', 'add'], list([...context, 'capabilities', 'add']).slice(1))],
    () => [{ unset: [...context, 'capabilities', 'add'] }],
    () => [{ unset: [...context, 'privileged'] }],
    () => [set([...at, 'securityContext', 'seccompProfile'], { type: 'RuntimeDefault' })],
    () => [set([...at, 'securityContext', 'runAsNonRoot'], true)],
    () => [set([...at, 'automountServiceAccountToken'], false)],
    () => [{ unset: [...at, 'hostNetwork'] }],
    () => [
      set([...at, 'volumes'], [...list([...at, 'volumes']), { name: 'scratch', emptyDir: {} }]),
      set([...container, 'volumeMounts'], [...list([...container, 'volumeMounts']), { name: 'scratch', mountPath: '/scratch' }]),
    ],
    () => [set([...at, 'volumes'], list([...at, 'volumes']).slice(1))],
    () => [set([...container, 'env'], list([...container, 'env']).slice(0, -1))],
    () => [
      set([...container, 'env'], [{ name: 'FIRST', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }, ...list([...container, 'env'])]),
    ],
    () => [set([...container, 'args'], [...list([...container, 'args']), '--secure=true'])],
    () => [set([...container, 'args'], list([...container, 'args']).toSpliced(0, 1, '--new'))],
    () => [set([...container, 'image'], `registry.local/app@sha256:${'0'.repeat(64)}`)],
    () => [set([...container, 'resources', 'limits', 'memory'], '128Mi')],
    () => [set(['metadata', 'labels', 'pod-security.kubernetes.io/enforce'], 'restricted')],
    () => [set(['metadata', 'namespace'], 'shop')],
    () => [{ unset: ['metadata', 'annotations'] }],
    () => [set([...container, 'ports'], [{ containerPort: 80 }])],
  ]
  return Array.from({ length: 1 + random(4) }, () => makers[random(makers.length)]!()).flat()
}

export type Outcome = { readonly is: 'edited'; readonly text: string } | { readonly is: 'skipped' | 'refused'; readonly why: string }

/** Throws what is broken. */
export function checkEdit(
  file: HumanFile,
  target: HumanFile['workloads'][number],
  edits: readonly Edit[],
  edit: typeof editYaml = editYaml,
): Outcome {
  const before = new Map<string, unknown[]>()
  for (const [name, read] of Object.entries(readers)) {
    try {
      before.set(name, read(file.text))
    } catch (error) {
      // It looks at indentation inside brackets, which go-yaml does not.
      if (name === 'js-yaml' && String(error).includes('deficient indentation')) continue
      return { is: 'skipped', why: `${name}: ${String(error).slice(0, 120)}` }
    }
  }
  const documents = before.get('ours')!
  const object = target.item === undefined ? documents[target.document] : valueAt(documents[target.document], ['items', target.item])
  if (JSON.stringify(sorted(object)) !== JSON.stringify(sorted(target.value))) return { is: 'skipped', why: 'read otherwise than meant' }
  let text: string
  try {
    text = edit(file.text, target.document, target.item, edits)
  } catch (error) {
    if (error instanceof YamlEditRefused) return { is: 'refused', why: error.message }
    throw error
  }
  const prefix: Path = target.item === undefined ? [] : ['items', target.item]
  const wanted = edits.map(
    (edit): Edit => ('set' in edit ? { set: [...prefix, ...edit.set], to: edit.to } : { unset: [...prefix, ...edit.unset] }),
  )
  for (const [name, values] of before) {
    const meant = values.map((one, index) => (index === target.document ? applyEdits(one, wanted) : one))
    equal(readers[name]!(text), meant, `${name} reads something else`)
  }
  checkLines(file.text, text, target.document, wanted)
  return { is: 'edited', text }
}

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : value !== null && typeof value === 'object'
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, inner]) => [key, sorted(inner)]),
        )
      : value

function equal(found: unknown, wanted: unknown, message: string): void {
  const [a, b] = [JSON.stringify(sorted(found)), JSON.stringify(sorted(wanted))]
  if (a !== b) throw new Error(`${message}:\n  ${a}\n  instead of\n  ${b}`)
}

const COMMENT = /# note \d+!/g

function checkLines(before: string, after: string, document: number, edits: readonly Edit[]): void {
  if (!before.includes('\r')) {
    if (after.includes('\r')) throw new Error('a carriage return came in')
  } else if (!/[^\r]\n/.test(before) && /(?:^|[^\r])\n/.test(after)) throw new Error('a bare line feed came in')
  if (before.endsWith('\n') !== after.endsWith('\n')) throw new Error('the end of the last line changed')
  if (before.startsWith('\ufeff') !== after.startsWith('\ufeff')) throw new Error('the byte order mark went or came')
  const allowed = linesToChange(before, document, edits)
  let line = 1
  const gone: number[] = []
  for (const part of diffArrays(before.split(/\r?\n/), after.split(/\r?\n/))) {
    if (part.removed) for (let n = 0; n < part.count!; n++) gone.push(line + n)
    if (!part.added) line += part.count!
  }
  const lines = before.split('\n')
  const stray = gone.filter(
    (n) => lines[n - 1]!.trim() !== '' && !allowed.changed.has(n) && !(allowed.shared && /[&*]/.test(lines[n - 1]!)),
  )
  if (!allowed.shared && stray.length > 0) throw new Error(`line ${stray[0]} changed without need: ${JSON.stringify(lines[stray[0]! - 1])}`)
  const left = new Set(after.match(COMMENT))
  for (const [index, text] of lines.entries())
    for (const comment of text.match(COMMENT) ?? [])
      if (!left.has(comment) && !allowed.removed.has(index + 1) && !allowed.shared)
        throw new Error(`the comment ${JSON.stringify(comment)} of line ${index + 1} is lost`)
}

/** Lines that an edit may change: those of the value it exchanges or takes away, or of the brackets or the nothing it puts something into. */
function linesToChange(text: string, document: number, edits: readonly Edit[]) {
  const parsed = parseAllDocuments(text, { merge: true, version: '1.1', uniqueKeys: false, keepSourceTokens: true })[document]!
  const value = parsed.toJS({ maxAliasCount: -1 }) as unknown
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length
  const changed = new Set<number>()
  const removed = new Set<number>()
  let shared = /[&*]a\d/.test(text)
  const add = (into: Set<number>, from: number, to: number): void => {
    for (let line = lineOf(from); line <= lineOf(Math.max(from, to - 1)); line++) into.add(line)
  }
  for (const edit of edits) {
    const path = 'set' in edit ? edit.set : edit.unset
    const way = resolveNames(value, path) ?? []
    let node: unknown = parsed.contents
    let begin = 0
    let missing = false
    let inFlow: { from: number; to: number } | undefined
    for (const step of way) {
      if (isMap(node)) {
        const pair = node.items.findLast((one) => isScalar(one.key) && String(one.key.value) === String(step))
        if (node.flow) inFlow ??= { from: begin, to: node.range![1] }
        if (pair === undefined) {
          missing = true
          if (node.items.length === 0 || node.flow) add(changed, begin, node.range![1])
          break
        }
        begin = (pair.key as { range: [number, number, number] }).range[0]
        node = pair.value
      } else if (isSeq(node)) {
        if (node.flow) inFlow ??= { from: begin, to: node.range![1] }
        const item = node.items[step as number] as { range?: [number, number, number] } | undefined
        begin = text.lastIndexOf('-', item?.range?.[0] ?? 0)
        node = item
      } else {
        missing = true
        add(changed, begin, (node as { range?: [number, number, number] } | null)?.range?.[1] ?? begin + 1)
        break
      }
    }
    if (missing) {
      if (inFlow !== undefined) add(changed, inFlow.from, inFlow.to)
      continue
    }
    const range = (node as { range?: [number, number, number] } | null)?.range
    const end = Math.max(begin + 1, range?.[1] ?? 0)
    add(changed, begin, end)
    // A last key gone leaves `{}` behind the key of its parent.
    if ('unset' in edit) {
      // Comments at its end go with it.
      for (const lines of [changed, removed]) add(lines, begin, Math.max(end, nextContent(text, end, false)))
      const parent = parentLine(parsed.contents, way)
      if (parent !== undefined) add(changed, parent, parent + 1)
      // What follows a first key behind its dash takes its place.
      if (/-\s*$/.test(text.slice(text.lastIndexOf('\n', begin) + 1, begin))) add(changed, begin, nextContent(text, end))
    }
    if (isSeq(node) && 'set' in edit) add(removed, begin, end)
    if (inFlow !== undefined) add(changed, inFlow.from, inFlow.to)
    if (range === undefined) shared = true
  }
  return { changed, removed, shared }
}

function parentLine(root: unknown, way: readonly (string | number)[]): number | undefined {
  let node = root
  let at: number | undefined
  for (const step of way.slice(0, -1)) {
    if (isMap(node)) {
      const pair = node.items.findLast((one) => isScalar(one.key) && String(one.key.value) === String(step))
      at = (pair?.key as { range?: [number, number, number] } | undefined)?.range?.[0]
      node = pair?.value
    } else if (isSeq(node)) node = node.items[step as number]
  }
  return at
}

/** Where the next line that is neither blank nor a comment ends, or begins. */
function nextContent(text: string, from: number, itsEnd = true): number {
  let at = text.indexOf('\n', from)
  while (at >= 0) {
    const line = /^[^\n]*/.exec(text.slice(at + 1))![0]
    if (line.trim() !== '' && !line.trimStart().startsWith('#')) return itsEnd ? at + 2 + line.length : at
    at = text.indexOf('\n', at + 1)
  }
  return text.length
}
