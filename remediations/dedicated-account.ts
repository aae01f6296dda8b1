/** A service account of their own for workloads that run as the default one: made, bound and taken on before the default one loses its rights. */
import type {
  BindingObject,
  Change,
  Edit,
  Finding,
  Proposal,
  RbacSubject,
  RemedyContext,
  ServiceAccountObject,
} from '../src/model/index.ts'
import { mountsToken, ownGrants } from '../src/objects/rbac-accounts.ts'
import type { SubjectEvidence } from '../src/objects/rbac-exposure.ts'
import { serviceAccountOf } from '../src/objects/rbac-grants.ts'
import { workloadsByAccount } from '../src/objects/rbac-users.ts'
import { refText } from '../src/objects/ref.ts'
import type { Workload } from '../src/objects/workloads.ts'
import { HARMLESS, isPlace, templateChange, templatePlace } from './pod-template.ts'
import { withoutSubjects } from './role-binding.ts'

export const ACCOUNT_OPTION = {
  account: {
    describe:
      'the service account that workloads with a token of the default one are to run as from now on; it is made where it is not there, and bound as the default one was; empty: none, they lose those rights',
    default: '',
  },
} as const

/** Clouds trust an account by its name: another one has to be told to them first. */
const CLOUD = /^(eks\.amazonaws\.com|iam\.gke\.io|azure\.workload\.identity)\//

/** For a finding about a binding of default accounts. Everything they are bound to goes along, since the workloads leave all of it. */
export function moveToAccount(finding: Finding<SubjectEvidence>, context: RemedyContext, name: string): Proposal {
  const removal = withoutSubjects(finding, context, 'may-break', false)
  if (!('changes' in removal)) return removal
  const accounts = finding.evidence.remove.map((subject) => serviceAccountOf(subject, finding.subject.namespace))
  const namespaces = [...new Set(accounts.flatMap((account) => (account?.name === 'default' ? [account.namespace] : [])))].sort()
  if (namespaces.length === 0 || accounts.includes(undefined))
    return {
      byHand: `${refText(finding.subject)} binds all accounts at once: bind those that need it by their names, then take the group out`,
    }
  const moves: Change[] = []
  const mayBreak: string[] = []
  for (const namespace of namespaces) {
    const move = moveIn(namespace, finding, context.view, name)
    if (!('changes' in move)) return move
    moves.push(...move.changes)
    mayBreak.push(...(move.mayBreak ?? []))
  }
  if (moves.length === 0) return withoutSubjects(finding, context, 'may-break')
  return {
    ...removal,
    changes: [...moves, ...removal.changes],
    summary: `${removal.summary}, after its workloads have moved to service account ${name}`,
    mayBreak: [...(removal.mayBreak ?? []), ...mayBreak, 'whatever uses a token of the default account elsewhere than in these workloads'],
  }
}

function moveIn(namespace: string, finding: Finding<SubjectEvidence>, view: RemedyContext['view'], name: string): Proposal {
  const workloads = (workloadsByAccount(view).get(`${namespace}/default`) ?? []).filter((one) => mountsToken(one, view) !== 'no')
  if (workloads.length === 0) return { changes: [], risk: 'safe', summary: '' }
  const old: ServiceAccountObject | undefined = view.find('ServiceAccount', namespace, 'default')
  if (Object.keys(old?.metadata.annotations ?? {}).some((key) => CLOUD.test(key)))
    return {
      byHand: `${namespace}/default has an identity of the cloud: let ${namespace}/${name} have it there first, then move its workloads`,
    }
  const edits: Change[] = []
  const mayBreak: string[] = []
  for (const workload of workloads) {
    const place = templatePlace({ ...finding, subject: workload.ref, key: '' }, view, `set serviceAccountName to ${name}`)
    if (!isPlace(place) || workload.mirror)
      return { byHand: `move ${refText(workload.ref)} first: ${isPlace(place) ? 'it is a static pod' : whyOf(place)}` }
    const change = templateChange(place, accountEdits(workload, name), '', HARMLESS)
    if (!('changes' in change)) return change
    edits.push(...change.changes)
    mayBreak.push(`${refText(workload.ref)} starts anew`, ...(change.mayBreak ?? []))
  }
  return {
    changes: [...accountFor(namespace, name, old, view), ...bindingsFor(namespace, name, view), ...edits],
    risk: 'may-break',
    summary: '',
    mayBreak,
  }
}
const whyOf = (proposal: Proposal): string => ('byHand' in proposal ? proposal.byHand : 'refused' in proposal ? proposal.refused : '')

function accountEdits({ at = [], spec }: Workload, name: string): readonly Edit[] {
  const deprecated = 'serviceAccount' in spec ? [{ set: [...at, 'serviceAccount'], to: name }] : []
  return [{ set: [...at, 'serviceAccountName'], to: name }, ...deprecated]
}

/** Images are pulled with the pull secrets of the account. */
function accountFor(
  namespace: string,
  name: string,
  old: ServiceAccountObject | undefined,
  view: RemedyContext['view'],
): readonly Change[] {
  if (view.find('ServiceAccount', namespace, name) !== undefined) return []
  const object: ServiceAccountObject = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace },
    ...(old?.imagePullSecrets !== undefined && { imagePullSecrets: old.imagePullSecrets }),
  }
  return [{ type: 'create', object }]
}

function bindingsFor(namespace: string, name: string, view: RemedyContext['view']): readonly Change[] {
  const subject: RbacSubject = { kind: 'ServiceAccount', name, namespace }
  const held = [...new Set(ownGrants(view, namespace, 'default').map(({ binding }) => binding))]
  return held
    .filter(
      ({ subjects }) => !(subjects ?? []).some((one) => one.kind === subject.kind && one.name === name && one.namespace === namespace),
    )
    .map(({ apiVersion, kind, metadata, roleRef }): Change => {
      const stem = `${metadata.name}-${name}${metadata.namespace === namespace ? '' : `-${namespace}`}`
      const named = (number: number): string => {
        const text = number === 1 ? stem : `${stem}-${number}`
        return view.find(kind as 'RoleBinding', metadata.namespace, text) === undefined ? text : named(number + 1)
      }
      const place = { name: named(1), ...(metadata.namespace !== undefined && { namespace: metadata.namespace }) }
      return { type: 'create', object: { apiVersion, kind, metadata: place, roleRef, subjects: [subject] } as BindingObject }
    })
}
