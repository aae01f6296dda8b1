/** Where in a text a value stands, and who else uses it. */
import type { Way } from './yaml-diff.ts'
import { columnOf, lineStart } from './yaml-lines.ts'
import { dashesOf, type MapNode, mergedInto, pairOf, resolved, type YamlNode } from './yaml-tree.ts'

/** Why an edit is not made; nothing was changed. */
export class YamlEditRefused extends Error {
  override readonly name = 'YamlEditRefused'
}

/** A value and what holds it: where its key's colon or its dash ends, and in which column that key or dash stands. */
export interface Place {
  readonly node: YamlNode
  readonly from: number
  readonly column: number
  readonly owner: 'key' | 'dash' | 'flow' | 'root'
}
/** The way leads through an alias, or through a key that `<<` brings in: what is there belongs to others too. */
export interface Borrowed {
  readonly through: 'alias' | 'merge'
  readonly at: Way
}

export const isBorrowed = (found: Place | Borrowed): found is Borrowed => 'through' in found

export function placeAt(text: string, root: YamlNode, way: Way): Place | Borrowed {
  let place: Place = { node: root, from: 0, column: 0, owner: 'root' }
  for (const [depth, element] of way.entries()) {
    const { node } = place
    if (node.is === 'alias') return { through: 'alias', at: way.slice(0, depth) }
    if (node.is === 'map' && pairOf(node, String(element)) === undefined && mergedInto(node).length > 0)
      return { through: 'merge', at: way.slice(0, depth + 1) }
    place = childOf(text, node, element)
  }
  return place
}

function childOf(text: string, node: YamlNode, element: string | number): Place {
  if (node.is === 'map') {
    const pair = pairOf(node, String(element))
    if (pair !== undefined)
      return {
        node: pair.value,
        from: behindColon(text, pair.key, node.flow),
        column: columnOf(text, keyStart(text, pair.key)),
        owner: node.flow ? 'flow' : 'key',
      }
  }
  if (node.is === 'list' && typeof element === 'number' && node.items[element] !== undefined) {
    const item = node.items[element]
    if (node.flow) return { node: item, from: item.outer, column: 0, owner: 'flow' }
    const dash = dashesOf(text, node)[element]!
    return { node: item, from: dash + 1, column: columnOf(text, dash), owner: 'dash' }
  }
  throw new YamlEditRefused(`${String(element)} is not written where it was expected`)
}

/** Every place in the document that an alias stands in. */
export function* aliasPlaces(text: string, node: YamlNode): Generator<Place> {
  const children: Place[] = []
  if (node.is === 'list') children.push(...node.items.keys().map((index) => childOf(text, node, index)))
  if (node.is === 'map') {
    for (const { key, value } of node.pairs) {
      // A pair as such: of equal keys only the last one is found by its name.
      children.push({
        node: value,
        from: behindColon(text, key, node.flow),
        column: columnOf(text, keyStart(text, key)),
        owner: node.flow ? 'flow' : 'key',
      })
    }
  }
  for (const place of children) {
    if (place.node.is === 'alias') yield place
    yield* aliasPlaces(text, place.node)
  }
}

/** Where a key begins: at its `?` where it has one. */
export function keyStart(text: string, { outer }: YamlNode): number {
  const mark = /(?<![^\s])\?[ \t]+$/.exec(text.slice(lineStart(text, outer), outer))
  return mark === null ? outer : lineStart(text, outer) + mark.index
}

function behindColon(text: string, key: YamlNode, flow: boolean): number {
  const spread = flow || keyStart(text, key) !== key.outer
  const at = key.end + (spread ? /^(?:\s|(?<=\s)#[^\n]*)*/ : /^[ \t]*/).exec(text.slice(key.end))![0].length
  if (text[at] === ':') return at + 1
  if (spread) return key.end
  throw new YamlEditRefused('a key written over several lines cannot be edited in place')
}

export const pairEnd = (text: string, { key, value }: MapNode['pairs'][number], flow: boolean): number =>
  Math.max(behindColon(text, key, flow), value.end)

/** An alias elsewhere in the document to something inside this node: its text may not go before the alias has been written out. */
export function usedElsewhere(text: string, root: YamlNode, node: YamlNode): Place | undefined {
  const inside = new Set(within(node))
  return aliasPlaces(text, root).find((place) => place.node.is === 'alias' && !inside.has(place.node) && inside.has(resolved(place.node)!))
}

function* within(node: YamlNode): Generator<YamlNode> {
  yield node
  if (node.is === 'list') for (const item of node.items) yield* within(item)
  if (node.is === 'map') {
    for (const { key, value } of node.pairs) {
      yield* within(key)
      yield* within(value)
    }
  }
}
