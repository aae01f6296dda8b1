/**
 * Our port of the Pod Security Standards against the real admission plugin: random pods, many policy versions, the same verdict and the
 * same violated checks. POD_SECURITY_SEED and POD_SECURITY_PODS make longer runs of other pods.
 */
import { expect, test } from 'vitest'
import { violations } from '../../src/objects/pod-security.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { judgedOf, RandomPods, type SentPod, seeded } from '../helpers/random-pod.ts'
import {
  checksIn,
  createNamespace,
  inParallel,
  minorOfPolicy,
  namespaceOf,
  type Policy,
  serverVerdict,
  storedPod,
} from './pod-security-verdicts.ts'

const VERSIONS = 'v1.0 v1.8 v1.18 v1.19 v1.22 v1.23 v1.24 v1.25 v1.26 v1.27 v1.29 v1.31 v1.32 v1.34 v1.35 v1.36 v1.37 v1.99 latest'.split(
  ' ',
)
const POLICIES: readonly Policy[] = (['baseline', 'restricted'] as const).flatMap((level) =>
  VERSIONS.map((version) => ({ level, version })),
)
const CHECKS =
  'allowPrivilegeEscalation appArmorProfile capabilities_baseline capabilities_restricted hostNamespaces hostPathVolumes hostPorts hostProbesAndHostLifecycle privileged procMount procMount_restricted restrictedVolumes runAsNonRoot runAsUser seLinuxOptions seccompProfile_baseline seccompProfile_restricted sysctls windowsHostProcess'.split(
    ' ',
  )
const SEED = Number(process.env['POD_SECURITY_SEED'] ?? 1)
const PODS = Number(process.env['POD_SECURITY_PODS'] ?? 500)
const POLICIES_A_POD = 6
const POLICY_LABEL = 'pod-security.kubernetes.io'

const ours = (pod: SentPod, policy: Policy): string[] =>
  violations(judgedOf(pod), policy.level, minorOfPolicy(policy))
    .map((one) => one.check)
    .sort()

/** Pods, each with some of the policies. */
function* cases(count: number): Generator<{ readonly pod: SentPod; readonly policies: readonly Policy[] }> {
  const pods = new RandomPods(SEED)
  const random = seeded(SEED + 1)
  for (let index = 0; index < count; index++)
    yield { pod: pods.next(), policies: Array.from({ length: POLICIES_A_POD }, () => POLICIES[Math.floor(random() * POLICIES.length)]!) }
}

describeCluster('the Pod Security Standards beside the admission plugin', { audit: false }, (cluster) => {
  test('judge random pods as it does, in every version, also before the server fills in defaults', { timeout: 3_600_000 }, async () => {
    await createNamespace(cluster(), 'unheld', {})
    for (const policy of POLICIES)
      await createNamespace(cluster(), namespaceOf(policy), {
        [`${POLICY_LABEL}/enforce`]: policy.level,
        [`${POLICY_LABEL}/enforce-version`]: policy.version,
      })
    let invalid = 0
    let admitted = 0
    let compared = 0
    const violated = new Map<string, number>()
    const reasons = new Map<string, number>()
    const wrong: object[] = []
    await inParallel(cases(PODS), 24, async ({ pod, policies }) => {
      const known = await storedPod(cluster(), pod)
      if ('invalid' in known) {
        invalid++
        const reason = known.invalid.replace(/^.*?is invalid: /, '').slice(0, 120)
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        return
      }
      for (const policy of policies) {
        const server = await serverVerdict(cluster(), pod, policy)
        compared++
        if (server.length === 0) admitted++
        for (const check of server) violated.set(check, (violated.get(check) ?? 0) + 1)
        for (const [judged, what] of [
          [known.stored, 'as stored'],
          [pod, 'as sent'],
        ] as const)
          if (JSON.stringify(ours(judged, policy)) !== JSON.stringify(server))
            wrong.push({ policy: namespaceOf(policy), what, server, ours: ours(judged, policy), pod: JSON.stringify(pod) })
      }
    })
    if (process.env['POD_SECURITY_PODS'] !== undefined)
      console.info({
        seed: SEED,
        compared,
        admitted,
        invalid,
        violated: Object.fromEntries(violated),
        reasons: Object.fromEntries(reasons),
      })
    expect(wrong.slice(0, 5)).toEqual([])
    expect(invalid / PODS, 'share of pods that validation refuses').toBeLessThan(0.3)
    expect(compared).toBeGreaterThan(PODS * POLICIES_A_POD * 0.7)
    // Neither side is all there is.
    expect(admitted / compared).toBeGreaterThan(0.1)
    expect(admitted / compared).toBeLessThan(0.7)
    expect(CHECKS.filter((check) => !violated.has(check))).toEqual([])
  })

  test('judge pod templates of every kind as it warns of them', { timeout: 300_000 }, async () => {
    const policies = POLICIES.filter(({ version }) => ['v1.24', 'v1.34', 'latest'].includes(version))
    for (const policy of policies)
      await createNamespace(cluster(), `warned-${namespaceOf(policy)}`, {
        [`${POLICY_LABEL}/warn`]: policy.level,
        [`${POLICY_LABEL}/warn-version`]: policy.version,
      })
    const counts = { compared: 0, warned: 0 }
    const kinds = new Set<string>()
    const wrong: object[] = []
    let turn = 0
    await inParallel(cases(Math.max(150, PODS / 10)), 24, async ({ pod }) => {
      if ('invalid' in (await storedPod(cluster(), pod))) return
      for (const kind of KINDS) {
        const policy = policies[turn++ % policies.length]!
        const server = await templateVerdict(cluster(), kind, pod, policy)
        // Validation of templates is stricter than that of pods here and there.
        if (server === undefined) continue
        counts.compared++
        kinds.add(kind.kind)
        if (server.length > 0) counts.warned++
        // Container ports become host ports with the pod, not with its template: the template is warned of too little.
        const own = ours(pod, policy).filter((check) => check !== 'hostPorts' || server.includes(check) || pod.spec['hostNetwork'] !== true)
        if (JSON.stringify(own) !== JSON.stringify(server))
          wrong.push({ kind: kind.kind, policy: namespaceOf(policy), server, ours: own, pod: JSON.stringify(pod) })
      }
    })
    expect(wrong.slice(0, 5)).toEqual([])
    expect([...kinds].sort()).toEqual(KINDS.map(({ kind }) => kind).sort())
    expect(counts.compared).toBeGreaterThan(600)
    expect(counts.warned).toBeGreaterThan(200)
    expect(counts.compared - counts.warned).toBeGreaterThan(100)
  })
})

interface TemplateKind {
  readonly kind: string
  readonly path: string
  readonly wrap: (template: object) => object
}
const labels = { app: 'a' }
const own = (template: object, extra: object = {}) => ({ spec: { ...extra, template } })
const selecting = (template: object) => own(template, { selector: { matchLabels: labels } })
const atMostOnce = (template: object) => {
  const { metadata, spec } = template as { metadata: object; spec: object }
  return own({ metadata, spec: { ...spec, restartPolicy: 'Never' } })
}
const KINDS: readonly TemplateKind[] = [
  { kind: 'Pod', path: 'api/v1 pods', wrap: (template) => template },
  { kind: 'ReplicationController', path: 'api/v1 replicationcontrollers', wrap: (template) => own(template, { selector: labels }) },
  { kind: 'PodTemplate', path: 'api/v1 podtemplates', wrap: (template) => ({ template }) },
  { kind: 'Deployment', path: 'apis/apps/v1 deployments', wrap: selecting },
  { kind: 'ReplicaSet', path: 'apis/apps/v1 replicasets', wrap: selecting },
  { kind: 'DaemonSet', path: 'apis/apps/v1 daemonsets', wrap: selecting },
  {
    kind: 'StatefulSet',
    path: 'apis/apps/v1 statefulsets',
    wrap: (template) => ({ spec: { ...selecting(template).spec, serviceName: 'a' } }),
  },
  { kind: 'Job', path: 'apis/batch/v1 jobs', wrap: atMostOnce },
  {
    kind: 'CronJob',
    path: 'apis/batch/v1 cronjobs',
    wrap: (template) => ({ spec: { schedule: '* * * * *', jobTemplate: atMostOnce(template) } }),
  },
]

/** The checks that the server warns of; undefined where validation refuses the object. */
async function templateVerdict(
  { api }: Cluster,
  { kind, path, wrap }: TemplateKind,
  { metadata, spec }: SentPod,
  policy: Policy,
): Promise<readonly string[] | undefined> {
  const [version, plural] = path.split(' ') as [string, string]
  const { metadata: inner, ...body } = wrap({ metadata: { labels, ...metadata }, spec }) as { metadata?: object }
  const { status, text, warnings } = await api.request(
    'POST',
    `/${version}/namespaces/warned-${namespaceOf(policy)}/${plural}?dryRun=All`,
    { body: { apiVersion: version.replace(/^apis?\//, ''), kind, metadata: { ...inner, name: 'a' }, ...body } },
  )
  if (status === 422) return undefined
  if (status !== 201) throw new Error(`${kind}: ${status}: ${text}`)
  const named = `would violate PodSecurity "${policy.level}:${policy.version}": `
  const warning = warnings.find((one) => one.startsWith(named))
  return warning === undefined ? [] : checksIn(warning.slice(named.length), policy)
}
