import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { Severity } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import {
  apartFromPeople,
  describeExposure,
  type Exposure,
  evidenceOf,
  exposures,
  PEOPLE,
  unseenRoles,
} from '../../objects/rbac-exposure.ts'
import { type Grant, grants, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { powerfulNamed, strongerThan } from '../../objects/rbac-powerful.ts'
import { isNamed, overlap, type Rights } from '../../objects/rbac-rules.ts'
import { together } from '../../objects/rbac-together.ts'

const TOKENS: Rights = { verbs: ['create'], groups: [''], resources: ['serviceaccounts/token'] }
/** The answer to a write holds the Secret, with the token in it if it has one. */
const WRITE_SECRETS: Rights = { verbs: ['update', 'patch'], groups: [''], resources: ['secrets'] }
/** The token is filled in after the answer to this one: somebody has to read it back. */
const CREATE_SECRETS: Rights = { verbs: ['create'], groups: [''], resources: ['secrets'] }
const READ_BACK: Rights = { verbs: ['get', 'list', 'watch', 'update', 'patch'], groups: [''], resources: ['secrets'] }

export default control({
  title: 'Few subjects must be able to get tokens of service accounts',
  severity: 'high',
  why: 'Whoever asks for the token of a service account is that account, from wherever he is and for as long as the token lives. A Secret of type service-account-token is filled with a token as well.',
  references: [
    { standard: 'CIS', section: '5.1.13' },
    { standard: 'KS', section: 'C-0282' },
  ],
  reads: RBAC_KINDS,
  consults: ['ServiceAccount'],
  *evaluate(view) {
    const readers = grants(view).all.filter(({ rules }) => rules.some((rule) => overlap(rule, READ_BACK) !== undefined))
    const isOfUse = (grant: Grant): boolean =>
      together(
        grant,
        readers.filter(({ namespace }) => namespace === undefined || namespace === grant.namespace),
      ) === 'yes'
    const found = exposures(
      view,
      (rule) =>
        overlap(rule, TOKENS) !== undefined || (!isNamed(rule) && [WRITE_SECRETS, CREATE_SECRETS].some((rights) => overlap(rule, rights))),
    )
    for (const exposure of found.flatMap(apartFromPeople)) {
      const { standing, people } = exposure
      if (exposure.grants.length === 0 && view.source.kind === 'live') continue
      const wide = exposure.clusterWide || exposure.grants.length === 0
      const strong = strongerThan(view, exposure.grants)
      const asked = [
        ...(holds(exposure, TOKENS) ? [TOKENS] : []),
        // A write of Secrets is everyday work where there is no token worth having.
        ...(wide || strong.length > 0 ? secretRights(exposure, isOfUse) : []),
      ]
      if (asked.length === 0) continue
      const named = exposure.rules.every(isNamed)
      const strongNames = named
        ? exposure.rules.flatMap(({ resourceNames = [] }) => resourceNames).filter((name) => powerfulNamed(view, name))
        : []
      yield {
        subject: exposure.ref,
        at: exposure.at,
        ...(people ? { key: PEOPLE } : strongNames.length > 0 && { key: 'powerful' }),
        reason: reasonOf(exposure, named, asked.includes(TOKENS)),
        detail: [describeExposure(exposure, asked), ...(strong.length > 0 ? [`there is what can do more: ${fewOf(strong)}`] : [])].join(
          '; ',
        ),
        evidence: evidenceOf(exposure, { cut: asked, ...(named && { from: strongNames }) }),
        severity: (named ? (strongNames.length > 0 ? 'high' : 'low') : wide || strong.length > 0 ? 'high' : 'medium') satisfies Severity,
        ...(standing === 'default' && { origin: 'system' as const }),
        ...((people || (named && strongNames.length === 0) || exposure.grants.length === 0 || standing === 'labelled') && {
          verdict: 'review' as const,
        }),
      }
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify:
    'kubectl auth can-i create serviceaccounts/token --as=SUBJECT says no, and so for create and patch on secrets where those were reported.',
})

const holds = ({ rules }: Exposure, rights: Rights): boolean => rules.some((rule) => overlap(rule, rights) !== undefined)

function secretRights(exposure: Exposure, isOfUse: (grant: Grant) => boolean): readonly Rights[] {
  const creates = holds(exposure, CREATE_SECRETS) && (exposure.grants.length === 0 || exposure.grants.some(isOfUse))
  return [...(holds(exposure, WRITE_SECRETS) ? [WRITE_SECRETS] : []), ...(creates ? [CREATE_SECRETS] : [])]
}

function reasonOf({ on }: Exposure, named: boolean, tokens: boolean): string {
  if (named) return 'lets its subjects ask for tokens of the service accounts that it names'
  if (on === 'binding') return 'gives a built-in role that gets tokens of service accounts'
  return tokens ? 'lets its subjects ask for tokens of service accounts' : 'lets its subjects have tokens written into Secrets'
}
