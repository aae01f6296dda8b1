import { PRACTICES } from '../engine/score.ts'
import type { Practice } from '../model/index.ts'
import { choice, inColumns, type Row, row } from './rows-line.ts'
import type { State } from './store-state.ts'

const SHORT: Readonly<Record<Practice, string>> = {
  rbac: 'Access (RBAC)',
  secrets: 'Secrets',
  'api-endpoint': 'API endpoint',
  'nodes-and-pods': 'Nodes and pods',
  images: 'Images',
  audit: 'Audit and logs',
}

/** The practice of the screen: of the list, of the finding, of the check. */
export function practiceOf({ route, scan }: State): Practice | undefined {
  if (route.at === 'practice') return route.practice
  if (route.at === 'finding') return (scan?.findings.get(route.id) ?? scan?.gone.get(route.id))?.practice
  return route.at === 'control' ? scan?.controls.find((control) => control.id === route.id)?.practice : undefined
}

/** The six practices in few columns. */
export const sideRows = ({ scan }: State): Row[] => [
  row({ text: 'Practices', tone: 'dim' }),
  ...PRACTICES.map((practice, index) =>
    choice(practice, (width) => {
      const summary = scan?.summary[practice]
      const word =
        summary === undefined
          ? ''
          : summary.fail > 0
            ? `${summary.fail} FAIL`
            : summary.review > 0
              ? `${summary.review} review`
              : summary.unknown > 0
                ? `${summary.unknown} ?`
                : 'ok'
      return inColumns(width, [
        { text: `${index + 1} ${SHORT[practice]}`, grow: true },
        { text: word.padStart(9), width: 9, tone: summary !== undefined && summary.fail > 0 ? 'fail' : 'dim' },
      ])
    }),
  ),
]
