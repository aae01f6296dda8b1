/** Takes subjects out of a binding, or the whole binding when none is left; where asked to, binds them to less instead. */

import { remedy } from '../src/model/define.ts'
import type {
  BindingObject,
  Change,
  Finding,
  Json,
  Kind,
  KubeObject,
  ObjectRef,
  PolicyRule,
  Proposal,
  RbacSubject,
  Remedy,
  RemedyContext,
  Risk,
} from '../src/model/index.ts'
import { bootstrapBinding, isDefaultSubject, subjectText } from '../src/objects/rbac-bootstrap.ts'
import { PEOPLE, type SubjectEvidence } from '../src/objects/rbac-exposure.ts'
import { type Grant, grants, roleOf, rulesOf } from '../src/objects/rbac-grants.ts'
import { allows, isIn } from '../src/objects/rbac-kept.ts'
import type { AccessRequest } from '../src/objects/rbac-rules.ts'
import { isNamedBy, keyOf, refOf, refText } from '../src/objects/ref.ts'
import { isAllUsed, KEPT_READS, type Need, needsOf, objectsFor } from './kept-rights.ts'
import { evidenceWords, usageText } from './kept-words.ts'

export const OPTIONS = {
  role: {
    describe:
      'the ClusterRole to bind these subjects to instead: view, edit, admin or one of your own; empty: what an audit log shows in use, without a log nothing',
    default: '',
  },
  namespaces: {
    describe: 'the namespaces to bind these subjects in, instead of the whole cluster; empty: where they are bound now',
    default: [],
  },
} as const

/** `safe` only where what is removed grants nothing to anybody who exists. */
export const removeSubjects = (risk: Risk): Remedy<SubjectEvidence> =>
  remedy<SubjectEvidence>({
    family: 'role-binding',
    reads: risk === 'safe' ? ['RoleBinding', 'ClusterRoleBinding'] : KEPT_READS,
    ...(risk !== 'safe' && { options: OPTIONS }),
    propose: (finding, context) => withoutSubjects(finding, context, risk),
  })

/** What an audit log shows in use is bound to the same subject anew; `also`: what of a grant is kept besides; false: nothing, another takes its place. */
export function withoutSubjects(
  finding: Finding<SubjectEvidence>,
  { view, options, alongside }: Pick<RemedyContext, 'view' | 'options' | 'alongside'>,
  risk: Risk,
  also: false | ((grant: Grant) => readonly PolicyRule[]) = risk !== 'safe' && (() => []),
): Proposal {
  const binding = objectOf(view, finding.subject) as BindingObject | undefined
  if (binding === undefined) return { byHand: `${refText(finding.subject)} is not there any more: scan again` }
  const protectedOne = finding.evidence.remove.find((subject) => whyProtected(binding, subject) !== undefined)
  if (protectedOne !== undefined) return { refused: whyProtected(binding, protectedOne)! }
  const goneBy = (findings: readonly Finding<any>[]): ReadonlySet<string> =>
    new Set(
      findings
        .flatMap((one) => removedBy(one))
        .filter((subject) => whyProtected(binding, subject) === undefined)
        .map(identity),
    )
  // The same options hold for all findings of one control: they come to one change, and to one binding instead.
  const siblings = [finding, ...alongside.filter((one) => one.control === finding.control && (one.key !== PEOPLE || isChosen(options)))]
  const [moved, gone] = [
    goneBy(siblings),
    goneBy([...siblings, ...alongside.filter((one) => one.control !== finding.control && one.key !== PEOPLE)]),
  ]
  const left = (binding.subjects ?? []).filter((subject) => !gone.has(identity(subject)))
  const names = finding.evidence.remove.map((subject) => subjectText(subject, binding.metadata.namespace)).join(', ')
  const instead = bindingsInstead(
    view,
    binding,
    (binding.subjects ?? []).filter((subject) => moved.has(identity(subject))),
    textOf(options['role']),
    listOf(options['namespaces']),
  )
  const needs = also === false ? [] : needsLeft(view, binding, gone, moved, instead, also)
  if ('byHand' in needs) return needs
  const isDropped = left.length === 0 && !isKept(binding)
  const removal: Change = isDropped
    ? { type: 'delete', target: finding.subject }
    : { type: 'edit', target: finding.subject, edits: [{ set: ['subjects'], to: left as unknown as Json }] }
  return {
    changes: [...instead.map((object): Change => ({ type: 'create', object })), ...objectsFor(view, needs), removal],
    risk,
    summary: `${isDropped ? `delete ${refText(finding.subject)}` : `remove ${names} from ${refText(finding.subject)}`}${instead.length > 0 ? ` and bind less: ${instead.map((object) => refText(refOf(object))).join(', ')}` : needs.length > 0 ? ', and keep what is in use' : ''}`,
    ...(risk !== 'safe' && {
      mayBreak: [...whatMayBreak(finding.evidence, names, instead.length + needs.length > 0), ...evidenceWords(view, needs)],
    }),
  }
}

/** What an audit log shows in use of what goes, beyond what is bound instead. */
function needsLeft(
  view: RemedyContext['view'],
  binding: BindingObject,
  gone: ReadonlySet<string>,
  moved: ReadonlySet<string>,
  instead: readonly BindingObject[],
  also: (grant: Grant) => readonly PolicyRule[],
): readonly Need[] | { readonly byHand: string } {
  const held = grants(view).all.filter((grant) => grant.binding === binding && gone.has(identity(grant.subject)))
  const replaced = (question: AccessRequest): boolean =>
    instead.some((one) => isIn(one.metadata.namespace, question) && allows(rulesBound(view, one), question))
  const needs: Need[] = []
  for (const grant of held) {
    const found = needsOf(view, grant, grant.rules, moved.has(identity(grant.subject)) ? replaced : () => false, also(grant))
    if ('byHand' in found) return found
    needs.push(...found)
  }
  const isNeeded = (grant: Grant): boolean =>
    needs.some((need) => need.grant === grant && need.subject.name === grant.subject.name && isAllUsed(need, grant.rules))
  return instead.length === 0 && held.length > 0 && held.every(isNeeded)
    ? {
        byHand: `all that it grants is in use: ${usageText(needs.flatMap(({ used }) => used))}; accept it in the file for --exceptions, or say what is to be bound instead`,
      }
    : needs
}
function rulesBound(view: RemedyContext['view'], binding: BindingObject): readonly PolicyRule[] {
  const role = roleOf(view, binding)
  return role === undefined ? [] : rulesOf(view, role)
}

/** A default binding stays, without subjects as it is shipped: the API server would only make it again. */
const isKept = ({ metadata, roleRef }: BindingObject): boolean =>
  bootstrapBinding(keyOf(metadata.namespace, metadata.name))?.role === `${roleRef.kind} ${roleRef.name}`

function whatMayBreak({ role, usedBy }: SubjectEvidence, names: string, replaced: boolean): string[] {
  const loss = `${names} ${replaced ? 'keeps only what the new binding grants' : `loses what ${role} grants`}`
  return usedBy.length === 0 ? [loss] : [loss, `running as it: ${usedBy.join(', ')}`]
}

const CONTROL_PLANE_USERS = new Set(['system:kube-controller-manager', 'system:kube-scheduler', 'system:apiserver'])

/** Without these the cluster, or everybody's way into it, stops working. */
function whyProtected(binding: BindingObject, subject: RbacSubject): string | undefined {
  const who = subjectText(subject, binding.metadata.namespace)
  if (subject.kind === 'Group' && subject.name === 'system:masters')
    return 'system:masters is the way back in when everything else is broken; its members pass whatever is bound'
  if (isDefaultSubject(binding, subject)) {
    return subject.name === 'kubeadm:cluster-admins'
      ? 'kubeadm:cluster-admins holds the administrators of this cluster: removing it would lock them out'
      : `${who} is a subject that Kubernetes itself puts into ${refText(refOf(binding))}; where its role grants more than it was made with, take that out of the role`
  }
  if (subject.kind === 'User' && CONTROL_PLANE_USERS.has(subject.name)) return `${subject.name} is a component of the control plane`
  return undefined
}

/** What an observation of this family asks to have removed. */
function removedBy({ evidence }: Finding<any>): readonly RbacSubject[] {
  return evidence !== null && typeof evidence === 'object' && 'remove' in evidence
    ? ((evidence as unknown as SubjectEvidence).remove ?? [])
    : []
}
const identity = ({ kind, name, namespace = '' }: RbacSubject): string => [kind, namespace, name].join('\0')

function bindingsInstead(
  view: RemedyContext['view'],
  binding: BindingObject,
  subjects: readonly RbacSubject[],
  role: string,
  namespaces: readonly string[],
): readonly BindingObject[] {
  if (role === '' && namespaces.length === 0) return []
  const roleRef = role === '' ? binding.roleRef : { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role }
  const own = binding.metadata.namespace
  const qualified = subjects.map((subject) =>
    subject.kind === 'ServiceAccount' && !subject.namespace && own !== undefined ? { ...subject, namespace: own } : subject,
  )
  const stem = role === '' ? binding.metadata.name : `${binding.metadata.name}-${role}`
  const made = (kind: string, namespace: string | undefined, number = 1): BindingObject => {
    const name = number === 1 ? stem : `${stem}-${number}`
    // A binding of that name is somebody else's.
    if (view.find(kind as Kind, namespace, name) !== undefined) return made(kind, namespace, number + 1)
    const metadata = { name, ...(namespace !== undefined && { namespace }) }
    return { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata, roleRef, subjects: qualified }
  }
  if (namespaces.length > 0)
    return namespaces.filter((namespace) => role !== '' || namespace !== own).map((namespace) => made('RoleBinding', namespace))
  return [made(binding.kind, own)]
}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value.trim() : '')
/** A list, also when it was given as words with commas. */
export const listOf = (value: Json | undefined): readonly string[] =>
  (typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value.map(String) : [])
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** Did the operator say what the subjects get instead? */
export const isChosen = (options: RemedyContext['options']): boolean =>
  textOf(options['role']) !== '' || listOf(options['namespaces']).length > 0

/** The object a finding is about; two files may declare the same one. */
export function objectOf(view: RemedyContext['view'], ref: ObjectRef): KubeObject | undefined {
  const found = view.find(ref.kind as Kind, ref.namespace, ref.name)
  if (found !== undefined && isNamedBy(found, ref)) return found
  return (view.all(ref.kind as Kind) as readonly KubeObject[]).find((object) => isNamedBy(object, ref))
}
