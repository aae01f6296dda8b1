/** Who reaches whom, workload by workload: one row for who sends, one column for who receives; only what is in sight is computed. */
import type { MatrixEnd, ReachMatrix } from '../objects/network-matrix.ts'
import { type Sight, sightOf } from './connectivity-sight.ts'
import { cellWords, nameIn, SIGNS, signOf, signs } from './matrix-signs.ts'
import { bannerRows, blindRows } from './rows-banner.ts'
import { choice, type Line, type Row, row, run, type Segment } from './rows-line.ts'
import type { State } from './store-state.ts'
import { cells, cutMiddle, fitted, sanitize } from './text.ts'

/** Rows and columns alike: the namespace's own first, then what is no workload, then the workloads of other namespaces. */
export interface Grid {
  readonly ends: readonly MatrixEnd[]
  /** So many are of the namespace. */
  readonly own: number
  /** Columns that the longest name takes. */
  readonly widest: number
}
const grids = new WeakMap<ReachMatrix, Map<string, Grid>>()
export function gridOf(matrix: ReachMatrix, namespace: string): Grid {
  let known = grids.get(matrix)
  if (known === undefined) grids.set(matrix, (known = new Map()))
  let grid = known.get(namespace)
  if (grid === undefined) known.set(namespace, (grid = made(matrix, namespace)))
  return grid
}
function made({ ends }: ReachMatrix, namespace: string): Grid {
  const own = ends.filter((end) => end.namespace === namespace).toSorted(byName)
  const others = ends.filter(({ is }) => is !== 'workload')
  const beyond = ends.filter((end) => end.is === 'workload' && end.namespace !== namespace)
  const widest = [...own, ...others, ...beyond].reduce((most, end) => Math.max(most, cells(sanitize(nameIn(end, namespace)))), 0)
  return { ends: [...own, ...others, ...beyond], own: own.length, widest }
}
const byName = ({ ref: a }: MatrixEnd, { ref: b }: MatrixEnd): number => {
  const [one, other] = [`${a?.name} ${a?.kind}`, `${b?.name} ${b?.kind}`]
  return one < other ? -1 : one > other ? 1 : 0
}

/** Where everything stands in a line of a width. */
interface Shape {
  readonly number: number
  readonly name: number
  readonly cell: number
  /** Columns in sight: from `left`, so many. */
  readonly left: number
  readonly shown: number
  /** Index of the column that is looked at. */
  readonly column: number
}
export function shapeOf(grid: Grid, { connectivity }: State, width: number): Shape {
  const number = String(grid.ends.length).length
  const name = Math.max(10, Math.min(grid.widest, Math.floor(width * 0.34)))
  const cell = Math.max(3, number + 1)
  const shown = Math.max(1, Math.min(grid.ends.length, Math.floor((width - number - name - 2) / cell)))
  const found = grid.ends.findIndex(({ id }) => id === connectivity.column)
  const column = Math.max(0, found)
  const furthest = Math.max(0, grid.ends.length - shown)
  const from = Math.min(Math.max(0, connectivity.left), furthest)
  return { number, name, cell, shown, column, left: column < from ? column : column >= from + shown ? column - shown + 1 : from }
}

export function matrixRows(state: State, namespace: string, width: number): Row[] {
  const sight = sightOf(state)
  if (typeof sight === 'string') return [row({ text: sight, tone: 'dim' })]
  const grid = gridOf(sight.matrix, namespace)
  if (grid.own === 0) return [row({ text: 'No workload is in this namespace.', tone: 'dim' })]
  const shape = shapeOf(grid, state, width)
  let before: string | undefined = namespace
  return grid.ends.flatMap((end, index) => {
    const title = end.namespace !== undefined && end.namespace !== before && index >= grid.own ? [apart(end.namespace)] : []
    if (end.namespace !== undefined) before = end.namespace
    return [...title, endRow(sight, grid, shape, index, namespace)]
  })
}
const apart = (namespace: string): Row => row({ text: `-- from namespace ${namespace}`, tone: 'dim' })

const endRow = (sight: Sight, grid: Grid, shape: Shape, index: number, namespace: string): Row => {
  const end = grid.ends[index]!
  return choice(`end:${end.id}`, (width) =>
    run(width, [
      { text: `${String(index + 1).padStart(shape.number)} `, tone: 'dim' },
      { text: `${fitted(cutMiddle(sanitize(nameIn(end, namespace)), shape.name), shape.name)} ` },
      ...joined(columnsOf(grid, shape).map((column) => cellAt(sight, grid, shape, index, column))),
    ]),
  )
}
const columnsOf = ({ ends }: Grid, { left, shown }: Shape): readonly number[] =>
  Array.from({ length: Math.min(shown, ends.length - left) }, (_, index) => left + index)

function cellAt(sight: Sight, grid: Grid, shape: Shape, from: number, to: number): Segment {
  const isOurs = from < grid.own || to < grid.own
  const { sign, tone } = isOurs ? SIGNS[signOf(sight, grid.ends[from]!, grid.ends[to]!)] : { sign: ' ', tone: 'dim' as const }
  const text = to === shape.column ? `[${sign}]` : ` ${sign} `
  return { text: text.padStart(shape.cell), ...(tone !== undefined && { tone }) }
}

/** Neighbours of one tone as one piece: fewer to draw. */
function joined(pieces: readonly Segment[]): Segment[] {
  const made: { text: string; tone?: Segment['tone'] }[] = []
  for (const piece of pieces) {
    const last = made.at(-1)
    if (last !== undefined && last.tone === piece.tone) last.text += piece.text
    else made.push({ ...piece })
  }
  return made as Segment[]
}

/** Above the rows, always in sight: what has to be said first, and the numbers of the columns. */
export function matrixHead(state: State, namespace: string, width: number): readonly Line[] {
  const { scan } = state
  if (scan === undefined) return []
  const said = [...bannerRows(scan.snapshot, width).slice(0, 2), ...blindRows(scan.snapshot, width).slice(0, 2)]
  const sight = sightOf(state)
  const grid = typeof sight === 'string' ? undefined : gridOf(sight.matrix, namespace)
  const numbers = grid === undefined || grid.own === 0 ? [] : [numbersLine(grid, shapeOf(grid, state, width), width)]
  return [...said.map((one) => one.line(width, NONE)), ...numbers]
}
const NONE: ReadonlySet<never> = new Set()

function numbersLine(grid: Grid, shape: Shape, width: number): Line {
  const { left, shown } = shape
  const label = fitted('from row to column', shape.number + 1 + shape.name)
  return run(width, [
    { text: label, tone: 'dim' },
    { text: left > 0 ? '<' : ' ', tone: 'key' },
    ...joined(
      columnsOf(grid, shape).map((column): Segment => {
        const text = `${column + 1}${shape.cell > shape.number + 1 || column + 1 < 10 ? ' ' : ''}`
        return { text: text.padStart(shape.cell), tone: column === shape.column ? 'key' : 'dim' }
      }),
    ),
    ...(left + shown < grid.ends.length ? [{ text: '>', tone: 'key' as const }] : []),
  ])
}

/** Below the rows: the selected cell in words, and what the signs mean. */
export function matrixFoot(state: State, namespace: string, selected: string | undefined, width: number, height: number): readonly Line[] {
  const sight = sightOf(state)
  if (typeof sight === 'string' || height === 0) return []
  const grid = gridOf(sight.matrix, namespace)
  if (grid.own === 0) return []
  const from = grid.ends.find(({ id }) => `end:${id}` === selected) ?? grid.ends[0]!
  const to = grid.ends[shapeOf(grid, state, width).column]!
  const words = cellWords(sight, from, to, namespace, width).slice(0, Math.max(1, height - 2))
  const rule: Line[] = height > 2 ? [run(width, [{ text: '-'.repeat(width), tone: 'dim' }])] : []
  const filler = Array.from({ length: Math.max(0, height - rule.length - words.length - 1) }, () => run(width, []))
  return [...rule, ...words, ...filler, legend(sight, width)]
}

/** What the signs mean; a narrow line leaves out the rarest, since the words above tell them as well. */
function legend({ show }: Sight, width: number): Line {
  const all = signs(show)
  const length = (list: typeof all): number => list.reduce((sum, { sign, means }) => sum + sign.length + means.length + 3, 0)
  const shown = length(all) <= width ? all : all.filter((one) => one !== SIGNS.both && one !== SIGNS.mixed)
  const gap = length(shown) <= width + 2 ? '  ' : ' '
  return run(
    width,
    shown.flatMap(({ sign, means, tone }, index) => [
      { text: `${index === 0 ? '' : gap}${sign}`, tone: tone === 'dim' || tone === undefined ? 'key' : tone },
      { text: ` ${means}`, tone: 'dim' as const },
    ]),
  )
}
