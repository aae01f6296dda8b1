import type { Route } from './route.ts'

export interface Size {
  readonly columns: number
  readonly rows: number
}
export interface Pane {
  readonly columns: number
  readonly rows: number
}

/** Sizes of everything on the screen, in character cells. */
export interface Layout {
  /** False: too small to work in; only a message is shown. */
  readonly fits: boolean
  readonly columns: number
  readonly rows: number
  /** What is left for the screen between the header (2), the status line and the key hints (1 each). */
  readonly body: Pane
  /** The six practices at the left, in wide terminals. */
  readonly side: number
  /** The pane with the selection, or the text that scrolls. */
  readonly list: Pane
  /** What is selected, explained: below or beside the list. */
  readonly detail?: Pane & { readonly where: 'below' | 'right' }
  /** Steps above the change that is being asked about; what stands above the matrix. */
  readonly top: number
  /** Question and buttons below it; the selected cell in words. */
  readonly bottom: number
}

export const SMALLEST: Size = { columns: 60, rows: 16 }
const CHROME = 4
const SIDE = 30
/** A vertical line and the space before it. */
const RULE = 2

/** Pure: the same size and screen give the same panes. One pane below 110 columns, practices at the side from there, detail when there is room. */
export function layout(
  { columns, rows }: Size,
  route: Route,
  {
    question = 0,
    steps = 10,
    head = 0,
  }: {
    /** Lines of the question on the apply screen. */ readonly question?: number
    readonly steps?: number
    /** Lines above the matrix. */
    readonly head?: number
  } = {},
): Layout {
  const fits = columns >= SMALLEST.columns && rows >= SMALLEST.rows
  const body = { columns, rows: Math.max(0, rows - CHROME) }
  const base = { fits, columns, rows, body, side: 0, top: 0, bottom: 0, list: body }
  if (!fits) return base
  switch (route.at) {
    case 'practice':
      return practice(base)
    case 'finding':
    case 'control':
      return beside(base)
    case 'apply':
      return split(base, question, steps)
    case 'matrix':
      return framed(base, head)
    default:
      return base
  }
}

function beside(base: Layout): Layout {
  if (base.columns < 110) return base
  return { ...base, side: SIDE, list: { ...base.body, columns: base.columns - SIDE - RULE } }
}

function practice(base: Layout): Layout {
  const wide = beside(base)
  const { columns, rows } = wide.list
  if (base.columns >= 150 && base.rows >= 30) {
    const detail = Math.floor(columns * 0.42)
    return { ...wide, list: { columns: columns - detail - RULE, rows }, detail: { where: 'right', columns: detail, rows } }
  }
  if (base.columns < 110 || base.rows < 30) return wide
  const detail = Math.min(14, Math.floor(rows / 3))
  return { ...wide, list: { columns, rows: rows - detail - 1 }, detail: { where: 'below', columns, rows: detail } }
}

/** Column numbers above the rows; the selected cell in words, and the signs, below them. */
function framed(base: Layout, top: number): Layout {
  const bottom = base.body.rows >= 16 ? 4 : 2
  return { ...base, top, bottom, list: { columns: base.columns, rows: Math.max(1, base.body.rows - top - bottom) } }
}

function split(base: Layout, question: number, steps: number): Layout {
  const top = Math.max(1, Math.min(steps, 10, Math.floor(base.body.rows / 4)))
  const bottom = question > 0 ? question + 1 : 0
  return { ...base, top, bottom, list: { columns: base.columns, rows: base.body.rows - top - 1 - bottom } }
}
