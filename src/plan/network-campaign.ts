/**
 * NetworkPolicies are rolled out in two campaigns, ingress and then egress, one namespace after another: which of them a step is part
 * of, and whether it lets more through or less.
 */
import type { Change, Json, KubeObject, Step } from '../model/index.ts'
import { list } from '../objects/spec-fields.ts'
import { canonicalJson } from './canonical.ts'

export interface Campaign {
  readonly direction: 'ingress' | 'egress'
  /** Absent: policies of the whole cluster. */
  readonly namespace?: string
}

/** Every dialect calls its own so: CiliumNetworkPolicy, GlobalNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy. */
export const isPolicyKind = (kind: string): boolean => /NetworkPolicy$/.test(kind) || kind === 'CiliumClusterwideNetworkPolicy'

/** Undefined where the step changes no policy. One that changes both directions belongs to the later campaign. */
export function campaignOf({ changes, inverse }: Pick<Step, 'changes' | 'inverse'>): Campaign | undefined {
  const [change] = changes.filter(({ type }) => type === 'create' || type === 'edit' || type === 'delete')
  if (change === undefined || change.type === 'file' || change.type === 'command' || change.type === 'host') return undefined
  const { kind } = change.type === 'create' ? change.object : change.target
  if (!isPolicyKind(kind)) return undefined
  const namespace = change.type === 'create' ? change.object.metadata.namespace : change.target.namespace
  const isEgress = changes.some(touchesEgress) || inverse.some((one) => one.type === 'create' && touchesEgress(one))
  return { direction: isEgress ? 'egress' : 'ingress', ...(namespace !== undefined && { namespace }) }
}

export const isSame = (a: Campaign | undefined, b: Campaign | undefined): boolean =>
  a !== undefined && b !== undefined && a.direction === b.direction && a.namespace === b.namespace

/** Those of these steps that the step needs, at first or at second hand, and that are of its campaign; the last first. */
export function writtenFor(step: Step, steps: readonly Step[]): readonly Step[] {
  const campaign = campaignOf(step)
  const needed = new Set(step.after)
  return steps.toReversed().filter((one) => {
    if (!needed.has(one.id) || !isSame(campaignOf(one), campaign)) return false
    for (const id of one.after) needed.add(id)
    return true
  })
}

/**
 * 0: nothing is cut by it. 1: it isolates what it selects and allows some of it. 2: it only denies, or it narrows what was allowed.
 * 3: it takes allowed traffic away. Within a namespace the steps go in this order.
 */
export function phaseOf({ changes, inverse }: Pick<Step, 'changes' | 'inverse'>): 0 | 1 | 2 | 3 {
  const phases = changes.map((change, index) => phase(change, inverse[index]))
  return phases.reduce((latest, one) => (one > latest ? one : latest), 0)
}

function phase(change: Change, inverse: Change | undefined): 0 | 1 | 2 | 3 {
  if (change.type === 'create') return denies(change.object) ? 2 : 1
  if (change.type === 'edit') return onlyAddsRules(change, inverse) ? 0 : 2
  // Without a policy that only denies more gets through.
  if (change.type === 'delete') return inverse?.type === 'create' && allowsNothing(inverse.object) ? 0 : 3
  return 0
}

type Mapping = Readonly<Record<string, Json | undefined>>
const specsOf = (object: KubeObject): readonly Mapping[] => {
  const { spec, specs } = object as KubeObject & { readonly spec?: Mapping; readonly specs?: readonly Mapping[] }
  return [...(spec === undefined || spec === null ? [] : [spec]), ...(specs ?? [])]
}
/** What it names; one that says nothing is for ingress, as the API server fills it in. */
const typesOf = (spec: Mapping): readonly Json[] => {
  const named = list(spec['policyTypes'] ?? spec['types'])
  if (named.length > 0) return named
  const egress = list(spec['egress']).length + list(spec['egressDeny']).length > 0 || ('enableDefaultDeny' in spec && 'egress' in spec)
  const ingress = 'ingress' in spec || 'ingressDeny' in spec
  return egress ? (ingress || 'podSelector' in spec ? ['Ingress', 'Egress'] : ['Egress']) : ['Ingress']
}

function touchesEgress(change: Change): boolean {
  if (change.type === 'create') return specsOf(change.object).some((spec) => typesOf(spec).includes('Egress'))
  if (change.type !== 'edit') return false
  return change.edits.some((edit) => {
    const path = 'set' in edit ? edit.set : edit.unset
    if (path.some((key) => key === 'egress' || key === 'egressDeny')) return true
    return path.some((key) => key === 'policyTypes' || key === 'types') && 'set' in edit && list(edit.to).includes('Egress')
  })
}

/** A direction that it names has no rule that lets something through, or it says what to refuse. */
function denies(object: KubeObject): boolean {
  return specsOf(object).some((spec) => {
    const refuses = [...list(spec['ingress']), ...list(spec['egress'])].some((rule) =>
      /^deny$/i.test(String((rule as Mapping)?.['action'])),
    )
    if (refuses || 'ingressDeny' in spec || 'egressDeny' in spec) return true
    return typesOf(spec).some((type) => list(spec[String(type).toLowerCase()]).length === 0)
  })
}
const allowsNothing = (object: KubeObject): boolean =>
  specsOf(object).every((spec) => list(spec['ingress']).length + list(spec['egress']).length === 0)

/** Rules are lists, which an edit sets as a whole: every rule of before must still be among them. */
function onlyAddsRules(change: Extract<Change, { type: 'edit' }>, inverse: Change | undefined): boolean {
  if (inverse?.type !== 'edit') return false
  return change.edits.every((edit) => {
    const path = 'set' in edit ? edit.set : edit.unset
    if (path[0] === 'metadata') return true
    if (!('set' in edit) || path.length !== 2 || (path[1] !== 'ingress' && path[1] !== 'egress')) return false
    const back = inverse.edits.find((one) => canonicalJson('set' in one ? one.set : one.unset) === canonicalJson(path))
    if (back === undefined) return false
    const kept = new Set(list(edit.to).map((rule) => canonicalJson(rule)))
    return 'set' in back ? list(back.to).every((rule) => kept.has(canonicalJson(rule))) : true
  })
}
