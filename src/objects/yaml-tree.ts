/** A document as positions: every node with the offsets of its text. Values come from yaml-dialect.ts. */
import { CHOMPING_MODE, EVENT_ID, type Event, getScalarValue } from 'js-yaml'
import type { Path } from '../model/index.ts'
import { eventsOf } from './yaml-dialect.ts'
import { columnOf, isAlone, lineStart, nextLine } from './yaml-lines.ts'

interface Placed {
  /** Of the value itself: behind anchor and tag. For a block scalar the first line after its header. An empty value: -1. */
  readonly start: number
  /** Behind the last character: closing quote, closing bracket; of a block scalar, before its last line break. */
  end: number
  /** Where the first of anchor and tag begins; `start` where there is neither. */
  readonly outer: number
  readonly anchor?: string
  readonly tagged: boolean
}
export interface MapNode extends Placed {
  readonly is: 'map'
  readonly flow: boolean
  readonly pairs: { readonly key: YamlNode; readonly value: YamlNode }[]
}
export interface ListNode extends Placed {
  readonly is: 'list'
  readonly flow: boolean
  readonly items: YamlNode[]
}
export interface ScalarNode extends Placed {
  readonly is: 'scalar'
  readonly style: 'plain' | 'single' | 'double' | 'block'
  readonly text: string
}
export interface AliasNode extends Placed {
  readonly is: 'alias'
  readonly of: YamlNode | undefined
}
export type YamlNode = MapNode | ListNode | ScalarNode | AliasNode

const STYLE = { 1: 'plain', 2: 'single', 3: 'double', 4: 'block', 5: 'block' } as const

/** The tree of the first document in `text`; undefined where it is empty. Throws YamlProblem. */
export function treeOf(text: string, events: readonly Event[] = eventsOf(text)): YamlNode | undefined {
  const anchors = new Map<string, YamlNode>()
  const open: { readonly node: MapNode | ListNode; key?: YamlNode }[] = []
  let root: YamlNode | undefined
  const place = (node: YamlNode): void => {
    if (node.anchor !== undefined) anchors.set(node.anchor, node)
    const top = open.at(-1)
    if (top === undefined) root = node
    else if (top.node.is === 'list') top.node.items.push(node)
    else if (top.key === undefined) top.key = node
    else {
      top.node.pairs.push({ key: top.key, value: node })
      top.key = undefined
    }
  }
  for (const event of events.slice(1)) {
    if (event.type === EVENT_ID.DOCUMENT) break
    if (event.type === EVENT_ID.POP) {
      const closed = open.pop()
      if (closed !== undefined) closed.node.end = endOf(text, closed.node)
      continue
    }
    const node = nodeOf(text, event, anchors)
    place(node)
    if (node.is === 'map' || node.is === 'list') open.push({ node })
  }
  return root
}

function nodeOf(
  text: string,
  event: Exclude<Event, { type: typeof EVENT_ID.DOCUMENT | typeof EVENT_ID.POP }>,
  anchors: ReadonlyMap<string, YamlNode>,
): YamlNode {
  if (event.type === EVENT_ID.ALIAS) {
    const start = event.anchorStart - 1
    return {
      is: 'alias',
      of: anchors.get(text.slice(event.anchorStart, event.anchorEnd)),
      start,
      outer: start,
      end: event.anchorEnd,
      tagged: false,
    }
  }
  const anchor = event.anchorStart < 0 ? undefined : text.slice(event.anchorStart, event.anchorEnd)
  const properties = [event.anchorStart < 0 ? -1 : event.anchorStart - 1, event.tagStart].filter((offset) => offset >= 0)
  const placed = (start: number, end: number) => ({
    start,
    end,
    outer: Math.min(...properties, ...(start < 0 ? [] : [start])),
    tagged: event.tagStart >= 0,
    ...(anchor !== undefined && { anchor }),
  })
  if (event.type === EVENT_ID.SCALAR) {
    const style = STYLE[event.style]
    const quote = style === 'single' || style === 'double' ? 1 : 0
    if (event.valueStart < 0) return { is: 'scalar', style, text: '', ...placed(-1, Math.max(event.anchorEnd, event.tagEnd)) }
    const end = style === 'block' ? blockEnd(text, event) : event.valueEnd + quote
    return { is: 'scalar', style, text: getScalarValue(text, event), ...placed(event.valueStart - quote, end) }
  }
  const flow = event.style === 2
  return event.type === EVENT_ID.MAPPING
    ? { is: 'map', flow, pairs: [], ...placed(event.start, event.start) }
    : { is: 'list', flow, items: [], ...placed(event.start, event.start) }
}

/** Empty lines behind a block scalar are its own only where it says so (`|+`). */
function blockEnd(text: string, event: Extract<Event, { type: typeof EVENT_ID.SCALAR }>): number {
  const written = text.slice(0, event.valueEnd)
  return (event.chomping === CHOMPING_MODE.KEEP ? written.replace(/\r?\n$/, '') : written.trimEnd()).length
}

/** A flow collection ends behind its bracket, a block collection with its last child. */
function endOf(text: string, node: MapNode | ListNode): number {
  if (!node.flow) return node.is === 'map' ? endOfPairs(text, node) : endOfItems(text, node)
  const children = node.is === 'map' ? node.pairs.flatMap(({ key, value }) => [key.end, value.end]) : node.items.map((item) => item.end)
  const bracket = node.is === 'map' ? '}' : ']'
  for (let at = Math.max(node.start + 1, ...children.slice(-2)); at < text.length; at++) {
    if (text[at] === bracket) return at + 1
    if (text[at] === '#') at = text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at)
  }
  return text.length
}

/** An empty value ends with its colon. */
function endOfPairs(text: string, map: MapNode): number {
  const last = map.pairs.at(-1)
  if (last === undefined) return map.start
  if (last.value.end >= 0) return last.value.end
  const colon = text.indexOf(':', last.key.end)
  return colon < 0 ? last.key.end : colon + 1
}

/** An empty item ends with its dash. */
function endOfItems(text: string, list: ListNode): number {
  const last = list.items.at(-1)
  if (last === undefined) return list.start
  return last.end >= 0 ? last.end : dashesOf(text, list).at(-1)! + 1
}

const dashesKnown = new WeakMap<ListNode, readonly number[]>()
/** Offsets of the dashes of a list in block style, in the text that its tree was made of. Asked for every item of a list, so found once. */
export function dashesOf(text: string, list: ListNode): readonly number[] {
  const known = dashesKnown.get(list)
  if (known !== undefined) return known
  const dashes = findDashes(text, list)
  dashesKnown.set(list, dashes)
  return dashes
}

function findDashes(text: string, list: ListNode): number[] {
  const column = columnOf(text, list.start)
  const dashes: number[] = []
  let at = list.start
  for (const item of list.items) {
    if (dashes.length > 0) {
      at = nextLine(text, at)
      while (at < text.length && !(text[at + column] === '-' && isAlone(text, at + column) && lineStart(text, at + column) === at))
        at = nextLine(text, at)
      at += column
    }
    dashes.push(at)
    at = Math.max(at + 1, item.end)
  }
  return dashes
}
/** The node behind an alias. */
export const resolved = (node: YamlNode | undefined): Exclude<YamlNode, AliasNode> | undefined =>
  node?.is === 'alias' ? resolved(node.of) : node

/** The pair of a key as it counts: the last of equal ones; merged mappings (`<<`) are not looked into. */
export const pairOf = (map: MapNode, key: string): MapNode['pairs'][number] | undefined =>
  map.pairs.findLast((pair) => pair.key.is === 'scalar' && pair.key.text === key)

/** Mappings that `<<` brings in, nearest first. */
export function mergedInto(map: MapNode): MapNode[] {
  const sources = map.pairs
    .filter(({ key }) => key.is === 'scalar' && key.style === 'plain' && key.text === '<<')
    .map(({ value }) => resolved(value))
  return sources.flatMap((source) =>
    source?.is === 'map' ? [source] : source?.is === 'list' ? source.items.map(resolved).filter((item) => item?.is === 'map') : [],
  )
}

/** Offset where a path's deepest existing part is written: a key, or the start of a list item. */
export function offsetAt(root: YamlNode | undefined, path: Path): number {
  let here = resolved(root)
  let offset = here?.start ?? 0
  for (const element of path) {
    let next: YamlNode | undefined
    if (here?.is === 'map' && typeof element === 'string') {
      const pair = findPair(here, element)
      if (pair === undefined) break
      offset = pair.key.start
      next = pair.value
    } else if (here?.is === 'list' && typeof element !== 'string') {
      next = typeof element === 'number' ? here.items[element] : here.items.find((item) => nameOf(item) === element.name)
      if (next === undefined) break
      if (next.start >= 0) offset = next.start
    } else break
    here = resolved(next)
  }
  return offset
}

function findPair(map: MapNode, key: string): MapNode['pairs'][number] | undefined {
  const own = pairOf(map, key)
  if (own !== undefined) return own
  for (const source of mergedInto(map)) {
    const pair = findPair(source, key)
    if (pair !== undefined) return pair
  }
  return undefined
}

function nameOf(item: YamlNode): string | undefined {
  const map = resolved(item)
  const value = map?.is === 'map' ? resolved(findPair(map, 'name')?.value) : undefined
  return value?.is === 'scalar' ? value.text : undefined
}
