/** What is used and what is kept of rights, in words. */
import type { RbacSubject, Readable, View } from '../src/model/index.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { subjectText } from '../src/objects/rbac-bootstrap.ts'
import type { Kept, Used } from '../src/objects/rbac-kept.ts'
import { type AccessRequest, ruleText } from '../src/objects/rbac-rules.ts'
import { logDoubts, toConfirm } from '../src/objects/rbac-usage-words.ts'

/** `used by cart: get on secrets named foo in shop, 12 times, last 2026-11-20`. */
export function usageText(used: readonly Used[]): string {
  const byUser = Map.groupBy(used, ({ user }) => user)
  return fewOf(
    [...byUser].map(([user, those]) => {
      const what = those.toSorted((a, b) => b.count - a.count).map((one) => questionText(one.question))
      const times = those.reduce((sum, { count }) => sum + count, 0)
      const last = those
        .map((one) => one.last)
        .sort()
        .at(-1)!
      return `used by ${user}: ${fewOf([...new Set(what)], 3)}, ${times} ${times === 1 ? 'time' : 'times'}, last ${last.slice(0, 10)}`
    }),
  )
}
function questionText(question: AccessRequest): string {
  if ('path' in question) return `${question.verb} on ${question.path}`
  const { verb, group, resource, subresource, namespace, name } = question
  const rule = { verbs: [verb], apiGroups: [group], resources: [subresource ? `${resource}/${subresource}` : resource] }
  return `${ruleText({ ...rule, ...(name && { resourceNames: [name] }) })}${namespace ? ` in ${namespace}` : ' in the whole cluster'}`
}

/** What one subject goes on needing. */
interface KeptBy {
  readonly subject: RbacSubject
  readonly used: readonly Used[]
  readonly kept: Kept
}

/** What is kept, as far as a log goes; nothing where there is none. */
export function evidenceWords(view: View<Readable>, needs: readonly KeptBy[]): readonly string[] {
  const observed = view.fact('ObservedRequests')
  if (observed === undefined) return []
  const kept = needs.map(
    ({ subject, kept: { cluster, namespaced } }) =>
      `${subjectText(subject)} keeps what it used: ${fewOf([...cluster.map(ruleText), ...[...namespaced].flatMap(([namespace, rules]) => rules.map((rule) => `${ruleText(rule)} in ${namespace}`))])}`,
  )
  return [
    ...kept,
    'the rest was not asked for while the audit log was written, and is refused from now on, also under new names and in other namespaces',
    ...logDoubts(observed),
    ...(observed.partial === true ? ['the log leaves subjects out, so members of a group may have used what it does not show'] : []),
    ...[...new Set(needs.flatMap(gainsOf))].map((gain) => `confirm that this was no attacker: what was used is enough to ${gain}`),
    ...(needs.some(({ used }) => used.some(({ question }) => writesRights(question)))
      ? ['it writes roles or bindings: from now on it can grant only what it holds itself']
      : []),
  ]
}
const gainsOf = ({ kept: { cluster, namespaced } }: KeptBy): readonly string[] => [
  ...toConfirm(cluster, true),
  ...[...namespaced.values()].flatMap((rules) => toConfirm(rules, false)),
]
const writesRights = (question: AccessRequest): boolean =>
  !('path' in question) && question.group === 'rbac.authorization.k8s.io' && ['create', 'update', 'patch'].includes(question.verb)
