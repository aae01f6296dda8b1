import { control } from '../../model/define.ts'
import type { Observation, ObjectRef, Path, Remark, View } from '../../model/index.ts'
import { distribution, type DistributionName } from '../../objects/distribution.ts'
import { commandLineOf, isStaticPod } from '../../objects/flag-parse.ts'
import { parsed } from '../../objects/flag-kubeadm.ts'
import { CONTROL_PLANE, FLAG_LADDER } from '../../objects/flags.ts'
import { refOf } from '../../objects/ref.ts'
import { isTableStale, SUPPORT_TABLE_DATE, supportOf } from '../../objects/support-table.ts'
import { compareVersions, minorOf, versionOf } from '../../objects/version.ts'

const CONSULTS = [...FLAG_LADDER, 'DaemonSet'] as const
type VersionView = View<(typeof CONSULTS)[number]>
interface Seen { readonly version: string; readonly subject: ObjectRef; readonly at?: Path }

export default control({
  title: 'Kubernetes must be a maintained version and its parts must fit together',
  severity: 'high',
  why: 'A version out of support gets no security fixes, and its known flaws stay open. Parts further apart than the version skew policy allows were never tested together.',
  references: [{ standard: 'NSA', section: 'U' }, { standard: 'OWASP', section: '2022/K10' }, { standard: 'OWASP', section: '2025/K07' }, { standard: 'KS', section: 'C-0273' }],
  reads: [],
  consults: CONSULTS,
  *evaluate(view) {
    const servers = apiServers(view)
    const [oldest] = servers.toSorted(byVersion)
    if (oldest === undefined) {
      yield { unknown: view.unread('ServerVersion')?.because ?? 'no file says which version of Kubernetes this is', answer: view.unread('ServerVersion')?.answer ?? 'allow get on /version' }
      return
    }
    yield* judgeSupport(oldest, view)
    const newest = servers.toSorted(byVersion).at(-1)!
    if (newest.version !== oldest.version) yield mixed(oldest, newest)
    yield* judgeSkew(view, minorOf(oldest.version)!, minorOf(newest.version)!)
  },
  remedy: { byHand: 'upgrade the control plane one minor version at a time, then the nodes, after looking for removed APIs in the metric apiserver_requested_deprecated_apis; a provider upgrades with its own command (aws eks update-cluster-version, gcloud container clusters upgrade, az aks upgrade, oci ce cluster update)' },
  verify: 'All components and nodes report the same minor version.',
})

const byVersion = (a: Seen, b: Seen): number => compareVersions(versionOf(a.version)!, versionOf(b.version)!)

/** The version of the server that answered, and those of the API servers' images. A ClusterConfiguration counts where there is nothing else. */
function apiServers(view: VersionView): readonly Seen[] {
  const stated = view.fact('ServerVersion')?.gitVersion
  const images = componentImages(view, 'kube-apiserver')
  const seen = [...(stated === undefined ? [] : [{ version: stated, subject: CONTROL_PLANE }]), ...images].filter(({ version }) => minorOf(version) !== undefined)
  if (seen.length > 0) return seen
  const map = view.find('ConfigMap', 'kube-system', 'kubeadm-config')
  const files: Seen[] = [
    ...view.all('ClusterConfiguration').map((file) => ({ version: String(file['kubernetesVersion']), subject: refOf(file), at: ['kubernetesVersion'] })),
    ...(map === undefined ? [] : [{ version: String(parsed(map.data?.['ClusterConfiguration'])?.['kubernetesVersion']), subject: refOf(map), at: ['data', 'ClusterConfiguration'] }]),
  ]
  return files.filter(({ version }) => minorOf(version) !== undefined)
}

function componentImages(view: VersionView, component: 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler'): readonly Seen[] {
  return view.all('Pod').filter((pod) => isStaticPod(pod, view.source)).flatMap((pod) => (pod.spec?.containers ?? [])
    .filter((container) => commandLineOf(container, component) !== undefined)
    .flatMap((container) => {
      const version = tagOf(container.image)
      return minorOf(version) === undefined ? [] : [{ version: version!, subject: refOf(pod), at: ['spec', 'containers', { name: container.name }, 'image'] }]
    }))
}
const tagOf = (image: string | undefined): string | undefined => /:(v?\d[^:@/]*)(@|$)/.exec(image ?? '')?.[1]

/** Providers that go on mending a version for a year or so after Kubernetes itself has stopped, for those who pay or choose that channel. */
const EXTENDS: ReadonlySet<DistributionName> = new Set(['eks', 'gke', 'aks'])

function* judgeSupport({ version, subject, at }: Seen, view: VersionView): Iterable<Observation | Remark> {
  const support = supportOf(version, view.now)!
  const { name, managed } = distribution(view)
  const where = { subject, ...(at !== undefined && { at }), origin: 'workload' as const, key: 'support', evidence: { version, table: SUPPORT_TABLE_DATE } }
  if (support.state === 'ended') {
    const extended = managed && EXTENDS.has(name) && support.monthsPast < 12
    yield {
      ...where, ...(extended && { verdict: 'review' as const }), reason: extended ? 'is out of support at Kubernetes; the provider may extend it' : 'is out of support',
      detail: `${version}${support.ends === undefined ? '' : `: support ended on ${support.ends}`}`,
    }
    return
  }
  if (isTableStale(view.now) || support.state === 'newer') {
    yield { ...where, verdict: 'review', reason: 'is a version whose support this tool cannot tell', detail: `${version}; the table of versions is of ${SUPPORT_TABLE_DATE}` }
    return
  }
  // A provider's builds carry fixes under numbers of their own.
  if (support.behind !== undefined) yield { ...where, key: 'patch', severity: 'medium', ...(managed && { verdict: 'review' as const }), reason: 'lacks patch releases of its series', detail: `${version}; ${support.behind} is out` }
  yield { note: `${version} is maintained until ${support.ends}, as of ${SUPPORT_TABLE_DATE}` }
}

/** More than one minor version apart is never allowed; anything less is how an upgrade looks on its way. */
function mixed(oldest: Seen, newest: Seen): Observation {
  const apart = minorOf(newest.version)! - minorOf(oldest.version)!
  return {
    subject: newest.subject, ...(newest.at !== undefined && { at: newest.at }), key: 'API servers', origin: 'workload', ...(apart <= 1 && { verdict: 'review' as const }), severity: apart > 1 ? 'high' : 'low',
    reason: apart > 1 ? 'is more than one minor version ahead of another API server' : 'is of another version than another API server', detail: `${newest.version} and ${oldest.version}`, evidence: { versions: [oldest.version, newest.version] },
  }
}

/** The version skew policy: kubelet and kube-proxy are never newer than the oldest API server and at most three minors behind the newest; controller manager and scheduler one. */
function* judgeSkew(view: VersionView, oldest: number, newest: number): Iterable<Observation | Remark> {
  const judge = (what: string, { version, subject, at }: Seen, behind: number): Observation[] => {
    const minor = minorOf(version)
    if (minor === undefined || (minor <= oldest && newest - minor <= behind)) return []
    const reason = minor > oldest ? `has a ${what} newer than the API server` : `has a ${what} too old for the API server`
    return [{ subject, ...(at !== undefined && { at }), key: what, origin: 'workload', reason, detail: `${version} with API server 1.${minor > oldest ? oldest : newest}`, evidence: { version } }]
  }
  for (const component of ['kube-controller-manager', 'kube-scheduler'] as const) for (const seen of componentImages(view, component)) yield* judge(component, seen, 1)
  for (const node of view.all('Node')) {
    const { kubeletVersion = '' } = node.status?.nodeInfo ?? {}
    yield* judge('kubelet', { version: kubeletVersion, subject: refOf(node), at: ['status', 'nodeInfo', 'kubeletVersion'] }, minorOf(kubeletVersion) !== undefined && minorOf(kubeletVersion)! < 25 ? 2 : 3)
  }
  for (const set of view.all('DaemonSet').filter(({ metadata }) => metadata.namespace === 'kube-system')) {
    const container = set.spec?.template?.spec?.containers.find(({ image = '' }) => /(^|\/)kube-proxy(-\w+)?(:|@|$)/.test(image))
    if (container !== undefined) yield* judge('kube-proxy', { version: tagOf(container.image) ?? '', subject: refOf(set), at: ['spec', 'template', 'spec', 'containers', { name: container.name }, 'image'] }, 3)
  }
  for (const what of ['Node', 'Pod', 'DaemonSet'] as const) {
    const unread = view.unread(what)
    if (unread !== undefined) yield { unknown: `whether ${{ Node: 'the kubelets', Pod: 'the controller manager and the scheduler', DaemonSet: 'kube-proxy' }[what]} fit: ${unread.because}`, answer: unread.answer }
  }
}
