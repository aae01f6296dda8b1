/** Which findings are about a way to cluster-admin: those that its first step is mended by, and the one about a single hop. */
import type { Finding, FindingId } from '../model/index.ts'
import { remembered } from '../objects/derived.ts'
import { subjectText } from '../objects/rbac-bootstrap.ts'
import { type Hop, throughOf } from '../objects/rbac-graph-path.ts'
import type { Way } from '../objects/rbac-graph-ways.ts'
import { refText } from '../objects/ref.ts'
import type { Scan } from './store-state.ts'

/** Controls whose remedy ends a way where it begins. */
const ENDING = ['rbac-admin-equivalent-role', 'rbac-cluster-admin-bindings']

type Findings = Scan['findings']
const byObject = remembered(
  (findings: Findings): ReadonlyMap<string, readonly Finding[]> =>
    Map.groupBy(
      findings.values().filter(({ practice }) => practice === 'rbac'),
      ({ subject }) => refText(subject),
    ),
)

/** Those that begin its ways, in their order. */
export function beginningFindings({ findings }: Scan, { begins }: Way): readonly Finding[] {
  const found = begins.flatMap((one) => {
    const who = subjectText(one.grant.subject, one.grant.namespace)
    const [best] = about(findings, throughOf(one), who)
    return best !== undefined && ENDING.includes(best.control) ? [best] : []
  })
  return [...new Set(found)]
}

/** What a plan is made of: never the platform's own, nor what was accepted. */
export const plannable = (list: readonly Finding[]): readonly FindingId[] =>
  list.filter(({ origin, excepted }) => origin === 'workload' && !excepted).map(({ id }) => id)

/** The finding for one hop: about its rule or its binding. */
export function hopFinding({ findings }: Scan, { by, through }: Hop): Finding | undefined {
  const who = by.replace(':', ' ')
  return through.flatMap((one) => about(findings, one, who).slice(0, 1))[0]
}

/** About a rule of a role, or about the binding, those first that name the subject and end its way. */
function about(findings: Findings, { role, rule, binding }: Hop['through'][number], who: string): readonly Finding[] {
  const index = byObject(findings)
  const ofRule = (index.get(role) ?? []).filter(({ at }) => at?.[0] === 'rules' && at[1] === rule)
  const ofBinding = index.get(binding) ?? []
  const isEnding = ({ control }: Finding) => ENDING.includes(control)
  const isTheirs = ({ key = '' }: Finding) => key === who || key === `${who} by ${binding}`
  return [
    ...[...ofRule, ...ofBinding].filter((one) => isEnding(one) && isTheirs(one)),
    ...ofBinding.filter((one) => isEnding(one) && !isTheirs(one) && (one.key === undefined || one.key === 'people')),
    ...[...ofRule, ...ofBinding].filter((one) => !isEnding(one)),
  ]
}
