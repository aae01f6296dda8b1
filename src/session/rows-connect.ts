import { cutOff } from './rows-history.ts'
import { blank, choice, heading, inColumns, prose, type Row, row } from './rows-line.ts'
import type { State } from './store-state.ts'

/** What can be hardened: the kubeconfig's contexts, a path with manifests, the sample. Without a kubeconfig the sample comes first. */
export function connectRows(state: State, width: number): Row[] {
  const { list, opening, problem } = state.connecting
  const contexts = list?.contexts ?? []
  const current = contexts.toSorted((a, b) => Number(b.current) - Number(a.current))
  const live: Row[] = [
    heading('A live cluster, from your kubeconfig'),
    ...current.map((context) =>
      choice(`context:${context.name}`, (w) =>
        inColumns(w, [
          { text: context.name, width: Math.min(36, Math.floor(w / 3)), tone: 'key' },
          { text: context.server, grow: true },
          { text: note(context.current, isOpen(state, context.name)), width: 15, tone: 'dim' },
        ]),
      ),
    ),
    ...(list === undefined ? [row({ text: '  reading the kubeconfig ...', tone: 'dim' })] : []),
    ...(list !== undefined && contexts.length === 0
      ? prose(`No context to choose: ${list.problem ?? 'the kubeconfig names none'}.`, width, { tone: 'dim' })
      : []),
    ...(list?.problem !== undefined && contexts.length > 0 ? prose(list.problem, width, { tone: 'medium' }) : []),
    blank,
  ]
  const files: Row[] = [
    heading('YAML files on this machine'),
    choice('path', (w) =>
      inColumns(w, [
        { text: 'Manifests ...', width: Math.min(36, Math.floor(w / 3)), tone: 'key' },
        { text: 'a file or a directory; you type its path', grow: true },
      ]),
    ),
    blank,
  ]
  const sample: Row[] = [
    heading('Just to see how it works'),
    choice('sample', (w) =>
      inColumns(w, [
        { text: 'Sample cluster', width: Math.min(36, Math.floor(w / 3)), tone: 'key' },
        { text: 'small and vulnerable, made of files; nothing of yours is touched', grow: true },
      ]),
    ),
    blank,
  ]
  return [
    ...interruptedRows(state, width),
    ...(problem === undefined
      ? []
      : [
          row({ text: `Could not open ${nameOf(problem.choice)}`, tone: 'fail' }),
          ...prose(problem.because, width),
          ...prose('Choose another source, or put it right and try again.', width, { tone: 'dim' }),
          blank,
        ]),
    ...(opening === undefined ? [] : [row({ text: `Opening ${nameOf(opening)} ...`, tone: 'info' }), blank]),
    ...(list !== undefined && contexts.length === 0 ? [...sample, ...files, ...live] : [...live, ...files, ...sample]),
  ]
}

/** Runs that were cut off in the middle of a step, to be looked at first. */
export function interruptedRows(state: State, width: number): Row[] {
  const runs = state.history?.runs.filter((run) => run.interrupted) ?? []
  if (runs.length === 0) return []
  return [
    heading('A run was interrupted'),
    ...runs.map((run) =>
      choice(`run:${run.id}`, (w) => {
        const step = cutOff(run)
        return inColumns(w, [
          { text: 'INTERRUPTED', tone: 'fail' },
          { text: step === undefined ? run.id : `during "${step.title}"`, grow: true },
          { text: run.source, width: 20, tone: 'dim' },
        ])
      }),
    ),
    ...prose('Look at it first: enter says what was written, and can take it back.', width, { tone: 'dim' }),
    blank,
  ]
}

const isOpen = (state: State, context: string): boolean => state.source?.choice.kind === 'live' && state.source.choice.context === context
const note = (current: boolean, open: boolean): string => (open ? 'open now' : current ? 'current-context' : '')

export const nameOf = (of: NonNullable<State['connecting']['opening']>): string =>
  of.kind === 'live' ? `context ${of.context}` : of.kind === 'manifests' ? of.path : 'the sample cluster'
