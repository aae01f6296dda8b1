import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule, Severity } from '../../model/index.ts'
import { lasting } from '../../objects/derived.ts'
import { fewOf } from '../../objects/few-of.ts'
import {
  apartFromPeople,
  describeExposure,
  type Exposure,
  evidenceOf,
  exposures,
  PEOPLE,
  shortList,
  unseenRoles,
} from '../../objects/rbac-exposure.ts'
import { type Grant, grants, RBAC_KINDS, type RbacView, serviceAccountOf } from '../../objects/rbac-grants.ts'
import { powerfulNamed, strongerThan } from '../../objects/rbac-powerful.ts'
import { isNamed, overlap, type Rights } from '../../objects/rbac-rules.ts'
import { byCertainty, PERHAPS, type Together, together } from '../../objects/rbac-together.ts'
import { workloadsOf, workloadText } from '../../objects/rbac-users.ts'
import { areSecretReaders } from '../../objects/secret-readers.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const TOKENS: Rights = { verbs: ['create'], groups: [''], resources: ['serviceaccounts/token'] }
/** The answer to a write holds the Secret, with the token in it if it has one. */
const WRITE_SECRETS: Rights = { verbs: ['update', 'patch'], groups: [''], resources: ['secrets'] }
/** The token is filled in after the answer to this one: somebody has to read it back. */
const CREATE_SECRETS: Rights = { verbs: ['create'], groups: [''], resources: ['secrets'] }
const SECRETS = [WRITE_SECRETS, CREATE_SECRETS]
const isAsked = (rule: PolicyRule): boolean =>
  overlap(rule, TOKENS) !== undefined || (!isNamed(rule) && SECRETS.some((rights) => overlap(rule, rights) !== undefined))
const READ_BACK: Rights = { verbs: ['get', 'list', 'watch', 'update', 'patch'], groups: [''], resources: ['secrets'] }

const readersOf: (view: RbacView) => readonly Grant[] = lasting(RBAC_KINDS, (view) =>
  grants(view).all.filter(({ rules }) => rules.some((rule) => overlap(rule, READ_BACK) !== undefined)),
)

export default control({
  title: 'Few subjects must be able to get tokens of service accounts',
  severity: 'high',
  why: 'Whoever asks for the token of a service account is that account, from wherever he is and for as long as the token lives. A Secret of type service-account-token is filled with a token as well.',
  references: [
    { standard: 'CIS', section: '5.1.13' },
    { standard: 'KS', section: 'C-0282' },
  ],
  reads: RBAC_KINDS,
  consults: ['ServiceAccount', ...WORKLOAD_KINDS],
  *evaluate(view) {
    const readers = readersOf(view)
    const readBack = (grant: Grant): Together =>
      together(
        grant,
        readers.filter(({ namespace }) => namespace === undefined || namespace === grant.namespace),
      )
    const found = exposures(view, isAsked)
    const secretsOf = (all: Exposure, grant: Grant): Together => {
      if (!canWrite(all)) return 'no'
      // A write of Secrets is everyday work where there is no token worth having.
      if (grant.namespace !== undefined && strongerThan(view, [grant]).length === 0) return 'no'
      return holdsAll(all, WRITE_SECRETS) ? 'yes' : readBack(grant)
    }
    const parts = found.flatMap(apartFromPeople).flatMap((all) => {
      if (all.grants.length === 0 && view.source.kind === 'live') return []
      return holds(all, TOKENS) ? [{ exposure: all, doubtful: false }] : byCertainty(all, (grant) => secretsOf(all, grant))
    })
    for (const { exposure, doubtful } of parts) {
      const { standing, people } = exposure
      const tokens = holds(exposure, TOKENS)
      const unbound = exposure.grants.length === 0
      const wide = exposure.clusterWide || unbound
      const strong = strongerThan(view, exposure.grants)
      // Both go where one is of use: whoever creates Secrets without reading them loses nothing else by it.
      const writes = exposure.grants.some((grant) => secretsOf(exposure, grant) !== 'no')
        ? SECRETS.filter((rights) => holdsAll(exposure, rights))
        : []
      const asked = [...(tokens ? [TOKENS] : []), ...writes]
      const users = exposure.grants.flatMap((grant) => workloadsOf(view, [grant.subject], grant.namespace))
      const expected = !tokens && areSecretReaders(view, exposure.grants)
      const named = exposure.rules.every(isNamed)
      const strongNames = named
        ? exposure.rules
            .flatMap(({ resourceNames = [] }) => resourceNames)
            .filter((name) => powerfulNamed(view, name) && !isOwn(exposure, name))
        : []
      yield {
        subject: exposure.ref,
        at: exposure.at,
        ...(people ? { key: PEOPLE } : doubtful ? { key: PERHAPS } : strongNames.length > 0 && { key: 'powerful' }),
        reason: reasonOf(exposure, named, tokens),
        detail: [describeExposure(exposure, asked), ...(strong.length > 0 ? [`there is what can do more: ${fewOf(strong, 2)}`] : [])].join(
          '; ',
        ),
        evidence: evidenceOf(
          exposure,
          { cut: asked, ...(named && { from: strongNames }) },
          shortList([...new Set(users)].map(workloadText)),
        ),
        severity: (named ? (strongNames.length > 0 ? 'high' : 'low') : wide || strong.length > 0 ? 'high' : 'medium') satisfies Severity,
        ...(standing === 'default' && { origin: 'system' as const }),
        ...((people || doubtful || expected || (named && strongNames.length === 0) || unbound || standing === 'labelled') && {
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

/** Whoever asks for a token of the account that he is gains nothing by it. */
const isOwn = ({ grants }: Exposure, name: string): boolean =>
  grants.length > 0 &&
  grants.every(({ subject, namespace }) => {
    const account = serviceAccountOf(subject, namespace)
    return account !== undefined && account.name === name && account.namespace === namespace
  })
const holdsAll = ({ rules }: Exposure, rights: Rights): boolean =>
  rules.some((rule) => !isNamed(rule) && overlap(rule, rights) !== undefined)
const holds = ({ rules }: Exposure, rights: Rights): boolean => rules.some((rule) => overlap(rule, rights) !== undefined)
const canWrite = (exposure: Exposure): boolean => SECRETS.some((rights) => holdsAll(exposure, rights))

function reasonOf({ on }: Exposure, named: boolean, tokens: boolean): string {
  if (named) return 'lets its subjects ask for tokens of the service accounts that it names'
  if (on === 'binding') return 'gives a built-in role that gets tokens of service accounts'
  return tokens ? 'lets its subjects ask for tokens of service accounts' : 'lets its subjects have tokens written into Secrets'
}
