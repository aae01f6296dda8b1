/**
 * File positions, looked up when they are shown: by indentation where the text is plain enough, else from a parse of the one
 * document, which is kept.
 */
import { readFileSync, statSync } from 'node:fs'
import type { ObjectRef, Path, PathElement } from '../model/index.ts'
import { countLines, type DocumentSpan, documentsIn } from '../objects/yaml-documents.ts'
import { mergedInto, resolved, treeOf, type YamlNode } from '../objects/yaml-tree.ts'
import { decode } from './manifests-encoding.ts'
import { Outline, UNSURE } from './manifests-outline.ts'

/** A line for a scalar; for a collection its line and what is in it. */
export type Place = number | KeyPlaces | ItemPlaces
interface KeyPlaces {
  readonly line: number
  readonly keys: ReadonlyMap<string, Place>
  readonly name?: string
}
interface ItemPlaces {
  readonly line: number
  readonly items: readonly Place[]
}

/** Where a file's text is: on the disk, or here where it cannot be read twice. */
export type TextOf = (file: string) => { readonly path: string } | { readonly text: string } | undefined

interface OpenFile {
  readonly text: string
  readonly spans: readonly DocumentSpan[]
  readonly outlines: Map<number, Outline>
  /** By offset: several findings are about one place. */
  readonly lines: Map<number, number>
  readonly parsed: Map<number, Place | undefined>
}
/** Characters of text kept at a time. */
const MAX_OPEN = 8 * 1024 * 1024

export class LineFinder {
  readonly #textOf: TextOf
  readonly #open = new Map<string, OpenFile | undefined>()
  #size = 0

  constructor(textOf: TextOf) {
    this.#textOf = textOf
  }

  /** To be called when a file has changed. */
  forget(file: string): void {
    this.#size -= this.#open.get(file)?.text.length ?? 0
    this.#open.delete(file)
  }

  /** The line of the deepest part of the path that is written down; behind an alias, where it is written. */
  locate(ref: ObjectRef, at: Path = []): { readonly file: string; readonly line: number } | undefined {
    if (ref.file === undefined) return undefined
    const index = ref.document ?? 0
    const path = ref.item === undefined ? at : ['items', ref.item, ...at]
    const file = this.#opened(ref.file)
    const span = file?.spans[index]
    if (file === undefined || span === undefined) return { file: ref.file, line: ref.line ?? 1 }
    let outline = file.outlines.get(index)
    if (outline === undefined) file.outlines.set(index, (outline = new Outline(file.text, span.start, span.end)))
    const offset = outline.find(path)
    if (offset !== UNSURE) {
      let line = file.lines.get(offset)
      if (line === undefined) file.lines.set(offset, (line = span.line + countLines(file.text, span.start, offset)))
      return { file: ref.file, line }
    }
    if (!file.parsed.has(index)) file.parsed.set(index, placesIn(file.text.slice(span.start, span.end), span.line))
    const place = file.parsed.get(index)
    return { file: ref.file, line: place === undefined ? (ref.line ?? 1) : lineAt(place, path) }
  }

  #opened(file: string): OpenFile | undefined {
    if (!this.#open.has(file)) {
      const opened = this.#read(file)
      this.#size += opened?.text.length ?? 0
      for (const oldest of this.#open.keys()) {
        if (this.#size <= MAX_OPEN) break
        this.forget(oldest)
      }
      this.#open.set(file, opened)
    }
    return this.#open.get(file)
  }

  #read(file: string): OpenFile | undefined {
    try {
      const source = this.#textOf(file)
      if (source === undefined) return undefined
      const text = 'text' in source ? source.text : textAt(source.path)
      return { text, spans: [...documentsIn(text)], outlines: new Map(), lines: new Map(), parsed: new Map() }
    } catch {
      // The file has gone or become unreadable: the line known from the scan will do.
      return undefined
    }
  }
}

/** A pipe cannot be read twice. */
function textAt(path: string): string {
  if (!statSync(path).isFile()) throw new Error('not a file')
  return decode(readFileSync(path)).text
}

export function placesIn(text: string, firstLine: number): Place | undefined {
  let root: YamlNode | undefined
  try {
    root = treeOf(text)
  } catch {
    // Changed since the scan, and not for the better.
  }
  if (root === undefined) return undefined
  let line = firstLine
  let reached = 0
  // Nodes come in the order of the text, save those behind an alias: so most steps are short.
  const lineOf = (offset: number): number => {
    if (offset < reached) return firstLine + countLines(text, 0, offset)
    line += countLines(text, reached, offset)
    reached = offset
    return line
  }
  const known = new Map<YamlNode, Place>()
  const placeOf = (node: YamlNode, fallback: number): Place => {
    const target = resolved(node)
    if (target === undefined || target.is === 'scalar') return fallback
    const before = known.get(target)
    if (before !== undefined) return before
    const own = target.start < 0 ? fallback : lineOf(target.start)
    const place: Place =
      target.is === 'list'
        ? { line: own, items: target.items.map((item) => placeOf(item, item.start < 0 ? own : lineOf(item.start))) }
        : keysOf(target, own)
    known.set(target, place)
    return place
  }
  const keysOf = (map: Extract<YamlNode, { is: 'map' }>, own: number): KeyPlaces => {
    const keys = new Map<string, Place>()
    let name: string | undefined
    for (const source of mergedInto(map)) {
      const merged = placeOf(source, own)
      if (typeof merged !== 'number' && 'keys' in merged) {
        for (const [key, place] of merged.keys) if (!keys.has(key)) keys.set(key, place)
        name ??= merged.name
      }
    }
    for (const { key, value } of map.pairs) {
      if (key.is !== 'scalar') continue
      const line = lineOf(Math.max(key.start, 0))
      const place = placeOf(value, line)
      // A path ends at a key, so a mapping is where its key is.
      keys.set(key.text, typeof place === 'number' ? line : { ...place, line })
      const text = key.text === 'name' ? resolved(value) : undefined
      if (text?.is === 'scalar') name = text.text
    }
    return { line: own, keys, ...(name !== undefined && { name }) }
  }
  return placeOf(root, firstLine)
}

export function lineAt(root: Place, path: Path): number {
  let here = root
  for (const element of path) {
    const next = typeof here === 'number' ? undefined : childOf(here, element)
    if (next === undefined) break
    here = next
  }
  return typeof here === 'number' ? here : here.line
}

function childOf(place: KeyPlaces | ItemPlaces, element: PathElement): Place | undefined {
  if ('keys' in place) return typeof element === 'string' ? place.keys.get(element) : undefined
  if (typeof element === 'number') return place.items[element]
  return typeof element === 'object'
    ? place.items.find((item) => typeof item === 'object' && 'keys' in item && item.name === element.name)
    : undefined
}
