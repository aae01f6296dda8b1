/** Takes rights out of the rules of a role so that nothing else is lost, and spells wildcards out. */

import { remedy } from '../src/model/define.ts'
import type { Finding, Json, ObjectRef, Path, PolicyRule, Proposal, Remedy, RemedyContext, RoleObject } from '../src/model/index.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { isShippedRule } from '../src/objects/rbac-add-ons.ts'
import { isDefaultRule, mayBeForeignDefault, subjectText } from '../src/objects/rbac-bootstrap.ts'
import type { RbacEvidence, RuleEvidence, SubjectEvidence } from '../src/objects/rbac-exposure.ts'
import { holdersOf } from '../src/objects/rbac-grants.ts'
import { allows } from '../src/objects/rbac-kept.ts'
import {
  expand,
  hasNames,
  isNamed,
  overlap,
  type Rights,
  rightsInCommon,
  ruleInBrief,
  rulesInBrief,
  ruleText,
  subtract,
} from '../src/objects/rbac-rules.ts'
import { universeOf } from '../src/objects/rbac-served.ts'
import { refOf, refText } from '../src/objects/ref.ts'
import { secretsNamedBy } from '../src/objects/secret-references.ts'
import { WORKLOAD_KINDS } from '../src/objects/workloads.ts'
import { KEPT_READS, type Need, needsOf, objectsFor } from './kept-rights.ts'
import { evidenceWords, usageText } from './kept-words.ts'
import { isChosen, listOf, objectOf, removeSubjects, withoutSubjects } from './role-binding.ts'

const OF_BINDINGS = Object.fromEntries(
  Object.entries(removeSubjects('may-break').options!).map(([name, option]) => [
    name,
    { ...option, describe: `of a built-in role: ${option.describe}` },
  ]),
)

/** For findings of `exposures`: changes the rule where the role is somebody's own, and the binding where the role is Kubernetes'. */
export const narrowRights: Remedy<RbacEvidence> = remedy<RbacEvidence>({
  family: 'role-rules',
  reads: [...KEPT_READS, 'CustomResourceDefinition', 'ServedResources', 'Secret', ...WORKLOAD_KINDS],
  options: {
    ...OF_BINDINGS,
    names: {
      describe:
        'of a rule: the names of objects that its subjects may still work on; empty: the Secrets that their workloads name in arguments and variables, else none',
      default: [],
    },
  },
  propose: (finding, context) =>
    'mend' in finding.evidence
      ? withoutRights(finding as Finding<RuleEvidence>, context)
      : withoutHolders(finding as Finding<SubjectEvidence>, context),
})

/** Whether people, or whoever else a human has to judge, lose their access is that human's decision: none goes unless an option says what they get instead. */
function withoutHolders(finding: Finding<SubjectEvidence>, context: RemedyContext): Proposal {
  const proposal = withoutSubjects(finding, context, 'may-break')
  if (finding.verdict !== 'review' || isChosen(context.options) || !('changes' in proposal)) return proposal
  const how = editOf(finding.subject, proposal.changes.at(-1)?.type === 'delete' ? 'delete' : 'edit')
  return {
    byHand: `ask ${finding.evidence.remove.map((subject) => subjectText(subject, finding.subject.namespace)).join(', ')} whether this is needed; if not, bind them to less (--set ${finding.control}.role=view) or take them out (${how})`,
  }
}

const editOf = ({ kind, namespace, name }: ObjectRef, verb = 'edit'): string =>
  `kubectl ${namespace === undefined ? '' : `-n ${namespace} `}${verb} ${kind.toLowerCase()} ${name}`

function withoutRights(finding: Finding<RuleEvidence>, { view, options, alongside }: RemedyContext): Proposal {
  const role = objectOf(view, finding.subject) as RoleObject | undefined
  const rules = role?.rules ?? []
  const index = indexOf(finding.at)
  if (role === undefined || index === undefined || rules[index] === undefined)
    return { byHand: `${refText(finding.subject)} has no such rule any more: scan again` }
  const why = whyNot(role, rules[index], view.source.kubernetes)
  if (why !== undefined) return why
  if ('cut' in finding.evidence.mend && finding.evidence.mend.from?.length === 0)
    return {
      byHand: `it is limited to names already: ask ${finding.evidence.heldBy.join(', ')} whether it is needed; if not, take it out of ${refText(finding.subject)}: ${editOf(finding.subject)}`,
    }
  const universe = universeOf(view)
  const unknown = universe.complete ? undefined : whatIsNotKnown(view, rules[index], (group) => universe.resourcesOf(group).length > 0)
  if (unknown !== undefined) return { byHand: unknown }

  const held = holdersOf(view).get(role) ?? []
  const narrow = (wishes: readonly Wish[]): readonly PolicyRule[] =>
    rules.flatMap((rule, at) =>
      mended(
        rule,
        wishes.filter((wish) => wish.index === at).map((wish) => wish.mend),
        universe,
      ),
    )
  const needsAfter = (narrowed: readonly PolicyRule[]) => held.map((grant) => needsOf(view, grant, rules, (one) => allows(narrowed, one)))
  // What every holder uses in full is for a human, and no reason to leave the other findings on this role.
  const wishes = [finding, ...alongside].flatMap((one) => wishOf(one)).filter((wish) => !isInUse(wish, needsAfter(narrow([wish]))))
  const narrowed = narrow(wishes)
  const needs: Need[] = []
  for (const found of needsAfter(narrowed)) {
    if ('byHand' in found) return found
    needs.push(...found)
  }
  const { mend } = finding.evidence
  if (!wishes.some((wish) => wish.index === index && wish.mend === mend)) {
    const used = needsAfter(narrow(wishOf(finding))).flatMap((found) => ('byHand' in found ? [] : found.flatMap((need) => need.used)))
    return {
      byHand: `${usageText(used)}: it needs this right, so name the objects that it really works on (resourceNames): ${editOf(finding.subject)}`,
    }
  }
  const cuts = wishes.flatMap((wish) => ('cut' in wish.mend ? wish.mend.cut : []))
  // What is more than a default role has cannot stay in it.
  const inPlace = held.length === 1 && !wishes.some((wish) => 'keep' in wish.mend) ? keptInPlace(needs, cuts) : undefined
  const chosen = listOf(options['names'])
  const told = 'cut' in mend && chosen.length === 0 && !hasNames(rules[index]) ? secretsNamedBy(view, held) : []
  const kept =
    'cut' in mend
      ? [
          ...named(rules[index], mend.cut, chosen),
          ...named(
            rules[index],
            mend.cut.flatMap(ofSecrets),
            told.map(({ name }) => name),
          ),
        ]
      : []
  const wanted = [...narrowed, ...(inPlace ?? []), ...kept]
  const after = wanted.filter((rule, at) => wanted.findIndex((other) => JSON.stringify(other) === JSON.stringify(rule)) === at)
  return {
    changes: [
      ...(inPlace === undefined ? objectsFor(view, needs) : []),
      { type: 'edit', target: finding.subject, edits: [{ set: ['rules'], to: after as unknown as Json }] },
    ],
    risk: 'may-break',
    summary: `${summaryOf(mend, rules[index], refText(finding.subject))}${needs.length > 0 ? ', and keep what is in use' : ''}`,
    mayBreak: [
      ...mayBreak(finding.evidence, rules[index], universe.complete),
      ...(kept.length > 0 ? told : []).map(({ name, because }) => `${ruleText({ ...kept[0]!, resourceNames: [name] })} stays: ${because}`),
      ...(kept.some(({ verbs }) => verbs.includes('list') || verbs.includes('watch'))
        ? ['list and watch of named objects are allowed only with the field selector metadata.name=NAME']
        : []),
      ...evidenceWords(view, needs),
    ],
  }
}

function summaryOf(mend: RuleEvidence['mend'], rule: PolicyRule, role: string): string {
  if ('expand' in mend) return `spell out ${ruleInBrief(rule)} in ${role}`
  if ('cut' in mend)
    return `take ${rulesInBrief(rightsInCommon([rule], mend.cut))}${mend.from === undefined ? '' : ` named ${fewOf(mend.from)}`} out of ${role}`
  return `take ${ruleInBrief(rule)} out of ${role}${mend.keep.length > 0 ? `, except ${rulesInBrief(mend.keep)}` : ''}`
}

/** Does every holder use some of what is to be cut, for any name and wherever it is granted? */
function isInUse({ mend }: Wish, needs: readonly ReturnType<typeof needsOf>[]): boolean {
  if (!('cut' in mend) || needs.length === 0) return false
  return needs.every((found) => {
    if ('byHand' in found) return true
    return found.some(({ grant, subject, kept }) => {
      const own = grant.namespace === undefined ? kept.cluster : (kept.namespaced.get(grant.namespace) ?? [])
      return subject.name === grant.subject.name && own.some((rule) => !isNamed(rule) && isCut(rule, mend.cut))
    })
  })
}
const isCut = (rule: PolicyRule, cuts: readonly Rights[]): boolean => cuts.some((cut) => overlap(rule, cut) !== undefined)

/** What the only holder goes on needing can stand in the role itself, where it is needed just where the role is bound and no part of what was cut. */
function keptInPlace(needs: readonly Need[], cuts: readonly Rights[]): readonly PolicyRule[] | undefined {
  const [need] = needs
  if (needs.length !== 1 || need!.subject.name !== need!.grant.subject.name) return undefined
  const { grant, kept } = need!
  const [own, elsewhere] =
    grant.namespace === undefined ? [kept.cluster, kept.namespaced.size] : [kept.namespaced.get(grant.namespace) ?? [], kept.cluster.length]
  return elsewhere === 0 && !own.some((rule) => isCut(rule, cuts)) ? own : undefined
}

/** All that the findings on this role want of one rule: first what is to be left at most, then every wildcard spelled out, then every cut, in an order of their own. */
function mended(rule: PolicyRule, wishes: readonly RuleEvidence['mend'][], universe: ReturnType<typeof universeOf>): readonly PolicyRule[] {
  const cuts = wishes
    .flatMap((wish) => ('cut' in wish ? wish.cut.map((rights) => ({ rights, ...(wish.from && { from: wish.from }) })) : []))
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  const most = wishes.find((wish) => 'keep' in wish)?.keep ?? [rule]
  const start = wishes.some((wish) => 'expand' in wish) ? most.flatMap((one) => expand(one, universe)) : most
  return cuts.reduce<readonly PolicyRule[]>(
    (pieces, { rights, from }) => pieces.flatMap((piece) => subtractNamed(piece, rights, from, universe)),
    start,
  )
}

/** A rule with names loses the rights on those in `from` alone; the others stay as they are. */
function subtractNamed(
  rule: PolicyRule,
  rights: Rights,
  from: readonly string[] | undefined,
  universe: ReturnType<typeof universeOf>,
): readonly PolicyRule[] {
  if (from === undefined || !hasNames(rule) || overlap(rule, rights) === undefined) return subtract(rule, rights, universe)
  const [gone, left] = [
    rule.resourceNames!.filter((name) => from.includes(name)),
    rule.resourceNames!.filter((name) => !from.includes(name)),
  ]
  return [
    ...(left.length > 0 ? [{ ...rule, resourceNames: left }] : []),
    ...(gone.length > 0 ? subtract({ ...rule, resourceNames: gone }, rights, universe) : []),
  ]
}

/** The rights on these objects only; a rule that names its objects already is not widened. */
const named = (rule: PolicyRule, cuts: readonly Rights[], names: readonly string[]): readonly PolicyRule[] =>
  names.length === 0 || hasNames(rule)
    ? []
    : cuts.flatMap((cut) => {
        const held = overlap(rule, cut)
        return held === undefined ? [] : [{ apiGroups: held.groups, resources: held.resources, resourceNames: names, verbs: held.verbs }]
      })

/** Of a cut, what is asked for on one Secret by its name. */
function ofSecrets({ verbs, groups, resources }: Rights): readonly Rights[] {
  const single = verbs.filter((verb) => ['get', 'update', 'patch', 'delete'].includes(verb))
  return groups.includes('') && resources.includes('secrets') && single.length > 0
    ? [{ verbs: single, groups: [''], resources: ['secrets'] }]
    : []
}

interface Wish {
  readonly index: number
  readonly mend: RuleEvidence['mend']
}
function wishOf({ at, evidence }: Finding<any>): readonly Wish[] {
  const index = indexOf(at)
  if (index === undefined || evidence === null || typeof evidence !== 'object' || !('mend' in evidence)) return []
  return [{ index, mend: (evidence as unknown as RuleEvidence).mend }]
}
const indexOf = (at: Path | undefined): number | undefined => (at?.[0] === 'rules' && typeof at[1] === 'number' ? at[1] : undefined)

function whyNot(role: RoleObject, rule: PolicyRule, version: string | undefined): Proposal | undefined {
  if (isDefaultRule(role, rule))
    return {
      refused: `${role.metadata.name} is a role of Kubernetes itself: its components need it, and the API server puts it back at every start`,
    }
  if (isShippedRule(role, rule))
    return { byHand: `${role.metadata.name} is as its add-on ships it: see whether a newer release of the add-on asks for less` }
  if (mayBeForeignDefault(role, version))
    return {
      byHand: `compare ${role.metadata.name} with the default of this Kubernetes version: the API server puts its defaults back at every start; what is not among them goes by ${editOf(refOf(role))}`,
    }
  if (role.aggregationRule)
    return { byHand: 'the rules of an aggregated role are filled in by a controller: change the roles that its aggregationRule selects' }
  return undefined
}

/** Without discovery a wildcard cannot be spelled out on a live cluster; in files it can as far as Kubernetes and the CRDs among them go. */
function whatIsNotKnown(view: RemedyContext['view'], rule: PolicyRule, isKnown: (group: string) => boolean): string | undefined {
  const groups = rule.apiGroups ?? []
  const wild = rule.resources?.some((resource) => resource.startsWith('*')) === true
  if (!wild && !groups.includes('*')) return undefined
  if (view.source.kind === 'live')
    return `what the wildcard stands for is not known, because ${view.unread('ServedResources')?.because ?? 'discovery was not asked'}: scan again when it answers, or write the list from kubectl api-resources`
  const unknown = wild ? groups.filter((group) => group !== '*' && !isKnown(group)) : []
  return unknown.length === 0
    ? undefined
    : `which resources ${unknown.join(' and ')} serves is not known here: scan the live cluster, or write the list from kubectl api-resources`
}

function mayBreak({ heldBy, mend }: RuleEvidence, rule: PolicyRule, complete: boolean): string[] {
  const wild = rule.apiGroups?.includes('*') || rule.resources?.includes('*')
  return [
    heldBy.length > 0 ? `whoever uses these rights: ${heldBy.join(', ')}` : 'whoever is bound to this role outside these files',
    ...('expand' in mend && rule.verbs.includes('*')
      ? ['verbs that are no request on an object go: bind, escalate, impersonate, approve, sign, use']
      : []),
    ...(wild ? ['kinds that are installed later are not covered any more'] : []),
    ...(wild && !complete ? ['of kinds that are no part of Kubernetes only those with a CustomResourceDefinition here are covered'] : []),
  ]
}
