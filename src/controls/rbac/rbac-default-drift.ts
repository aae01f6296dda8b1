import { shippedAgain } from '../../../remediations/default-roles.ts'
import { control } from '../../model/define.ts'
import type { BindingObject, Observation, RbacSubject, Remark, RoleObject } from '../../model/index.ts'
import { distribution } from '../../objects/distribution.ts'
import { fewOf } from '../../objects/few-of.ts'
import { FLAG_LADDER, serverMinor } from '../../objects/flags.ts'
import {
  BOOTSTRAP_RANGE,
  isBootstrapRole,
  isKnownMinor,
  isLabelledDefault,
  missingDefaults,
  subjectText,
} from '../../objects/rbac-bootstrap.ts'
import { bindingDrift, gathered, gathersMore, judgedElsewhere, ofProvider, roleDrift } from '../../objects/rbac-drift.ts'
import { at, type DriftEvidence, lost, marks, soft } from '../../objects/rbac-drift-evidence.ts'
import { grantText, shortList } from '../../objects/rbac-exposure.ts'
import { holdersOf, RBAC_KINDS, type RbacView } from '../../objects/rbac-grants.ts'
import { ruleInBrief, ruleText } from '../../objects/rbac-rules.ts'
import { refOf, refText } from '../../objects/ref.ts'

type Found = Observation<DriftEvidence> | Remark

export default control({
  title: 'The default roles and bindings must grant what Kubernetes ships, and nothing else',
  severity: 'high',
  why: 'Nobody looks into roles that Kubernetes itself made, and the API server never takes out what was added to them. A right hidden there, or gathered into view, edit or admin, reaches everybody who is bound to them.',
  references: [
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
  ],
  reads: RBAC_KINDS,
  consults: FLAG_LADDER,
  *evaluate(view): Iterable<Found> {
    const told = serverMinor(view)
    const minor = isKnownMinor(told) ? told : undefined
    const { name, managed } = distribution(view)
    const server: Server = { minor, patched: managed || name === 'openshift', live: view.source.kind === 'live' }
    for (const role of [...view.all('ClusterRole'), ...view.all('Role')]) {
      yield* ofRole(view, role, server)
      if (role.kind === 'ClusterRole') yield* widening(role, server)
    }
    for (const binding of [...view.all('ClusterRoleBinding'), ...view.all('RoleBinding')]) yield* ofBinding(binding, server)
    if (!server.live) return
    if (minor === undefined)
      yield {
        unknown: `what ${told === undefined ? 'this version' : `1.${told}`} of Kubernetes ships is not known here: compared with all of ${BOOTSTRAP_RANGE}`,
        answer: 'take a newer k8s-harden, or let it read /version',
      }
    const missing = minor === undefined ? [] : missingDefaults(minor, (kind, one) => view.find(kind, undefined, one) !== undefined)
    if (missing.length > 0)
      yield { note: `defaults that are not there, until the API server starts again: ${shortList(missing).join(', ')}` }
  },
  remedy: shippedAgain,
  verify: 'kubectl auth reconcile and the next start of the API server change nothing, and a second scan finds no difference.',
})

interface Server {
  /** Undefined: not one whose defaults are known here. */
  readonly minor: number | undefined
  /** Run by a provider that changes some defaults, which nobody publishes: differences are for a human to judge. */
  readonly patched: boolean
  readonly live: boolean
}
function* ofRole(view: RbacView, role: RoleObject, { minor, patched, live }: Server): Iterable<Found> {
  const drift = roleDrift(view, role, minor)
  yield* marks(role, isBootstrapRole(role))
  if (drift === undefined) return
  for (const { index, rule, keep, elsewhere } of drift.added) {
    const where = { ...at(role, 'rules', index), detail: ruleInBrief(rule) }
    const heldBy = shortList((holdersOf(view).get(role) ?? []).map(grantText))
    if (elsewhere)
      yield { ...where, reason: 'still grants what another version of Kubernetes ships', ...soft('elsewhere', [ruleText(rule)]) }
    else if (patched || (minor === undefined && isLabelledDefault(role)))
      yield { ...where, reason: MORE, ...soft('foreign', [ruleText(rule)]), severity: 'high' }
    else yield { ...where, reason: MORE, evidence: { role: refText(refOf(role)), rule, heldBy, mend: { keep } } }
  }
  if (gathersMore(role))
    yield {
      ...at(role, 'aggregationRule'),
      reason: 'gathers more roles than Kubernetes ships it with',
      evidence: { state: 'selectors', what: [] },
    }
  if (drift.missing.length > 0 && live) yield lost(role, drift.missing.map(ruleText))
}
const MORE = 'grants more than Kubernetes ships it with'

function* widening(role: RoleObject, { minor, patched }: Server): Iterable<Found> {
  const found = gathered(role, minor)
  if (found === undefined) return
  const gains = found.gains.map((one) => one.gains)
  const { labels, into } = found
  const isTheirs = patched && role.metadata.name.startsWith('system:')
  yield {
    ...at(role, 'metadata', 'labels'),
    key: 'aggregated',
    reason: `widens ${into.join(' and ')} for everybody who is bound to ${into.length === 1 ? 'it' : 'them'}`,
    detail: `labelled ${labels.join(', ')}, so that they can ${fewOf(gains)}`,
    ...(isTheirs ? { ...soft('foreign', gains), severity: 'high' as const } : { evidence: { labels, into, gains } }),
  }
}

function* ofBinding(binding: BindingObject, { minor, patched, live }: Server): Iterable<Found> {
  const drift = bindingDrift(binding, minor)
  yield* marks(binding, drift !== undefined)
  if (drift === undefined) return
  const role = `${binding.roleRef.kind} ${binding.roleRef.name}`
  const textOf = (list: readonly RbacSubject[]): string[] => list.map((subject) => subjectText(subject, binding.metadata.namespace))
  const reported = drift.added.filter((subject) => judgedElsewhere(binding, subject))
  if (reported.length > 0) yield { note: `${textOf(reported).join(', ')} in ${refText(refOf(binding))}: reported by another control` }
  const added = drift.added.filter((subject) => !reported.includes(subject))
  const isUnclear = (subject: RbacSubject): boolean => (minor === undefined ? isLabelledDefault(binding) : patched && ofProvider(subject))
  const [foreign, ours] = [added.filter(isUnclear), added.filter((subject) => !isUnclear(subject))]
  const detailOf = (list: readonly RbacSubject[]): string => `${fewOf(textOf(list))} by ${role}`
  const reason = drift.otherRole === undefined ? 'binds subjects that Kubernetes does not' : `binds another role than ${drift.otherRole}`
  const where = at(binding, 'subjects')
  if (ours.length > 0)
    yield { ...where, key: 'added', reason, detail: detailOf(ours), evidence: { role, rules: [], remove: ours, usedBy: [] } }
  if (foreign.length > 0)
    yield { ...where, key: 'foreign', reason, detail: detailOf(foreign), ...soft('foreign', textOf(foreign)), severity: 'high' }
  if (drift.elsewhere.length > 0) {
    const old = { key: 'elsewhere', reason: 'still binds what another version of Kubernetes binds', detail: detailOf(drift.elsewhere) }
    yield { ...where, ...old, ...soft('elsewhere', textOf(drift.elsewhere)) }
  }
  if (drift.missing.length > 0 && live) yield lost(binding, drift.missing)
}
