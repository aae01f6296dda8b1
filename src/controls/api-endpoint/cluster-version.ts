import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { apiServerVersions, type ComponentVersion, misfits, VERSION_READS, type VersionView } from '../../objects/component-versions.ts'
import { type DistributionName, distribution } from '../../objects/distribution.ts'
import { isTableStale, SUPPORT_TABLE_DATE, supportOf } from '../../objects/support-table.ts'
import { minorOf } from '../../objects/version.ts'

export default control({
  title: 'Kubernetes must be a maintained version and its parts must fit together',
  severity: 'high',
  why: 'A version out of support gets no security fixes, and its known flaws stay open. Parts further apart than the version skew policy allows were never tested together.',
  references: [
    { standard: 'NSA', section: 'U' },
    { standard: 'OWASP', section: '2022/K10' },
    { standard: 'OWASP', section: '2025/K07' },
    { standard: 'KS', section: 'C-0273' },
  ],
  reads: [],
  consults: VERSION_READS,
  *evaluate(view) {
    const servers = apiServerVersions(view)
    const [oldest, newest] = [servers[0], servers.at(-1)]
    if (oldest === undefined || newest === undefined) {
      yield {
        unknown: view.unread('ServerVersion')?.because ?? 'no file says which version of Kubernetes this is',
        answer: view.unread('ServerVersion')?.answer ?? 'allow get on /version',
      }
      return
    }
    yield* judgeSupport(oldest, view)
    if (newest.version !== oldest.version) yield mixed(oldest, newest)
    yield* judgeSkew(view, minorOf(oldest.version)!, minorOf(newest.version)!)
  },
  remedy: {
    byHand:
      'upgrade the control plane one minor version at a time, then the nodes, after looking for removed APIs in the metric apiserver_requested_deprecated_apis; a provider upgrades with its own command (aws eks update-cluster-version, gcloud container clusters upgrade, az aks upgrade, oci ce cluster update)',
  },
  verify: 'All components and nodes report the same minor version.',
})

/** Providers that go on mending a version for a year or so after Kubernetes itself has stopped, for those who pay or choose that channel. */
const EXTENDS: ReadonlySet<DistributionName> = new Set(['eks', 'gke', 'aks'])

function* judgeSupport({ version, subject, at }: ComponentVersion, view: VersionView): Iterable<Observation | Remark> {
  const support = supportOf(version, view.now)!
  const { name, managed } = distribution(view)
  const where = {
    subject,
    ...(at !== undefined && { at }),
    origin: 'workload' as const,
    key: 'support',
    evidence: { version, table: SUPPORT_TABLE_DATE },
  }
  if (support.state === 'ended') {
    const extended = managed && EXTENDS.has(name) && support.monthsPast < 12
    yield {
      ...where,
      ...(extended && { verdict: 'review' as const }),
      reason: extended ? 'is out of support at Kubernetes; the provider may extend it' : 'is out of support',
      detail: `${version}${support.ends === undefined ? '' : `: support ended on ${support.ends}`}`,
    }
    return
  }
  if (isTableStale(view.now) || support.state === 'newer') {
    yield {
      ...where,
      verdict: 'review',
      reason: 'is a version whose support this tool cannot tell',
      detail: `${version}; the table of versions is of ${SUPPORT_TABLE_DATE}`,
    }
    return
  }
  // A provider's builds carry fixes under numbers of their own.
  if (support.behind !== undefined)
    yield {
      ...where,
      key: 'patch',
      severity: 'medium',
      ...(managed && { verdict: 'review' as const }),
      reason: 'lacks patch releases of its series',
      detail: `${version}; ${support.behind} is out`,
    }
  yield { note: `${version} is maintained until ${support.ends}, as of ${SUPPORT_TABLE_DATE}` }
}

/** More than one minor version apart is never allowed; anything less is how an upgrade looks on its way. */
function mixed(oldest: ComponentVersion, newest: ComponentVersion): Observation {
  const apart = minorOf(newest.version)! - minorOf(oldest.version)!
  return {
    subject: newest.subject,
    ...(newest.at !== undefined && { at: newest.at }),
    key: 'API servers',
    origin: 'workload',
    ...(apart <= 1 && { verdict: 'review' as const }),
    severity: apart > 1 ? 'high' : 'low',
    reason: apart > 1 ? 'is more than one minor version ahead of another API server' : 'is of another version than another API server',
    detail: `${newest.version} and ${oldest.version}`,
    evidence: { versions: [oldest.version, newest.version] },
  }
}

const WHOSE = { Node: 'the kubelets', Pod: 'the controller manager and the scheduler', DaemonSet: 'kube-proxy' } as const

function* judgeSkew(view: VersionView, oldest: number, newest: number): Iterable<Observation | Remark> {
  for (const { component, isNewer, version, subject, at } of misfits(view, oldest, newest)) {
    const where = { subject, ...(at !== undefined && { at }), key: component, origin: 'workload' as const, evidence: { version } }
    yield {
      ...where,
      reason: `has a ${component} ${isNewer ? 'newer than' : 'too old for'} the API server`,
      detail: `${version} with API server 1.${isNewer ? oldest : newest}`,
    }
  }
  for (const what of ['Node', 'Pod', 'DaemonSet'] as const) {
    const unread = view.unread(what)
    if (unread !== undefined) yield { unknown: `whether ${WHOSE[what]} fit: ${unread.because}`, answer: unread.answer }
  }
}
