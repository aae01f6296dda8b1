/** A text as it may be shown: without the values of Secrets and without encryption keys, line for line what it was. */
import { eventsOf, valuesOf } from './yaml-dialect.ts'
import { isFields } from './yaml-diff.ts'
import { documentsIn } from './yaml-documents.ts'
import { pairOf, resolved, treeOf, type YamlNode } from './yaml-tree.ts'

const HIDDEN = '‹hidden›'
const MAY_HOLD_SECRETS = /Secret|EncryptionConfiguration/
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

export function redact(text: string): string {
  if (!MAY_HOLD_SECRETS.test(text)) return text
  let shown = ''
  let end = 0
  for (const span of documentsIn(text)) {
    shown += text.slice(end, span.start) + redactDocument(text.slice(span.start, span.end))
    end = span.end
  }
  return shown + text.slice(end)
}

function redactDocument(text: string): string {
  if (!MAY_HOLD_SECRETS.test(text)) return text
  try {
    const events = eventsOf(text)
    const [value] = valuesOf(text, events)
    const root = treeOf(text, events)
    if (root === undefined || !isFields(value)) return text
    const secrets = [...new Set([...secretNodes(root, value)].filter((node) => node.start >= 0))].sort((a, b) => b.start - a.start)
    return secrets.reduce(
      (shown, node) => shown.slice(0, node.start) + hide(shown.slice(node.start, node.end)) + shown.slice(node.end),
      text,
    )
  } catch {
    // What cannot be read might be anything.
    return hide(text)
  }
}

/** Keeps the lines, so that a difference stays in its place. */
const hide = (text: string): string => text.replace(/[^\r\n]+/g, HIDDEN)

function* secretNodes(node: YamlNode, value: Readonly<Record<string, unknown>>): Generator<YamlNode> {
  const map = resolved(node)
  if (map?.is !== 'map') return
  if (Array.isArray(value.items)) {
    const items = resolved(pairOf(map, 'items')?.value)
    if (items?.is === 'list')
      for (const [index, item] of items.items.entries())
        if (isFields(value.items[index])) yield* secretNodes(item, { kind: String(value.kind).replace(/List$/, ''), ...value.items[index] })
  }
  if (value.kind === 'Secret') {
    for (const key of ['data', 'stringData']) yield* leaves(pairOf(map, key)?.value)
    const annotations = child(child(map, 'metadata'), 'annotations')
    yield* leaves(child(annotations, LAST_APPLIED))
  }
  if (value.kind === 'EncryptionConfiguration') yield* keysIn(map)
}

const child = (node: YamlNode | undefined, key: string): YamlNode | undefined => {
  const map = resolved(node)
  return map?.is === 'map' ? pairOf(map, key)?.value : undefined
}

function* leaves(node: YamlNode | undefined): Generator<YamlNode> {
  const here = resolved(node)
  if (here?.is === 'scalar') yield here
  if (here?.is === 'list') for (const item of here.items) yield* leaves(item)
  if (here?.is === 'map') for (const { value } of here.pairs) yield* leaves(value)
}

function* keysIn(node: YamlNode): Generator<YamlNode> {
  const here = resolved(node)
  if (here?.is === 'list') for (const item of here.items) yield* keysIn(item)
  if (here?.is !== 'map') return
  for (const { key, value } of here.pairs) {
    if (key.is === 'scalar' && key.text === 'secret') yield* leaves(value)
    else yield* keysIn(value)
  }
}
