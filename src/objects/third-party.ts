/** Which workloads are integrations somebody else wrote: by image, chart or name, never by trust. */

import { eachContainer } from './containers.ts'
import { remembered } from './derived.ts'
import type { Workload } from './workloads.ts'

export interface ThirdParty {
  readonly purpose: string
  /** `image datadog/agent`, `chart velero-5.0.0`. */
  readonly mark: string
  /** Its work is to handle Secrets: to be looked at rather than to be broken. */
  readonly needsSecrets: boolean
}

const KNOWN: readonly { readonly purpose: string; readonly pattern: RegExp; readonly needsSecrets?: true }[] = [
  {
    purpose: 'secret store or certificates',
    pattern: /cert-manager|external-secrets|sealed-secrets|secrets-store-csi|vault|conjur|akeyless|doppler|infisical/,
    needsSecrets: true,
  },
  { purpose: 'copies Secrets', pattern: /reflector|kubed|config-syncer|kubernetes-replicator|secret-replicator/, needsSecrets: true },
  {
    purpose: 'GitOps',
    pattern: /argo-?cd|fluxcd|source-controller|helm-controller|kustomize-controller|fleet-agent|rancher\/rancher-agent|cattle/,
    needsSecrets: true,
  },
  { purpose: 'backup', pattern: /velero|kasten|k10|stash|trilio|portworx|longhorn/, needsSecrets: true },
  {
    purpose: 'ingress or service mesh',
    pattern: /ingress-nginx|nginx-ingress|traefik|contour|envoy-gateway|kong|haproxy-ingress|istio|linkerd|consul|kuma|emissary|ambassador/,
    needsSecrets: true,
  },
  {
    purpose: 'monitoring',
    pattern:
      /datadog|newrelic|new-relic|dynatrace|prometheus|grafana|kube-state-metrics|splunk|elastic-agent|filebeat|metricbeat|fluent|sumologic|logzio|opentelemetry|otel|instana|appdynamics|signalfx|pixie|coralogix|honeycomb|sentry/,
  },
  {
    purpose: 'security scanner',
    pattern:
      /trivy|aquasec|twistlock|prisma|sysdig|falco|stackrox|kubescape|neuvector|wiz|lacework|snyk|crowdstrike|orca|kubebench|kube-bench|polaris|popeye/,
  },
  { purpose: 'policy engine', pattern: /kyverno|gatekeeper|opa\b|jspolicy|kubewarden|datree/ },
  {
    purpose: 'CI or build',
    pattern:
      /jenkins|gitlab-runner|gitlab-agent|actions-runner|tekton|drone|buildkite|circleci|teamcity|concourse|azure-pipelines|argo-workflows|spinnaker|harness/,
  },
  {
    purpose: 'cost or scaling',
    pattern: /kubecost|opencost|cast-?ai|keda|spot-ocean|spotinst|stormforge|cloudhealth|turbonomic|karpenter|goldilocks/,
  },
  {
    purpose: 'dashboard',
    pattern: /kubernetes-dashboard|kubernetesui\/dashboard|lens|portainer|headlamp|octant|kubeapps|rancher|komodor|botkube/,
  },
]

/** What kind of integration a workload is; undefined for one's own workloads and the platform's. */
export const thirdPartyOf = remembered((workload: Workload): ThirdParty | undefined => {
  for (const [mark, text] of marksOf(workload)) {
    const known = KNOWN.find(({ pattern }) => pattern.test(text))
    if (known !== undefined) return { purpose: known.purpose, mark: `${mark} ${text}`, needsSecrets: known.needsSecrets === true }
  }
  return undefined
})

function* marksOf({ spec, templateLabels, object }: Workload): Iterable<readonly [string, string]> {
  for (const { container } of eachContainer(spec)) if (container.image !== undefined) yield ['image', repositoryOf(container.image)]
  const labels = { ...object?.metadata.labels, ...templateLabels }
  for (const [mark, label] of [
    ['chart', 'helm.sh/chart'],
    ['chart', 'chart'],
    ['label', 'app.kubernetes.io/name'],
  ] as const)
    if (labels[label] !== undefined) yield [mark, labels[label].toLowerCase()]
}

/** Without registry, tag and digest: a registry called after a product says nothing about the image. */
function repositoryOf(image: string): string {
  const path = image
    .split('@')[0]!
    .replace(/:[^/:]*$/, '')
    .toLowerCase()
  const slash = path.indexOf('/')
  return slash > 0 && /[.:]|^localhost$/.test(path.slice(0, slash)) ? path.slice(slash + 1) : path
}
