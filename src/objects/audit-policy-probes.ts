/** What an audit policy gets wrong, found by asking it about requests (controls.md 6.02). */
import { type AuditDecision, type AuditLevel, type AuditPolicy, type AuditRule, auditDecision, loggedLevel } from './audit-policy.ts'
import {
  ACTORS,
  ANONYMOUS,
  ANYWHERE,
  type Asked,
  actorsOf,
  asksForPath,
  CHANGES,
  CREDENTIALS,
  NOBODY,
  NODE,
  requestsFor,
  TRIED,
  UNHEARD_OF,
} from './audit-policy-requests.ts'

/**
 * leaks: bodies with credentials are logged · blind: requests for credentials are not logged · dropped: changes and ways in are not logged
 * · anonymous: requests without a login are not logged · refused: failed logins are not logged · unmatched: no rule matches.
 */
export type FaultName = 'leaks' | 'blind' | 'dropped' | 'anonymous' | 'refused' | 'unmatched'
export interface AuditFault {
  readonly fault: FaultName
  /** Index of the rule that decides so; undefined where none matches. */
  readonly rule: number | undefined
  /** Configuration data only, no secrets or tokens. */
  readonly mild: boolean
  /** The requests, in words: `patch secrets in kube-system by a service account`. */
  readonly requests: readonly string[]
}

/** All faults, each with the rule it comes from: one entry a fault, rule and mildness. */
export function auditFaults(policy: AuditPolicy): readonly AuditFault[] {
  const found = new Map<string, AuditFault & { readonly requests: string[] }>()
  const add = (name: FaultName, { rule }: AuditDecision, words: string, isMild = false): void => {
    const fault = rule === undefined ? 'unmatched' : name
    const mild = isMild && fault === 'leaks'
    const entry = found.get(`${fault} ${rule} ${mild}`) ?? { fault, rule, mild, requests: [] }
    if (!entry.requests.includes(words)) entry.requests.push(words)
    found.set(`${fault} ${rule} ${mild}`, entry)
  }
  for (const { request, words } of [...requestsFor(CREDENTIALS, ACTORS), ...requestsFor(CREDENTIALS.slice(0, 1), [NODE])]) {
    const decision = auditDecision(policy, request)
    const level = loggedLevel(decision, request)
    if (level === 'None') add('blind', decision, words)
    else if (holdsBody(level, request.verb)) add('leaks', decision, words, request.resource?.resource === 'configmaps')
  }
  for (const [index, rule] of policy.rules.entries())
    for (const { request, words } of askedOfLoud(rule)) {
      const decision = auditDecision(policy, request)
      if (decision.rule === index && holdsBody(loggedLevel(decision, request), request.verb))
        add('leaks', decision, words, request.resource?.resource === 'configmaps')
    }
  const logged = (fault: FaultName, { request, words }: Asked): void => {
    const decision = auditDecision(policy, request)
    if (loggedLevel(decision, request) === 'None') add(fault, decision, words)
  }
  for (const asked of requestsFor(CHANGES, ACTORS)) logged('dropped', asked)
  for (const asked of [...requestsFor(TRIED, [ANONYMOUS]), asksForPath(ANONYMOUS)]) logged('anonymous', asked)
  for (const asked of requestsFor([UNHEARD_OF], ACTORS)) logged('dropped', asked)
  // What a rule drops of everybody is told above: here is the one stage of a login that fails, and what only groups are logged for.
  for (const asked of [...requestsFor(TRIED, [NOBODY]), asksForPath(NOBODY)])
    if (auditDecision(policy, asked.request).level !== 'None') logged('refused', asked)
  for (const asked of [...requestsFor([UNHEARD_OF], [NOBODY]), ...[...ACTORS, NOBODY].map(asksForPath)])
    if (auditDecision(policy, asked.request).rule === undefined) logged('unmatched', asked)
  return [...found.values()]
}

/** A request to read has no body of its own; an answer always may have one. */
const holdsBody = (level: AuditLevel, verb: string): boolean =>
  level === 'RequestResponse' || (level === 'Request' && ['create', 'update', 'patch'].includes(verb))

/**
 * Requests for credentials by those, and in those places, that a rule which logs bodies names. A ConfigMap that is named itself, such as
 * aws-auth, is meant to be logged.
 */
function* askedOfLoud(rule: AuditRule): Iterable<Asked> {
  const { level, verbs = [], namespaces = [], resources = [] } = rule
  if (level !== 'Request' && level !== 'RequestResponse') return
  const names = resources.flatMap(({ resourceNames = [] }) => resourceNames)
  const actors = actorsOf(rule).slice(0, MOST)
  const isAsked = (verb: string): boolean => verbs.length === 0 || verbs.includes(verb)
  for (const about of CREDENTIALS)
    yield* requestsFor([{ ...about, verbs: about.verbs.filter(isAsked) }], actors, {
      namespaces: namespaces.length === 0 ? ANYWHERE.namespaces : namespaces.filter((one) => one !== '').slice(0, MOST),
      names: about.resource === 'configmaps' ? ANYWHERE.names : [...ANYWHERE.names, ...names.slice(0, MOST)],
    })
}
/** Each is asked about with each: a file may name thousands. */
export const MOST = 20
