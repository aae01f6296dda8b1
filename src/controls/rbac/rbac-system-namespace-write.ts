import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'
import { apartFromPeople, type Exposure, exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS, serviceAccountOf } from '../../objects/rbac-grants.ts'
import { reaches, sighting } from '../../objects/rbac-reach.ts'
import { isNamed, type Rights } from '../../objects/rbac-rules.ts'
import { KUBE_SYSTEM, systemNamespaces } from '../../objects/system-namespaces.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const verbs = ['create', 'update', 'patch', 'delete', 'deletecollection']
const CONFIG: Rights = { verbs, groups: [''], resources: ['configmaps'] }
const IDENTITIES: readonly Rights[] = [
  { verbs, groups: [''], resources: ['secrets', 'serviceaccounts', 'pods', 'replicationcontrollers'] },
  { verbs, groups: ['apps'], resources: ['deployments', 'daemonsets', 'statefulsets', 'replicasets'] },
  { verbs, groups: ['batch'], resources: ['jobs', 'cronjobs'] },
]
/** Who deletes events covers his tracks. */
const EVENTS: Rights = { verbs: ['delete', 'deletecollection'], groups: ['', 'events.k8s.io'], resources: ['events'] }
const ASKED = [CONFIG, ...IDENTITIES, EVENTS]
/** Others are mostly locks of a leader election: by name, they are nobody's way up. */
const PRECIOUS = ['coredns', 'aws-auth', 'extension-apiserver-authentication', 'kubeadm-config', 'kubelet-config', 'kube-proxy']

export default control({
  title: 'Few subjects must be able to write in kube-system and beside privileged workloads',
  severity: 'high',
  why: 'There the configuration of the cluster lies (coredns, aws-auth, kubeadm-config) and the most powerful service accounts run. Who writes pods, Secrets or configuration there can act as any of them.',
  references: [
    { standard: 'KS', section: 'C-0037' },
    { standard: 'KS', section: 'C-0031' },
    { standard: 'KS', section: 'C-0007' },
  ],
  reads: RBAC_KINDS,
  consults: WORKLOAD_KINDS,
  *evaluate(view) {
    const unread = [...unreadWorkloads(view)].filter((remark) => 'unknown' in remark)
    for (const remark of unread) yield { ...remark, unknown: `in which namespaces privileged workloads run: ${remark.unknown}` }
    const where = systemNamespaces(view)
    for (const exposure of exposures(view, writes)
      .flatMap((one) => within(one, where))
      .flatMap(apartFromPeople)) {
      if (exposure.grants.length === 0 && view.source.kind === 'live') continue
      const tracksOnly = !exposure.rules.some((rule) => [CONFIG, ...IDENTITIES].some((rights) => reaches(rule, rights)))
      const place =
        exposure.clusterWide || exposure.grants.some(({ namespace }) => namespace === KUBE_SYSTEM)
          ? 'system namespaces'
          : 'namespaces of privileged workloads'
      const what = tracksOnly ? `delete events of ${place}` : `write in ${place}`
      const there = placesOf(exposure, where)
      const minor = exposure.rules.every(isNamed) && !exposure.rules.some(namesPrecious)
      const own = exposure.grants.length > 0 && exposure.grants.every(isOfKubeSystem)
      yield sighting(exposure, {
        reason: exposure.on === 'binding' ? `gives a built-in role that can ${what}` : `lets its subjects ${what}`,
        asked: ASKED,
        severity: tracksOnly || minor ? 'medium' : 'high',
        ...(there.length > 0 && { detail: `privileged there: ${fewOf(there)}` }),
        review: own || minor,
        // Add-ons that live there, bound there, are the platform's own; whoever comes from elsewhere is not, whatever the binding's namespace.
        origin: own && !exposure.clusterWide ? 'system' : 'workload',
      })
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify:
    'kubectl auth can-i update configmaps/coredns -n kube-system --as=SUBJECT says no; a subject that works in its own namespaces is bound there by RoleBindings.',
})

const namesPrecious = (rule: PolicyRule): boolean => reaches(rule, CONFIG) && rule.resourceNames!.some((name) => PRECIOUS.includes(name))
const writes = (rule: PolicyRule): boolean =>
  [...IDENTITIES, EVENTS].some((rights) => reaches(rule, rights)) || (reaches(rule, CONFIG) && (!isNamed(rule) || namesPrecious(rule)))

/** The grants that hold in one of these namespaces; a role that nothing binds matters only where it lies in one. */
function within(exposure: Exposure, where: ReadonlyMap<string, string>): readonly Exposure[] {
  if (exposure.grants.length === 0) return where.has(exposure.role.metadata.namespace ?? '') ? [exposure] : []
  const held = exposure.grants.filter(({ namespace }) => namespace === undefined || where.has(namespace))
  return held.length === 0 ? [] : [{ ...exposure, grants: held, clusterWide: held.some(({ namespace }) => namespace === undefined) }]
}

/** `agents (DaemonSet agent)`; kube-system needs no reason. */
const placesOf = ({ grants }: Exposure, where: ReadonlyMap<string, string>): readonly string[] =>
  [...where]
    .filter(([name]) => name !== KUBE_SYSTEM && grants.some(({ namespace }) => namespace === undefined || namespace === name))
    .map(([name, because]) => `${name} (${because})`)

const isOfKubeSystem = ({ subject, namespace }: Exposure['grants'][number]): boolean =>
  serviceAccountOf(subject, namespace)?.namespace === KUBE_SYSTEM
