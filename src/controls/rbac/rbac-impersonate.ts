import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { Severity } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { describeExposure, type Exposure, evidenceOf, exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { type Grant, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { CONSTRAINED_SINCE, type Impersonation, impersonations, MASTERS, powerOfNamed, usesOf } from '../../objects/rbac-impersonation.ts'
import { strongerThan } from '../../objects/rbac-powerful.ts'
import { isNamed } from '../../objects/rbac-rules.ts'
import { byCertainty, PERHAPS, type Together } from '../../objects/rbac-together.ts'
import { minorOf } from '../../objects/version.ts'

export default control({
  title: 'Few subjects must be able to act as somebody else',
  severity: 'critical',
  why: 'Whoever may impersonate has every right of whom he acts as. For groups without names that is system:masters, which no authorizer holds back.',
  references: [
    { standard: 'CIS', section: '5.1.8' },
    { standard: 'NSA', section: 'A' },
    { standard: 'KS', section: 'C-0065' },
    { standard: 'KS', section: 'C-0191' },
  ],
  reads: RBAC_KINDS,
  consults: ['ServerVersion', 'ServiceAccount'],
  *evaluate(view) {
    const minor = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
    const constrained = minor === undefined || minor >= CONSTRAINED_SINCE
    const use = usesOf(view)
    const best = (ways: readonly Impersonation[], grant: Grant): Together => {
      const all = ways.map((way) => use(way, grant))
      return all.find((one) => one === 'yes') ?? all.find((one) => one === 'perhaps') ?? 'no'
    }
    const parts = exposures(view, (rule) => impersonations(rule, constrained).length > 0).flatMap((all) => {
      const granted = all.rules.flatMap((rule) => impersonations(rule, constrained))
      if (all.grants.length > 0)
        return byCertainty(all, (grant) => best(granted, grant)).map((part) => ({
          ...part,
          ways: granted.filter((way) => part.exposure.grants.some((grant) => use(way, grant) !== 'no')),
        }))
      return view.source.kind !== 'live' && all.role.kind === 'ClusterRole' ? [{ exposure: all, doubtful: true, ways: granted }] : []
    })
    let built = 0
    for (const { exposure, doubtful, ways } of parts) {
      const { clusterWide, standing } = exposure
      const unbound = exposure.grants.length === 0
      // edit and admin may act as the service accounts of their namespace: Kubernetes' own design, and less than the pods that they may create there.
      if (exposure.on === 'binding' && !clusterWide) {
        built += 1
        continue
      }
      const asked = ways.map(({ rights }) => rights)
      const named = exposure.rules.every(isNamed)
      const strong = named ? powerOfNamed(view, exposure.rules, asked) : strongerThan(view, exposure.grants)
      const onlyDetails = ways.every(({ mode }) => mode === 'details')
      yield {
        subject: exposure.ref,
        at: exposure.at,
        reason: reasonOf(exposure, named, onlyDetails),
        detail: [
          describeExposure(exposure, asked),
          ...(strong.length > 0 ? [`these can do more: ${fewOf([...new Set(strong)], 2)}`] : []),
        ].join('; '),
        // Those who can do no more than others stay, for a human to judge.
        ...(doubtful && !unbound ? { key: PERHAPS } : named && strong.length > 0 && { key: 'powerful' }),
        evidence: evidenceOf(exposure, { cut: asked, ...(named && { from: strong.map(nameIn) }) }),
        severity: onlyDetails ? 'low' : named ? namedSeverity(strong) : worst(ways, clusterWide || unbound || strong.length > 0),
        ...(standing === 'default' && { origin: 'system' as const }),
        ...((onlyDetails || (named && strong.length === 0) || doubtful || standing === 'labelled') && {
          verdict: 'review' as const,
        }),
      }
    }
    if (built > 0)
      yield {
        note: `${built} ${built === 1 ? 'binding gives' : 'bindings give'} edit or admin in a namespace: that includes acting as its service accounts`,
      }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify: 'kubectl auth can-i impersonate users --as=SUBJECT says no, and so for groups and for serviceaccounts.',
})

/** `wide`: also the service accounts that it leads to are worth more than those of one namespace. */
function worst(ways: readonly Impersonation[], wide: boolean): Severity {
  const has = (mode: Impersonation['mode']): boolean => ways.some((way) => way.mode === mode)
  if (has('anybody') || (wide && has('accounts'))) return 'critical'
  return ways.every(({ mode }) => mode === 'associated-node') ? 'medium' : 'high'
}

/** `root` of `User root`. */
const nameIn = (text: string): string => text.slice(text.indexOf(' ') + 1)
const namedSeverity = (strong: readonly string[]): Severity =>
  strong.includes(`Group ${MASTERS}`) ? 'critical' : strong.length > 0 ? 'high' : 'medium'

function reasonOf({ on }: Exposure, named: boolean, onlyDetails: boolean): string {
  if (onlyDetails) return 'lets its subjects set a uid or extra fields when they act as somebody'
  if (named) return 'lets its subjects act as those whom it names'
  return on === 'binding' ? 'gives a built-in role that can act as any service account' : 'lets its subjects act as others'
}
