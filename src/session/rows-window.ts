/** Which part of a list is visible, and where a move leads. Positions are by key, so what comes and goes never moves the selection. */
import type { Row } from './rows-line.ts'
import type { Position } from './store-state.ts'

export interface Visible {
  readonly top: number
  readonly end: number /** Index of the selected row; absent in running text. */
  readonly selected?: number
}

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value))

export function visible(rows: readonly Row[], height: number, position: Position | undefined): Visible {
  const furthest = Math.max(0, rows.length - height)
  const selected = selectedIndex(rows, position)
  if (selected === undefined) {
    const top = clamp(position?.index ?? 0, 0, furthest)
    return { top, end: Math.min(rows.length, top + height) }
  }
  // Headings above the first choice stay in sight with it.
  const isFirst = rows.findIndex((row) => row.key !== undefined) === selected
  const wanted = isFirst && selected < height ? 0 : selected - clamp(position?.offset ?? selected, 0, height - 1)
  const top = clamp(wanted, 0, furthest)
  return { top, end: Math.min(rows.length, top + height), selected }
}

function selectedIndex(rows: readonly Row[], position: Position | undefined): number | undefined {
  const found = position?.key === undefined ? -1 : rows.findIndex((row) => row.key === position.key)
  return found >= 0 ? found : nearest(rows, position?.key === undefined ? 0 : position.index)
}

/** The selectable row at or after `index`, else the last one before it. */
function nearest(rows: readonly Row[], index: number, direction: 1 | -1 = 1): number | undefined {
  const start = clamp(index, 0, Math.max(0, rows.length - 1))
  for (let at = start; at >= 0 && at < rows.length; at += direction) if (rows[at]?.key !== undefined) return at
  for (let at = start; at >= 0 && at < rows.length; at -= direction) if (rows[at]?.key !== undefined) return at
  return undefined
}

/** The position `by` rows further. In running text it scrolls. */
export function moved(rows: readonly Row[], height: number, position: Position | undefined, by: number): Position {
  const { top, selected } = visible(rows, height, position)
  if (selected === undefined) return { index: clamp(top + by, 0, Math.max(0, rows.length - height)), offset: 0 }
  const direction = by < 0 ? -1 : 1
  const next = Math.abs(by) === 1 ? following(rows, selected, direction) : nearest(rows, selected + by, direction)
  return at(rows, next ?? selected, height, top)
}

function following(rows: readonly Row[], from: number, direction: 1 | -1): number | undefined {
  for (let index = from + direction; index >= 0 && index < rows.length; index += direction) if (rows[index]?.key !== undefined) return index
  return undefined
}

export function edge(rows: readonly Row[], height: number, to: 'first' | 'last'): Position {
  const index = to === 'first' ? nearest(rows, 0) : nearest(rows, rows.length - 1, -1)
  return index === undefined
    ? { index: to === 'first' ? 0 : Math.max(0, rows.length - height), offset: 0 }
    : at(rows, index, height, to === 'first' ? 0 : Math.max(0, rows.length - height))
}

/** Selects a row, scrolling no more than needed. */
function at(rows: readonly Row[], index: number, height: number, top: number): Position {
  const key = rows[index]?.key
  const from = index < top ? index : index >= top + height ? index - height + 1 : top
  return { ...(key !== undefined && { key }), index, offset: index - from }
}

/** The same selection, remembered where it stands now: called when the rows may change under it. */
export function settled(rows: readonly Row[], height: number, position: Position | undefined): Position | undefined {
  const { top, selected } = visible(rows, height, position)
  return selected === undefined ? position : at(rows, selected, height, top)
}
