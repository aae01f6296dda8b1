import type { FactName, Kind, PolicyRule, Readable } from '../model/index.ts'
import { CONFIG_GROUP, CONSTRAINT_GROUP } from '../objects/gatekeeper-constraint.ts'
import { isKind, served } from '../objects/served.ts'

/** What each gathered fact asks the API server; a fact that asks nothing of RBAC has no rule. */
const FACT_RULES: Readonly<Record<FactName, PolicyRule | undefined>> = {
  ServerVersion: { nonResourceURLs: ['/version'], verbs: ['get'] },
  ApiServerFlagz: { nonResourceURLs: ['/flagz'], verbs: ['get'] },
  ApiServers: { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list'] },
  ApiServerMetrics: { nonResourceURLs: ['/metrics'], verbs: ['get'] },
  ApiServerHealth: { nonResourceURLs: ['/readyz'], verbs: ['get'] },
  IssuerDiscovery: { nonResourceURLs: ['/.well-known/openid-configuration'], verbs: ['get'] },
  ProfilingProbe: { nonResourceURLs: ['/debug/pprof/'], verbs: ['get'] },
  KubeletConfigz: { apiGroups: [''], resources: ['nodes/proxy'], verbs: ['get'] },
  ServedResources: { nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*'], verbs: ['get'] },
  AnonymousProbe: undefined,
  Endpoint: undefined,
  // SelfSubjectReview is open to everybody (system:basic-user).
  Credential: undefined,
  KubeconfigFiles: undefined,
  ImageConfigs: undefined,
  CloudIam: undefined,
  ObservedRequests: undefined,
  ObservedFlows: undefined,
  Hosts: undefined,
  // Needs create on pods, if only for dry runs: nobody has to give that to a reader. Without it the doubt stays, and says so.
  PodSecurityProbe: undefined,
  // Needs get on secrets, if only for their metadata: nobody has to give that to a reader. Without it what is stored stays unknown.
  StoredForm: undefined,
  // Its kinds are made by the operator's templates: they have no names that could be listed here.
  GatekeeperConstraints: { apiGroups: [CONFIG_GROUP, CONSTRAINT_GROUP], resources: ['*'], verbs: ['list'] },
}

/** A ClusterRole with list and watch on every wanted kind, one rule per API group, and get on the URLs of the wanted facts. */
export function leastClusterRole(wanted: ReadonlySet<Readable>): object {
  const groups = new Map<string, string[]>()
  const rules: PolicyRule[] = []
  for (const what of wanted) {
    if (!isKind(what)) {
      const rule = FACT_RULES[what]
      if (rule !== undefined) rules.push(rule)
      continue
    }
    const { group, plural, standing } = served(what as Kind)
    if (standing !== 'file') groups.set(group, [...(groups.get(group) ?? []), plural])
  }
  const urls = rules.flatMap((rule) => rule.nonResourceURLs ?? []).sort()
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'k8s-harden-reader' },
    rules: [
      ...[...groups]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([group, plurals]) => ({ apiGroups: [group], resources: plurals.toSorted(), verbs: ['list', 'watch'] })),
      ...rules.filter((rule) => rule.nonResourceURLs === undefined),
      ...(urls.length > 0 ? [{ nonResourceURLs: urls, verbs: ['get'] }] : []),
    ],
  }
}
