/** What is said of changed access, in the command line, the wizard and the README of patch files alike. */
import type { ObservedRequest } from '../model/index.ts'
import { covers, hasWildcard, ruleText } from '../objects/rbac-rules.ts'
import type { AccessImpact, Replayed, ScopedRule } from './access-impact.ts'

export interface ImpactWords {
  /** `ServiceAccount shop/cart`. */
  readonly subject: string
  readonly loses: readonly string[]
  readonly gains: readonly string[]
  readonly keeps: readonly string[]
  /** What becomes of recorded requests; none where no audit log was given. */
  readonly recorded: readonly string[]
  /** Something that was recorded as working would be refused. */
  readonly breaks: boolean
}

/** At most so many of each kind; more is said with its number. */
const MOST = 6

export function impactWords({ text, loses, gains, keeps, replay }: AccessImpact): ImpactWords {
  return {
    subject: text,
    loses: rules(loses, keeps),
    gains: rules(gains),
    keeps: rules(keeps),
    recorded: replay === undefined ? [] : replayWords(replay),
    breaks: replay !== undefined && replay.refused.length > 0,
  }
}

function rules(list: readonly ScopedRule[], keeps: readonly ScopedRule[] = []): readonly string[] {
  const [whole, parts] = [list.filter(({ whole }) => whole !== undefined), list.filter(({ whole }) => whole === undefined)]
  const roles = [...Map.groupBy(whole, ({ whole }) => whole!)].flatMap(([role, same]) => {
    const count = new Set(same.map(({ rule }) => rule)).size
    return count > MOST_RULES ? [`all that ${role} grants ${places(same.map(({ namespace }) => namespace))}`] : byRule(same, keeps)
  })
  return few([...roles, ...byRule(parts, keeps)])
}
const MOST_RULES = 4

/** A wildcard that is narrowed is lost but for what is kept of it. */
function byRule(list: readonly ScopedRule[], keeps: readonly ScopedRule[]): readonly string[] {
  const isKept = ({ namespace, rule }: ScopedRule): boolean =>
    hasWildcard(rule) && keeps.some((kept) => (namespace === undefined || kept.namespace === namespace) && covers([rule], kept.rule))
  return [...Map.groupBy(list, (one) => `${ruleText(one.rule)}${isKept(one) ? ', but for what it keeps' : ''}`)].map(
    ([text, same]) => `${text} ${places(same.map(({ namespace }) => namespace))}`,
  )
}

function places(namespaces: readonly (string | undefined)[]): string {
  if (namespaces.includes(undefined)) return '(whole cluster)'
  const names = [...new Set(namespaces)]
  return `(in ${names.slice(0, MOST).join(', ')}${names.length > MOST ? ` and ${names.length - MOST} more namespaces` : ''})`
}

function replayWords({ stillAllowed, refused, allowed, stillRefused }: NonNullable<AccessImpact['replay']>): readonly string[] {
  if (stillAllowed + refused.length + allowed.length + stillRefused === 0) return ['the audit log has no request of it']
  return [
    `${stillAllowed} of ${stillAllowed + refused.length} recorded requests stay allowed`,
    ...few(refused.map((one) => `would be refused: ${replayedText(one)}`)),
    ...(stillRefused > 0
      ? [`${stillRefused} that ${stillRefused === 1 ? 'was' : 'were'} refused when recorded ${stillRefused === 1 ? 'stays' : 'stay'} so`]
      : []),
    ...few(allowed.map((one) => `was refused, and would be allowed: ${replayedText(one)}`)),
  ]
}

const replayedText = ({ user, request }: Replayed): string =>
  `${requestText(request)} by ${user} (${request.count} times, last ${request.last})`

/** `get secrets/token in shop`, `list pods`, `get /metrics`. */
export function requestText(request: ObservedRequest): string {
  if ('path' in request) return `${request.verb} ${request.path}`
  const { verb, group, resource, subresource, namespace, name, anyName } = request
  const what = `${resource}${group === '' ? '' : `.${group}`}${subresource ? `/${subresource}` : ''}`
  return `${verb} ${what}${name === undefined ? '' : ` ${name}`}${anyName ? ' of many names' : ''}${namespace === undefined ? '' : ` in ${namespace}`}`
}

const few = (list: readonly string[]): readonly string[] =>
  list.length <= MOST ? list : [...list.slice(0, MOST), `and ${list.length - MOST} more`]
