/** Which checks of pods Gatekeeper's constraints enforce, namespace by namespace. Where anything is in doubt, they enforce nothing and say so. */
import type { GatekeeperConstraint, Json, LabelSelector, SpecObject, View } from '../model/index.ts'
import { ADMISSION_FAMILIES, type AdmissionFamily } from './admission-families.ts'
import { derived } from './derived.ts'
import { heldParts, isBesideThePoint, isOfLibrary, type Part, partsOf, partsOfFamily } from './gatekeeper-library.ts'
import { checksAt, NEWEST_MINOR } from './pod-security.ts'
import { policyMinor } from './pod-security-namespace.ts'
import { isEmptySelector, matchesSelector, namespaceLabels } from './selectors.ts'
import { asksAbout, backendOf, failsOpen, reachesNamespace } from './webhooks.ts'
import type { WorkloadKind } from './workloads.ts'

export type GatekeeperView = View<
  | 'GatekeeperConstraints'
  | 'GatekeeperConstraintTemplate'
  | 'ValidatingWebhookConfiguration'
  | 'Service'
  | 'Namespace'
  | 'ServerVersion'
  | WorkloadKind
>
export interface Gatekeeper {
  /** Is every pod refused there that the family is about? */
  readonly refuses: (namespace: string, family: AdmissionFamily) => boolean
  /** All checks of the baseline level are enforced there. */
  readonly isBaseline: (namespace: string) => boolean
  /** Some are: which are not, as families complete "pods that …"; undefined where none is. */
  readonly lacks: (namespace: string) => readonly string[] | undefined
  /** Constraints that may refuse something there, and why that is not counted. `kind` narrows them. */
  readonly doubts: (namespace: string, kind?: RegExp) => readonly string[]
  /** Constraints that look at no update, so at no ephemeral container. */
  readonly blind: (namespace: string) => readonly string[]
}

export const gatekeeper = (view: GatekeeperView): Gatekeeper => derived(view, readConstraints)

interface Seen {
  readonly parts: ReadonlySet<Part>
  readonly doubts: readonly { readonly kind: string; readonly text: string }[]
  readonly blind: readonly string[]
}

function readConstraints(view: GatekeeperView): Gatekeeper {
  const minor = policyMinor(view) ?? NEWEST_MINOR
  const baseline = checksAt('baseline', minor)
  const known = new Map<string, Seen>()
  const at = (namespace: string): Seen => {
    let seen = known.get(namespace)
    if (seen === undefined) known.set(namespace, (seen = seenIn(view, namespace, minor)))
    return seen
  }
  const has = (namespace: string, parts: readonly Part[]) => parts.every((part) => at(namespace).parts.has(part))
  return {
    refuses: (namespace, family) => has(namespace, partsOfFamily(family)),
    isBaseline: (namespace) => has(namespace, baseline.flatMap(partsOf)),
    lacks: (namespace) =>
      baseline.flatMap(partsOf).some((part) => at(namespace).parts.has(part))
        ? baseline.filter((check) => !has(namespace, partsOf(check))).map(inWords)
        : undefined,
    doubts: (namespace, kind) =>
      at(namespace)
        .doubts.filter((one) => (kind === undefined ? !isBesideThePoint(one.kind) : kind.test(one.kind.toLowerCase())))
        .map(({ text }) => text),
    blind: (namespace) => at(namespace).blind,
  }
}

const inWords = (check: string): string =>
  ADMISSION_FAMILIES.find(({ pss }) => pss?.checks.includes(check))?.refuses ?? 'switch seccomp off'

function seenIn(view: GatekeeperView, namespace: string, minor: number): Seen {
  const { constraints = [], excluded = [] } = view.fact('GatekeeperConstraints') ?? {}
  const parts = new Set<Part>()
  const doubts: { kind: string; text: string }[] = []
  const blind: string[] = []
  const { passed, why: around } = asked(view, namespace)
  if (passed || excluded.some((pattern) => isLike(pattern, namespace))) return { parts, doubts, blind }
  for (const constraint of constraints) {
    if (!mayRefuse(constraint) || !mayMatch(constraint, namespace, view)) continue
    const { kind, name, parameters } = constraint
    const template = view.find('GatekeeperConstraintTemplate', undefined, kind.toLowerCase())
    const code = template === undefined ? '' : codeOf(template)
    const why = around ?? uncertain(constraint, template, view.source.kind === 'live')
    const held = why === undefined ? heldParts(kind, parameters, code, minor) : []
    for (const part of held) parts.add(part)
    if (held.length > 0 && (!code.includes('ephemeralContainers') || LOOKS_AWAY.test(code))) blind.push(`${kind} ${name}`)
    if (held.length === 0 && (isOfLibrary(kind) || template === undefined || SETTINGS.test(code)))
      doubts.push({ kind, text: `Gatekeeper ${kind} ${name} (${why ?? 'not as strict as the level, or not known to be'})` })
  }
  return { parts, doubts, blind }
}

const SETTINGS = /privileged|hostNetwork|hostPID|hostIPC|hostPath|securityContext|capabilities|runAsNonRoot/
/** An ephemeral container comes with an update of its pod. */
const LOOKS_AWAY = /is_?update/i

const codeOf = ({ spec = {} }: SpecObject): string => JSON.stringify(spec['targets'] ?? [])

const mayRefuse = ({ enforcementAction }: GatekeeperConstraint): boolean => enforcementAction !== 'dryrun' && enforcementAction !== 'warn'

/** Gatekeeper's globs have their asterisk at the beginning, the end, or both. */
function isLike(pattern: string, namespace: string): boolean {
  const inner = pattern.replace(/^\*|\*$/g, '')
  if (pattern.length > 1 && pattern.startsWith('*') && pattern.endsWith('*')) return namespace.includes(inner)
  if (pattern.startsWith('*')) return namespace.endsWith(inner)
  return pattern.endsWith('*') ? namespace.startsWith(inner) : namespace === pattern
}

type Match = GatekeeperConstraint['match']
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])
const selectorIn = (match: Match, field: string): LabelSelector | undefined => (match[field] ?? undefined) as LabelSelector | undefined

/** Is it about pods of that namespace at all? */
function mayMatch({ match, cut }: GatekeeperConstraint, namespace: string, view: GatekeeperView): boolean {
  if (cut === true) return true
  const kinds = list(match['kinds']) as readonly { readonly apiGroups?: Json; readonly kinds?: Json }[]
  const isOfPods = (one: (typeof kinds)[number] | null) =>
    list(one?.apiGroups).some((group) => group === '' || group === '*') && list(one?.kinds).some((kind) => kind === 'Pod' || kind === '*')
  if (kinds.length > 0 && !kinds.some(isOfPods)) return false
  if (match['scope'] === 'Cluster') return false
  const named = list(match['namespaces']).map(String)
  if (named.length > 0 && !named.some((pattern) => isLike(pattern, namespace))) return false
  if (list(match['excludedNamespaces']).some((pattern) => isLike(String(pattern), namespace))) return false
  const labels = namespaceLabels(namespace, view.find('Namespace', undefined, namespace)?.metadata.labels)
  return selectorIn(match, 'namespaceSelector') === undefined || matchesSelector(selectorIn(match, 'namespaceSelector'), labels)
}

const UNDERSTOOD = new Set(['kinds', 'namespaces', 'excludedNamespaces', 'namespaceSelector', 'labelSelector', 'scope', 'source'])
const SCOPES: readonly (Json | undefined)[] = [undefined, '*', 'Namespaced', '']

/** Why a constraint that matches is not taken at its word. */
function uncertain({ match, enforcementAction, cut, enforced }: GatekeeperConstraint, template: SpecObject | undefined, live: boolean) {
  if (enforcementAction !== 'deny') return `its enforcementAction is ${enforcementAction.slice(0, 40)}`
  if (cut === true) return 'too large to be read'
  const pods = selectorIn(match, 'labelSelector')
  if (pods !== undefined && !isEmptySelector(pods)) return 'only for pods with some labels'
  const odd = Object.keys(match).find((key) => !UNDERSTOOD.has(key)) ?? (SCOPES.includes(match['scope']) ? undefined : 'scope')
  if (odd !== undefined) return `narrowed by match.${odd.slice(0, 40)}`
  if (match['source'] !== undefined && match['source'] !== 'All' && match['source'] !== 'Original') return 'narrowed by match.source'
  if (template === undefined) return 'its ConstraintTemplate is not there'
  if (live && enforced !== true) return 'Gatekeeper does not report that it is enforced'
  return undefined
}

/** Is Gatekeeper asked about all pods of a namespace? `passed`: about none of them, for certain; `why`: that is in doubt. */
function asked(view: GatekeeperView, namespace: string): { readonly passed: boolean; readonly why?: string } {
  const webhooks = view
    .all('ValidatingWebhookConfiguration')
    .flatMap(({ metadata, webhooks: all = [] }) => all.filter((one) => /gatekeeper/.test(`${metadata.name} ${one.name}`)))
    .filter((webhook) => asksAbout(webhook, 'create'))
  // Its constraints may have been made into ValidatingAdmissionPolicies.
  if (webhooks.length === 0)
    return {
      passed: false,
      why: view.source.kind === 'manifests' ? 'its webhook is not among these files' : 'no webhook asks Gatekeeper about pods',
    }
  const here = webhooks.filter((webhook) => reachesNamespace(webhook, namespace, view))
  if (here.length === 0) return { passed: true }
  if (here.every((webhook) => failsOpen(webhook) && (backendOf(webhook, view)?.copies ?? 0) === 0))
    return { passed: false, why: 'its webhook fails open, and no copy of Gatekeeper is seen to be ready' }
  const isOfAll = here.some(
    (webhook) =>
      isEmptySelector(webhook.objectSelector ?? {}) &&
      (webhook.matchConditions ?? []).length === 0 &&
      (webhook.rules ?? []).every(({ scope }) => scope !== 'Cluster'),
  )
  return isOfAll ? { passed: false } : { passed: false, why: 'its webhook is not asked about every pod' }
}
