/** Who may do something: the question, a line each part, and everybody whom RBAC allows it; and one of them with all it is granted. */
import { type Grant, grants, grantsOf } from '../objects/rbac-grants.ts'
import { requestTyped } from '../objects/rbac-request.ts'
import { ruleText } from '../objects/rbac-rules.ts'
import { universeOf } from '../objects/rbac-served.ts'
import {
  bindingText,
  blindSpots,
  groupsOf,
  type Holder,
  type Identity,
  identityText,
  roleText,
  userName,
  whoCan,
  whoCanWithin,
} from '../objects/rbac-who-can.ts'
import { blank, choice, heading, inColumns, prose, type Row, row } from './rows-line.ts'
import type { Asked, Scan, State } from './store-state.ts'
import { count } from './text.ts'

export const ASKED_FIELDS = ['verb', 'resource', 'namespace', 'name'] as const satisfies readonly (keyof Asked)[]
const EMPTY: Readonly<Record<keyof Asked, string>> = { verb: '', resource: '', namespace: '(all at once)', name: '(any)' }

interface Answered {
  readonly text: string
  readonly remarks: readonly string[]
  readonly holders: readonly Holder[]
  readonly within: readonly { readonly namespace: string; readonly holders: readonly Holder[] }[]
  /** Why somebody may be missing. */
  readonly blind: readonly string[]
}
/** The rows and the title ask alike. */
const last = new WeakMap<Scan['snapshot'], { readonly asked: Asked; readonly answer: Answered }>()
function answered(scan: Scan, asked: Asked): Answered {
  const before = last.get(scan.snapshot)
  if (before?.asked === asked) return before.answer
  const answer = answerTo(scan, asked)
  last.set(scan.snapshot, { asked, answer })
  return answer
}
function answerTo({ snapshot, problems }: Scan, asked: Asked): Answered {
  const { request, remarks, isAboutAll, text } = requestTyped(asked, () => universeOf(snapshot))
  const known = grants(snapshot)
  return {
    text,
    remarks,
    holders: whoCan(known, request),
    within: isAboutAll ? whoCanWithin(known, request) : [],
    blind: [...blindSpots(snapshot, known, asked.namespace), ...problems.map(({ file, message }) => `${file}: ${message}`)],
  }
}

/** The form, then one line for each subject. */
export function whoCanRows({ scan, asked }: State, width: number): Row[] {
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const { text, remarks, holders, within, blind } = answered(scan, asked)
  return [
    ...ASKED_FIELDS.map((field) =>
      choice(`ask:${field}`, (w) =>
        inColumns(w, [
          { text: field, width: 10, tone: 'dim' },
          { text: asked[field] || EMPTY[field], grow: true, tone: asked[field] === '' ? 'dim' : 'key' },
          { text: 'enter changes', tone: 'dim' },
        ]),
      ),
    ),
    ...remarks.flatMap((remark) => prose(`${remark}.`, width, { indent: 0, tone: 'medium' })),
    ...blind.flatMap((because) => prose(`Not all could be seen: ${because}.`, width, { indent: 0, tone: 'unknown' })),
    blank,
    heading(`Can ${text}`),
    ...(holders.length === 0
      ? [row({ text: blind.length === 0 ? 'Nobody that a binding names.' : 'Nobody, as far as can be seen.', tone: 'dim' })]
      : holders.map((holder) => holderRow(holder))),
    ...within.flatMap((one) => [
      blank,
      heading(`Only in namespace ${one.namespace}`),
      ...one.holders.map((holder) => holderRow(holder, `@${one.namespace}`)),
    ]),
    blank,
    ...prose(NOTE, width, { indent: 0, tone: 'dim' }),
  ]
}
const NOTE =
  'Members of the group system:masters pass before RBAC is asked. Groups stand for their members. Only RBAC is looked at, no other authorizer.'

/** `place` tells rows of the same subject apart. */
function holderRow(holder: Holder, place = ''): Row {
  const [first] = holder.via
  const bindings = new Set(holder.via.map(({ binding }) => binding)).size
  return choice(`holder${place}:${holderKey(holder)}`, (width) => {
    const isWide = width >= 100
    const name = Math.max(24, Math.min(44, Math.floor(width * 0.43)))
    const more = bindings > 1 ? ` and ${bindings - 1} more` : ''
    return inColumns(width, [
      { text: identityText(holder), width: name },
      { text: `${first!.binding}${isWide ? '' : `: ${first!.role.slice(first!.role.lastIndexOf('/') + 1)}`}${more}`, grow: true },
      ...(isWide ? [{ text: first!.role, width: Math.floor(width * 0.24), tone: 'dim' as const }] : []),
    ])
  })
}

/** Names of users may hold anything, so they come last. */
const holderKey = ({ kind, namespace, name }: Identity): string => `${kind}:${namespace}:${name}`
/** The subject of a row, from its key; undefined for other rows. */
export function holderOf(key: string | undefined): Identity | undefined {
  const [, kind, namespace = '', name = ''] = /^holder(?:@[^:]*)?:(User|Group|ServiceAccount):([^:]*):(.*)$/s.exec(key ?? '') ?? []
  return kind === undefined ? undefined : { kind: kind as Identity['kind'], namespace, name }
}

export const whoCanNumbers = ({ scan, asked }: State): string =>
  scan === undefined ? '' : count(answered(scan, asked).holders.length, 'subject')

/** All that one subject is granted: by its name, and by the groups that the API server puts it in. */
export function holderRows({ scan }: State, who: Identity, width: number): Row[] {
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const known = grants(scan.snapshot)
  const own = who.kind === 'Group' ? (known.byGroup.get(who.name) ?? []) : grantsOf(known, userName(who), [])
  const others = groupsOf(who).filter((group) => who.kind !== 'Group' || group !== who.name)
  const shared = others.flatMap((group) => (known.byGroup.get(group) ?? []).map((grant) => [group, grant] as const))
  const blind = blindSpots(scan.snapshot, known, '')
  return [
    ...(who.name === 'system:masters' && who.kind === 'Group'
      ? prose('Its members may do everything: the API server lets them pass before RBAC is asked.', width, { indent: 0, tone: 'medium' })
      : []),
    ...blind.flatMap((because) => prose(`Not all could be seen: ${because}.`, width, { indent: 0, tone: 'unknown' })),
    ...(own.length === 0 ? [row({ text: 'No binding names it.', tone: 'dim' })] : own.flatMap((grant) => grantRows(grant, width))),
    ...(shared.length === 0 ? [] : [blank, heading('By its groups')]),
    ...shared.flatMap(([group, grant]) => grantRows(grant, width, `Group ${group}: `)),
  ]
}

function grantRows(grant: Grant, width: number, by = ''): Row[] {
  const where = grant.namespace === undefined ? 'everywhere' : `in namespace ${grant.namespace}`
  return [
    ...prose(`${by}${bindingText(grant)} grants ${roleText(grant)}, ${where}`, width, { indent: 0 }),
    ...(grant.role === undefined
      ? prose('This role is not there: nothing is granted.', width, { indent: 4, tone: 'dim' })
      : grant.rules.flatMap((rule) => prose(ruleText(rule), width, { indent: 2, mark: '- ', tone: 'dim' }))),
  ]
}
