/** How one subject becomes cluster-admin: hop by hop, who holds its token, what would stop it, and what it has besides. */

import type { Grant } from '../objects/rbac-grants.ts'
import { podsOf } from '../objects/rbac-graph-beginnings.ts'
import type { Identity } from '../objects/rbac-graph-subjects.ts'
import { unseenWays, type Way, wayOf } from '../objects/rbac-graph-ways.ts'
import { bindingText, identityText, roleText } from '../objects/rbac-who-can.ts'
import { beginningFindings, hopFinding } from './escalation-findings.ts'
import { triedRows } from './rows-escalations.ts'
import { hopRows } from './rows-hops.ts'
import { blank, choice, heading, inColumns, prose, type Row, row } from './rows-line.ts'
import { objectText, SEVERITY_WORD } from './rows-words.ts'
import type { Scan, State } from './store-state.ts'
import { count } from './text.ts'

/** `ServiceAccount:shop/cart`, `User:jane`, `Group:dev`, as the graph writes them. */
export function subjectOf(key: string): Identity {
  const [kind, name] = [key.slice(0, key.indexOf(':')) as Identity['kind'], key.slice(key.indexOf(':') + 1)]
  const slash = name.indexOf('/')
  return kind === 'ServiceAccount' ? { kind, namespace: name.slice(0, slash), name: name.slice(slash + 1) } : { kind, name }
}
export const subjectTitle = (key: string): string => {
  const { namespace = '', ...rest } = subjectOf(key)
  return identityText({ ...rest, namespace })
}

export function escalationRows({ scan, tried }: State, subject: string, width: number): Row[] {
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const way = wayOf(scan.snapshot, subjectOf(subject))
  const blind = unseenWays(scan.snapshot).flatMap((because) =>
    prose(`Not all could be seen: ${because}.`, width, { indent: 0, tone: 'unknown' }),
  )
  if (way === undefined)
    return [
      ...blind,
      row({
        text: blind.length === 0 ? 'Neither cluster-admin nor a node is within its reach.' : 'No way is known from what could be seen.',
        tone: 'ok',
      }),
      blank,
      grantsRow(subject),
    ]
  return [
    ...blind,
    ...prose(gist(way), width, { indent: 0, tone: way.goal === 'perhaps-node' ? 'unknown' : way.goal === 'node' ? 'high' : 'critical' }),
    ...way.path.flatMap((hop, index) => {
      const finding = hopFinding(scan, hop)
      return [
        blank,
        ...hopRows(scan.snapshot, hop, index + 1, width, {
          key: `hop:${index}:${finding?.id ?? ''}`,
          opens: finding === undefined ? '' : 'enter: its finding',
        }),
      ]
    }),
    blank,
    heading('Who holds its token'),
    ...podRows(scan, way, width),
    ...(way.goal === 'perhaps-node'
      ? []
      : [blank, heading('Single removals that stop it, and how many subjects in all'), ...triedRows(scan, tried, subject, width, 5)]),
    blank,
    ...fixRows(scan, way, width),
    blank,
    ...otherRows(way, width),
    grantsRow(subject),
  ]
}

const GOAL = {
  'cluster-admin': 'Can become cluster-admin',
  node: 'Can take over a node',
  'perhaps-node': 'May be able to take over a node',
} as const
const gist = ({ goal, path, begins }: Way): string =>
  `${GOAL[goal]} in ${count(path.length, 'step')}${begins.length > 1 ? `; this is the shortest of its ways, ${begins.length} rules begin one` : ''}.`

const PODS = 8
function podRows({ snapshot }: Scan, { holder }: Way, width: number): Row[] {
  if (holder.kind === 'Group')
    return prose('Every member of the group: who they are is known to whoever lets them log in.', width, { tone: 'dim' })
  if (holder.kind === 'User') return prose('A user: no pod. Whoever has its certificate, token or login.', width, { tone: 'dim' })
  const pods = podsOf(snapshot, holder)
  if (pods.length === 0)
    return prose('No running pod that is seen here. Whoever may ask for its tokens can still have one.', width, { tone: 'dim' })
  return [
    ...pods.slice(0, PODS).flatMap((pod) => prose(pod, width, { mark: '- ' })),
    ...(pods.length > PODS ? [row({ text: `  and ${pods.length - PODS} more`, tone: 'dim' })] : []),
  ]
}

function fixRows(scan: Scan, way: Way, width: number): Row[] {
  const findings = beginningFindings(scan, way)
  if (findings.length === 0) return [heading('The fix'), ...prose(noFix(way), width, { tone: 'dim' })]
  return [
    heading(findings.length === 1 ? 'The fix: a plans it' : `The fix: a plans all ${findings.length}, each begins a way`),
    ...findings.map((finding) =>
      choice(`finding:${finding.id}`, (w, marked) =>
        inColumns(w, [
          {
            text: finding.origin === 'system' || finding.excepted ? '' : marked.has(finding.id) ? '[x]' : '[ ]',
            width: 3,
            tone: marked.has(finding.id) ? 'key' : 'dim',
          },
          { text: SEVERITY_WORD[finding.severity], width: 4, tone: finding.severity },
          { text: objectText(finding.subject), width: Math.floor(w * 0.4) },
          { text: finding.reason, grow: true, tone: 'dim' },
        ]),
      ),
    ),
  ]
}

function noFix({ goal, begins }: Way): string {
  if (begins.length === 0) return 'No binding of its own begins this way: it is in a group that has one, or is Kubernetes itself.'
  return goal === 'perhaps-node'
    ? 'Whether it gets there is not known: add the Namespace objects with their Pod Security labels, or scan the cluster.'
    : 'No finding is open for it: it was accepted, or is still being judged.'
}

const OTHERS = 6
/** Bindings besides those of the first hop. */
function otherRows({ holder, path }: Way, width: number): Row[] {
  const used = new Set(path[0]?.through.map(({ binding }) => binding.replace(/ /, '/')))
  const others = [...new Map(holder.grants.map((grant) => [bindingText(grant), grant])).values()].filter(
    (grant) => !used.has(bindingText(grant)),
  )
  if (others.length === 0) return []
  return [
    heading('What else it is bound to'),
    ...others.slice(0, OTHERS).flatMap((grant) => prose(grantText(grant), width, { mark: '- ', tone: 'dim' })),
    ...(others.length > OTHERS ? [row({ text: `  and ${others.length - OTHERS} more`, tone: 'dim' })] : []),
    blank,
  ]
}
const grantText = (grant: Grant): string =>
  `${roleText(grant)} ${grant.namespace === undefined ? 'everywhere' : `in ${grant.namespace}`}, by ${bindingText(grant)}${grant.subject.kind === 'Group' ? ` (group ${grant.subject.name})` : ''}`

function grantsRow(subject: string): Row {
  const { kind, namespace = '', name } = subjectOf(subject)
  return choice(`holder:${kind}:${namespace}:${name}`, (width) =>
    inColumns(width, [
      { text: 'All that is granted to it, rule by rule', grow: true },
      { text: 'enter shows it', tone: 'dim' },
    ]),
  )
}
