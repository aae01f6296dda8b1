/** A way to cluster-admin, one hop after the other: what is done, by which right, and what that gains. */
import type { Finding, PolicyRule } from '../model/index.ts'
import { type GraphView, rbacGraph } from '../objects/rbac-graph.ts'
import { type Hop, nameOf } from '../objects/rbac-graph-path.ts'
import { keyOfIdentity } from '../objects/rbac-graph-subjects.ts'
import { ruleText } from '../objects/rbac-rules.ts'
import { refOf, refText } from '../objects/ref.ts'
import type { Route } from './route.ts'
import { choice, inColumns, prose, type Row, row } from './rows-line.ts'
import type { Scan } from './store-state.ts'
import { wrap } from './text.ts'

interface Opening {
  readonly key: string
  /** What enter does; '' where there is nothing to open. */
  readonly opens: string
}
const ASIDE = 20

/** Rows of one hop, `number` from 1; with `opening` its first row can be selected. */
export function hopRows(view: GraphView, hop: Hop, number: number, width: number, opening?: Opening): Row[] {
  const { by, can, through, primitive } = hop
  const [first = '', ...more] = wrap(`${number}. ${nameOf(by)} can ${can}`, opening === undefined ? width - 2 : width - ASIDE - 1)
  const aside = (opening?.opens ?? '').padStart(ASIDE)
  return [
    opening === undefined
      ? row({ text: `  ${first}` })
      : choice(opening.key, (w) =>
          inColumns(w, [
            { text: first, grow: true, tone: 'title' },
            { text: aside, width: ASIDE, tone: 'dim' },
          ]),
        ),
    ...more.map((text) =>
      row({ text: `${opening === undefined ? '     ' : '   '}${text}`, ...(opening !== undefined && { tone: 'title' }) }),
    ),
    ...through.flatMap((one, index) => {
      const rule = ruleOf(view, by, one)
      const what = rule === undefined ? '' : ` (${ruleText(rule)})`
      const id = primitive === '' || index > 0 ? '' : ` [${primitive}]`
      return prose(`by rule ${one.rule + 1}${what} of ${one.role}, bound by ${one.binding}${id}`, width, { indent: 5, tone: 'dim' })
    }),
    ...prose(gainText(hop), width, { indent: 5, mark: '=> ' }),
  ]
}

/** What follows of itself, and what is had then. */
function gainText({ how, gains }: Hop): string {
  const name = nameOf(gains)
  return how === '' ? name : how.endsWith(name) ? how : `${how}: ${name}`
}

function ruleOf(view: GraphView, by: string, { binding, role, rule }: Hop['through'][number]): PolicyRule | undefined {
  const grant = rbacGraph(view)
    .holders.byKey.get(by)
    ?.grants.find((one) => refText(refOf(one.binding)) === binding && one.role !== undefined && refText(refOf(one.role)) === role)
  return grant?.rules[rule]
}

/** The way that a finding carries as its evidence. */
export function pathIn({ evidence }: Finding): readonly Hop[] | undefined {
  if (evidence === null || typeof evidence !== 'object' || !('path' in evidence) || !('sentence' in evidence)) return undefined
  return evidence.path as unknown as readonly Hop[]
}

/** Whose way can be shown from here: of the subject, or of the one that a finding is about. */
export const subjectAt = (route: Route, { findings }: Pick<Scan, 'findings'>): string | undefined =>
  route.at === 'holder' ? keyOfIdentity(route) : subjectIn(route.at === 'finding' ? findings.get(route.id) : undefined)

/** Whose way it is: of a workload, its service account's. */
function subjectIn(finding: Finding | undefined): string | undefined {
  if (finding === undefined) return undefined
  const account = (finding.evidence as { readonly serviceAccount?: string } | null | undefined)?.serviceAccount
  return account === undefined ? pathIn(finding)?.[0]?.by : `ServiceAccount:${account}`
}

/** Of a workload with such a way: by what it can be reached. */
export function exposureIn({ evidence }: Finding): string | undefined {
  return (evidence as { readonly exposedBy?: readonly string[] } | null | undefined)?.exposedBy?.join(', ')
}
