import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule, Severity } from '../../model/index.ts'
import {
  apartFromPeople,
  describeExposure,
  type Exposure,
  evidenceOf,
  exposures,
  PEOPLE,
  unseenRoles,
} from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { isNamed, overlap, type Rights } from '../../objects/rbac-rules.ts'
import { minorOf } from '../../objects/version.ts'

const INTO_PODS: Rights = { verbs: ['create'], groups: [''], resources: ['pods/exec', 'pods/attach', 'pods/portforward'] }
/** Up to 1.34 a WebSocket request needs get only; from 1.35 on it needs create as well (AuthorizePodWebsocketUpgradeCreatePermission), and get is harmless. */
const BY_WEBSOCKET: Rights = { ...INTO_PODS, verbs: ['get'] }
const DEBUG: Rights = { verbs: ['update', 'patch'], groups: [''], resources: ['pods/ephemeralcontainers'] }
const PROXY: Rights = { verbs: ['get', 'create'], groups: [''], resources: ['pods/proxy', 'services/proxy'] }

export default control({
  title: 'Few subjects must be able to run commands in pods or connect to them',
  severity: 'high',
  why: 'Whoever can exec into a pod has its files, its network and the token of its service account. Ephemeral containers and port forwarding lead to the same place.',
  references: [
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'KS', section: 'C-0002' },
    { standard: 'KS', section: 'C-0063' },
  ],
  reads: RBAC_KINDS,
  consults: ['ServerVersion'],
  *evaluate(view) {
    const minor = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
    const graver = minor === undefined || minor < 35 ? [INTO_PODS, BY_WEBSOCKET, DEBUG] : [INTO_PODS, DEBUG]
    const asked = [...graver, PROXY]
    const holds = (rule: PolicyRule, rights: readonly Rights[]) => rights.some((one) => overlap(rule, one) !== undefined)
    const found = exposures(view, (rule) => holds(rule, isNamed(rule) ? graver : asked))
    for (const exposure of found.flatMap(apartFromPeople)) {
      if (exposure.grants.length === 0 && view.source.kind === 'live') continue
      // Pods of a StatefulSet and of the control plane keep their names: good for some pods only is for a human to judge.
      const named = exposure.rules.every(isNamed)
      const intoPods = exposure.rules.some((rule) => holds(rule, graver))
      yield {
        subject: exposure.ref,
        at: exposure.at,
        ...(exposure.people && { key: PEOPLE }),
        reason: reasonOf(exposure, intoPods, named),
        detail: `${describeExposure(exposure, asked)}${intoPods && isByGetAlone(exposure) ? `; get is enough on a server older than 1.35${minor === undefined ? ', and the version of this one is not known' : ''}` : ''}`,
        evidence: evidenceOf(exposure, { cut: asked, ...(named && { from: [] }) }),
        severity: (named ? 'low' : intoPods && (exposure.clusterWide || exposure.on === 'rule') ? 'high' : 'medium') satisfies Severity,
        ...(exposure.standing === 'default' && { origin: 'system' as const }),
        ...((exposure.people || named || exposure.grants.length === 0 || exposure.standing === 'labelled') && {
          verdict: 'review' as const,
        }),
      }
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify: 'kubectl auth can-i create pods/exec --as=SUBJECT says no, and get says no as well on a server older than 1.35.',
})

const isByGetAlone = ({ rules }: Exposure): boolean =>
  !rules.some((rule) => [INTO_PODS, DEBUG].some((rights) => overlap(rule, rights) !== undefined))

function reasonOf({ on }: Exposure, intoPods: boolean, named: boolean): string {
  if (named) return 'lets its subjects run commands in the pods that it names, or connect to them'
  const what = intoPods ? 'run commands in pods or connect to them' : 'reach pods and services through the API server'
  return on === 'binding' ? `gives a built-in role that can ${what}` : `lets its subjects ${what}`
}
