/** Creates a ValidatingAdmissionPolicy and its binding for one family of pod settings: first it warns, and refuses when the operator says so. */
import { remedy } from '../src/model/define.ts'
import type { Change, Edit, Json, ObjectRef, Proposal, Readable, Remedy, SpecObject, View } from '../src/model/index.ts'
import { COVERAGE_KINDS, guardedNamespaces, isPlatform, refusedBy } from '../src/objects/admission-coverage.ts'
import type { AdmissionFamily } from '../src/objects/admission-families.ts'
import {
  actionsOf,
  exemptionLabel,
  familyOf,
  type GuardMode,
  guardBinding,
  guardPolicy,
  isNeverRefused,
  POLICIES_SINCE,
  policyName,
} from '../src/objects/admission-policies.ts'
import { NEWEST_MINOR } from '../src/objects/pod-security.ts'
import { policyMinor } from '../src/objects/pod-security-namespace.ts'
import { refOf, refText } from '../src/objects/ref.ts'
import { WORKLOAD_KINDS, workloads } from '../src/objects/workloads.ts'

export type GuardEvidence = {
  readonly family: string
  readonly is: 'open' | 'warned' | 'altered'
  readonly open: number
}

export const guardPods = (): Remedy<GuardEvidence> =>
  remedy<GuardEvidence>({
    family: 'admission-policy',
    reads: ['Namespace', ...COVERAGE_KINDS],
    options: {
      mode: {
        describe: 'What becomes of pods, and of what makes pods, against the policy',
        default: 'Warn',
        choices: [
          { value: 'Warn', label: 'admitted, with a warning and a mark in the audit log', risk: 'safe' },
          { value: 'Deny', label: 'refused', risk: 'may-break' },
        ],
      },
      except: { describe: 'Namespaces to leave out beside those of the platform, separated by commas', default: '' },
    },
    propose({ evidence }, { view, options }): Proposal {
      const family = familyOf(evidence.family)
      if (family === undefined) return { refused: `there is no family ${evidence.family}` }
      const minor = policyMinor(view)
      if (minor !== undefined && minor < POLICIES_SINCE)
        return {
          byHand: `v1.${minor} has no ValidatingAdmissionPolicy yet (v1.${POLICIES_SINCE} has): refuse pods that ${family.refuses} with Kyverno or Gatekeeper, or upgrade`,
        }
      const mode: GuardMode = options['mode'] === 'Deny' ? 'Deny' : 'Warn'
      const except = [...new Set([...platformNamespaces(view), ...listOf(options['except'])])].sort()
      const changes = changesFor(family, mode, except, minor ?? NEWEST_MINOR, view)
      if (typeof changes === 'string') return { byHand: changes }
      const verb = mode === 'Deny' ? 'refuse' : 'warn about'
      const summary = `${verb} pods that ${family.refuses}`
      if (mode === 'Warn') return { changes, summary, risk: 'safe' }
      const words = predicted(family, except, view)
      return { changes, summary, risk: words.length > 0 ? 'may-break' : 'safe', ...(words.length > 0 && { mayBreak: words }) }
    },
  })

/** What is missing or says something else, or words why there is nothing to write. */
function changesFor(
  family: AdmissionFamily,
  mode: GuardMode,
  except: readonly string[],
  minor: number,
  view: View<Readable>,
): readonly Change[] | string {
  const policy = view.find('ValidatingAdmissionPolicy', undefined, policyName(family))
  const binding = view.find('ValidatingAdmissionPolicyBinding', undefined, policyName(family))
  const wantedPolicy = guardPolicy(family, minor)
  const wantedBinding = guardBinding(family, mode, except)
  const denies = JSON.stringify(binding?.spec?.['validationActions'] ?? []).includes('"Deny"')
  if (binding !== undefined && mode === 'Warn' && !denies && policy !== undefined && policyEdits(policy, wantedPolicy).length === 0)
    return `it warns already: read the marks ${policyName(family)} leaves in the audit log, mend what they name, and plan again with --set adm-guardrails.mode=Deny`
  return [
    ...(policy === undefined ? [{ type: 'create' as const, object: wantedPolicy }] : edited(policy, policyEdits(policy, wantedPolicy))),
    ...(binding === undefined
      ? [{ type: 'create' as const, object: wantedBinding }]
      : edited(binding, [
          // A binding that denies is never weakened here.
          { set: ['spec', 'validationActions'], to: (denies ? actionsOf('Deny') : actionsOf(mode)) as Json },
          { set: ['spec', 'matchResources'], to: (wantedBinding as SpecObject).spec!['matchResources']! },
        ])),
  ]
}

const edited = (object: SpecObject, edits: readonly Edit[]): Change[] =>
  edits.length === 0 ? [] : [{ type: 'edit', target: refOf(object), edits }]

function policyEdits(policy: SpecObject, wanted: SpecObject): Edit[] {
  return (['failurePolicy', 'matchConstraints', 'variables', 'validations'] as const)
    .filter((field) => !holdsAll(policy.spec?.[field], wanted.spec![field]!))
    .map((field): Edit => ({ set: ['spec', field], to: wanted.spec![field]! }))
    .concat(
      (['matchConditions', 'paramKind'] as const).flatMap((field) =>
        policy.spec?.[field] === undefined ? [] : [{ unset: ['spec', field] }],
      ),
    )
}

/** Everything wanted is there; what the API server fills in beside it does not count. */
function holdsAll(given: unknown, wanted: Json): boolean {
  if (Array.isArray(wanted))
    return Array.isArray(given) && given.length === wanted.length && wanted.every((one, index) => holdsAll(given[index], one))
  if (wanted !== null && typeof wanted === 'object')
    return Object.entries(wanted).every(([key, value]) => holdsAll((given as Record<string, unknown> | undefined)?.[key], value as Json))
  return given === wanted
}

const platformNamespaces = (view: View<Readable>): string[] =>
  view
    .all('Namespace')
    .map((namespace) => namespace.metadata.name)
    .filter((name) => !isNeverRefused(name) && isPlatform(view, name))

/** Who would be refused, by our own judgement of everything that is there. */
function predicted(family: AdmissionFamily, except: readonly string[], view: View<Readable>): string[] {
  const labelled = new Set(
    guardedNamespaces(view)
      .filter(({ metadata: { labels = {} } }) => Object.hasOwn(labels, exemptionLabel(family)))
      .map(({ metadata }) => metadata.name),
  )
  const refused = refusedBy(view, family, (name) => !isNeverRefused(name) && !except.includes(name) && !labelled.has(name))
  const unread = WORKLOAD_KINDS.map((kind) => view.unread(kind)).find((one) => one !== undefined)
  return [
    ...(refused.length > 0 ? [`these are refused when they are next created or changed: ${namesOf(refused)}`] : []),
    ...(unread !== undefined ? [`not all workloads could be checked: ${unread.because}`] : []),
    ...(workloads(view).length === 0 && unread === undefined && view.source.kind !== 'live'
      ? ['no workloads are among these files: what runs could not be checked']
      : []),
  ]
}
const namesOf = (refs: readonly ObjectRef[]): string =>
  refs.slice(0, 8).map(refText).join(', ') + (refs.length > 8 ? ` and ${refs.length - 8} more` : '')

const listOf = (given: Json | undefined): string[] =>
  (Array.isArray(given) ? given.map(String) : String(given ?? '').split(',')).map((one) => one.trim()).filter((one) => one !== '')
