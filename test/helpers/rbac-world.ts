/** A cluster in memory: Kubernetes' own roles and bindings as the newest minor ships them, the objects given, and what was asked there. */
import type { Kind, KubeObject, ObservedRequest, Snapshot } from '../../src/model/index.ts'
import { BOOTSTRAP_BINDINGS, BOOTSTRAP_MINORS, BOOTSTRAP_ROLES } from '../../src/objects/rbac-bootstrap.gen.ts'
import { bootstrapBinding, defaultRole } from '../../src/objects/rbac-bootstrap.ts'
import { grants, mayI } from '../../src/objects/rbac-grants.ts'
import { questionOf } from '../../src/objects/rbac-observed.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { snapshotFrom } from './world.ts'

export interface Asker {
  readonly user: string
  readonly groups: readonly string[]
  /** What RBAC does not allow is left out: an audit log would show it refused. */
  readonly asks: readonly object[]
}
const GROUP = 'rbac.authorization.k8s.io'

const shipped = (): readonly KubeObject[] => [
  ...Object.keys(BOOTSTRAP_ROLES).flatMap((key) => {
    const [name, namespace] = key.split('/').toReversed() as [string, string?]
    const role = defaultRole(namespace, name)
    return role === undefined ? [] : [role]
  }),
  ...Object.keys(BOOTSTRAP_BINDINGS).flatMap((key): KubeObject[] => {
    const [name, namespace] = key.split('/').toReversed() as [string, string?]
    const row = bootstrapBinding(key, BOOTSTRAP_MINORS[1])
    if (row === undefined) return []
    const [kind, role] = row.role.split(' ') as [string, string]
    const subjects = row.subjects.map((text) => {
      const [of, who] = text.split(' ') as [string, string]
      const [inside, account] = who.split('/') as [string, string?]
      return of === 'ServiceAccount' ? { kind: of, namespace: inside, name: account } : { apiGroup: GROUP, kind: of, name: who }
    })
    const metadata = {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
    }
    const bound = { roleRef: { apiGroup: GROUP, kind, name: role.split('/').at(-1) }, subjects }
    return [
      { apiVersion: `${GROUP}/v1`, kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding', metadata, ...bound } as KubeObject,
    ]
  }),
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } },
  // As the controller manager makes them.
  ...new Set(
    Object.values(BOOTSTRAP_BINDINGS)
      .flat()
      .flatMap((text) => text.match(/^ServiceAccount kube-system\/(.+)$/)?.[1] ?? []),
  )
    .values()
    .map((name): KubeObject => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'kube-system' } })),
]

/** `log` undefined: no audit log was given. */
export function rbacWorld(objects: readonly KubeObject[], log: readonly Asker[] | undefined): Snapshot {
  const kinds = new Map(
    [...Map.groupBy([...shipped(), ...objects], ({ kind }) => kind as Kind)].map(([kind, list]) => [
      kind,
      new Map(list.map((one) => [keyOf(one.metadata.namespace, one.metadata.name), one])),
    ]),
  )
  const served = {
    groups: [
      ...new Map<string, string[]>([
        [
          '',
          [
            'pods',
            'pods/exec',
            'pods/log',
            'secrets',
            'configmaps',
            'services',
            'endpoints',
            'events',
            'nodes',
            'nodes/proxy',
            'namespaces',
            'serviceaccounts',
            'serviceaccounts/token',
            'persistentvolumeclaims',
            'persistentvolumes',
          ],
        ],
        ['apps', ['deployments', 'deployments/scale', 'daemonsets', 'statefulsets', 'replicasets']],
        ['batch', ['jobs', 'cronjobs']],
        [GROUP, ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings']],
        ['certificates.k8s.io', ['certificatesigningrequests', 'certificatesigningrequests/approval', 'signers']],
        ['admissionregistration.k8s.io', ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']],
        ['coordination.k8s.io', ['leases']],
      ]),
    ].map(([group, resources]) => ({ group, resources })),
  }
  const known = grants(snapshotFrom({}, kinds))
  if (log === undefined) return snapshotFrom({ facts: { ServedResources: served } }, kinds)
  const subjects = log.map(({ user, groups, asks }) => ({
    user,
    groups,
    requests: asks
      .map((one) => ({ count: 3, last: '2026-11-20T00:00:00Z', was: 'allowed', ...one }) as ObservedRequest)
      .filter((one) => mayI(known, user, groups, questionOf(one))),
  }))
  const ObservedRequests = {
    ...{ from: ['audit.log'], events: 1000, since: '2026-11-01T00:00:00Z', until: '2026-11-21T00:00:00Z', blind: [], doubts: [] },
    subjects,
  }
  return snapshotFrom({ facts: { ServedResources: served, ObservedRequests } }, kinds)
}
