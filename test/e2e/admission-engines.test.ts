/** Who else refuses pods, as a scan of a real API server tells: Gatekeeper's constraints, and a default that only a dry run shows. */
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { SCAN } from '../../bin/scan-schema.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli } from '../helpers/cli.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

type Wire = Record<string, unknown> & { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } }
const namespace = (name: string, labels = {}) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
const account = (name: string) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } })
const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'app', namespace: name },
  spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] },
})
/** A namespace that runs something; there is no controller manager to make its service account. */
async function busy(cluster: Cluster, name: string) {
  await cluster.api.create('/api/v1/namespaces', namespace(name))
  await cluster.api.create(`/api/v1/namespaces/${name}/serviceaccounts`, account(name))
  await cluster.api.create(`/api/v1/namespaces/${name}/pods`, pod(name))
}

async function scan(kubeconfig: string, control = 'psa-enforced') {
  const { stdout, stderr } = await cli(['scan', '--kubeconfig', kubeconfig, '-o', 'json', '--fail-on', 'none', '--control', control])
  if (stdout === '') throw new Error(stderr)
  const { status, because = '', findings } = SCAN.parse(JSON.parse(stdout)).results.find((one) => one.control === control)!
  const found = new Map(findings.map(({ subject, detail = '', ...one }) => [subject.name, { ...one, detail }]))
  return { status, because, found, text: stdout }
}

/** A user with the role of `permissions`, and what else is given. */
async function userWith(cluster: Cluster, name: string, more: readonly object[]): Promise<string> {
  const { stdout } = await cli(['permissions', '-o', 'yaml'])
  const role = parseAllDocuments(stdout)[0]!.toJS() as { rules: { nonResourceURLs?: string[] }[]; metadata: object }
  const rules = role.rules.map((rule) =>
    rule.nonResourceURLs === undefined ? rule : { ...rule, nonResourceURLs: rule.nonResourceURLs.filter((url) => url !== '/flagz') },
  )
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ ...role, metadata: { name }, rules: [...rules, ...more] }) })
  await cluster.kubectl(['create', 'clusterrolebinding', name, `--clusterrole=${name}`, `--user=${name}`])
  return cluster.kubeconfigFor({ user: name })
}
const MAY_CREATE = [{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }]

async function dryRuns(cluster: Cluster, mark: Awaited<ReturnType<Cluster['auditMark']>>) {
  const events = await cluster.auditSince(mark)
  const writes = events.filter(({ verb, requestURI }) => !['get', 'list', 'watch'].includes(verb) && !requestURI.includes('selfsubject'))
  expect(writes.filter(({ requestURI }) => !requestURI.includes('dryRun=All'))).toEqual([])
  return writes.map(({ verb, requestURI }) => `${verb} ${requestURI.split('?')[0]}`).sort()
}

const folder = await mkdtemp(join(tmpdir(), 'k8s-harden-default-'))
const admission = join(folder, 'admission.yaml')
writeFileSync(
  admission,
  JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AdmissionConfiguration',
    plugins: [
      {
        name: 'PodSecurity',
        configuration: {
          apiVersion: 'pod-security.admission.config.k8s.io/v1',
          kind: 'PodSecurityConfiguration',
          defaults: { enforce: 'baseline' },
          exemptions: { namespaces: ['b-spared'] },
        },
      },
    ],
  }),
)

describeCluster('a cluster-wide Pod Security default', { flags: { 'admission-control-config-file': admission } }, (cluster) => {
  beforeAll(async () => {
    for (const name of ['a-held', 'b-spared', 'c-held', 'd-held']) await busy(cluster(), name)
  })

  test('is found out by dry runs, in three namespaces; the rest is for review', async () => {
    const mark = await cluster().auditMark()
    const { found, text } = await scan(cluster().kubeconfig)
    expect(found.has('a-held')).toBe(false)
    expect(found.has('c-held')).toBe(false)
    expect(found.get('b-spared')).toMatchObject({ detail: expect.stringContaining('would take in a privileged pod') })
    expect(found.get('b-spared')!.detail).not.toContain('default')
    expect(found.get('d-held')!.detail).toContain("the cluster's default holds in a-held, c-held, and here unless it is exempt")
    expect(text).toContain('Pod Security refused a dry run')
    expect(await dryRuns(cluster(), mark)).toEqual(['a-held', 'b-spared', 'c-held'].map((name) => `create /api/v1/namespaces/${name}/pods`))
    const { items } = await cluster().api.get<{ items: unknown[] }>('/api/v1/pods')
    expect(items).toHaveLength(4)
  })

  test('stays in doubt for who may not create pods, and it is said what would tell', async () => {
    const { status, found, text } = await scan(await userWith(cluster(), 'reader', []))
    expect(status).toBe('review')
    for (const name of ['a-held', 'b-spared', 'c-held', 'd-held'])
      expect(found.get(name)!.detail).toContain('a cluster-wide default may hold')
    expect(text).toContain('allow create on pods, dry run')
  })

  test('is told from a policy that refuses the pod: that one is named', async () => {
    const policies = '/apis/admissionregistration.k8s.io/v1'
    await cluster().api.create(`${policies}/validatingadmissionpolicies`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'no-host-pid' },
      spec: {
        matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] },
        validations: [{ expression: '!has(object.spec.hostPID) || !object.spec.hostPID' }],
      },
    })
    await cluster().api.create(`${policies}/validatingadmissionpolicybindings`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'no-host-pid' },
      spec: { policyName: 'no-host-pid', validationActions: ['Deny'] },
    })
    await expect
      .poll(async () => (await scan(cluster().kubeconfig)).found.get('b-spared')?.detail, { timeout: 60_000 })
      .toContain('ValidatingAdmissionPolicy no-host-pid refused a dry run of a privileged pod')
  })
})

describeCluster('no Pod Security default', {}, (cluster) => {
  beforeAll(async () => {
    for (const name of ['a', 'b']) await busy(cluster(), name)
  })

  test('is known from the flags, without any dry run', async () => {
    const mark = await cluster().auditMark()
    const { status, found } = await scan(cluster().kubeconfig)
    expect(status).toBe('fail')
    expect(found.get('a')!.detail).toBe('1 workload')
    expect(await dryRuns(cluster(), mark)).toEqual([])
  })

  test('is known from dry runs where the flags may not be read', async () => {
    const kubeconfig = await userWith(cluster(), 'prober', MAY_CREATE)
    const mark = await cluster().auditMark()
    const { status, found } = await scan(kubeconfig)
    expect(status).toBe('fail')
    expect(found.get('a')!.detail).toBe('1 workload; the API server was asked by a dry run, and would take in a privileged pod')
    expect(await dryRuns(cluster(), mark)).toEqual(['create /api/v1/namespaces/a/pods', 'create /api/v1/namespaces/b/pods'])
    const without = await scan(await userWith(cluster(), 'onlooker', []))
    expect(without.status).toBe('review')
  })
})

/** What the fixture of the control holds: templates, constraints and the webhook. */
const FIXTURE = parseAllDocuments(
  readFileSync(join(import.meta.dirname, '../controls/nodes-and-pods/psa-enforced/pass.gatekeeper.yaml'), 'utf8'),
).map((document) => document.toJS() as Wire)

/** As Gatekeeper makes them: no schema to speak of, the status a subresource. */
const definition = (group: string, version: string, kind: string, plural: string, status: boolean) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: group === 'config.gatekeeper.sh' ? 'Namespaced' : 'Cluster',
    names: { kind, plural, singular: plural, listKind: `${kind}List` },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        ...(status && { subresources: { status: {} } }),
      },
    ],
  },
})

/** From then on no pod can be made: none is wanted any more. */
const CLOSED = JSON.stringify([{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Fail' }])

describeCluster('Gatekeeper', {}, (cluster) => {
  const constraints = FIXTURE.filter(({ apiVersion }) => apiVersion.startsWith('constraints.gatekeeper.sh/'))
  const merge = (path: string, patch: object) =>
    cluster().kubectl(['patch', ...path.split(' '), '--type=merge', '-p', JSON.stringify(patch)])

  beforeAll(async () => {
    for (const name of ['shop', 'spared']) await busy(cluster(), name)
    const definitions = [
      definition('templates.gatekeeper.sh', 'v1', 'ConstraintTemplate', 'constrainttemplates', false),
      definition('config.gatekeeper.sh', 'v1alpha1', 'Config', 'configs', false),
      ...constraints.map(({ kind }) => definition('constraints.gatekeeper.sh', 'v1beta1', kind, kind.toLowerCase(), true)),
    ]
    for (const one of definitions) await cluster().api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', one)
    await cluster().kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
    const objects = FIXTURE.filter(({ apiVersion }) => /gatekeeper/.test(apiVersion))
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
    await vi.waitFor(() => cluster().kubectl(['apply', '-f', '-'], { input }), { timeout: 60_000, interval: 500 })
  })

  test('is for review until it is asked about pods and says what it enforces; then it counts', async () => {
    expect((await scan(cluster().kubeconfig)).found.get('shop')!.detail).toContain('no webhook asks Gatekeeper about pods')
    const hook = FIXTURE.find(({ kind }) => kind === 'ValidatingWebhookConfiguration') as Wire & { webhooks: object[] }
    await cluster().api.create('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {
      ...hook,
      webhooks: hook.webhooks.map((one) => ({
        ...one,
        failurePolicy: 'Ignore',
        timeoutSeconds: 1,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        rules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['pods', 'pods/ephemeralcontainers'] },
        ],
      })),
    })
    expect((await scan(cluster().kubeconfig)).found.get('shop')!.detail).toContain('no copy of Gatekeeper is seen to be ready')
    await cluster().kubectl(['patch', 'validatingwebhookconfiguration', hook.metadata.name, '--type=json', '-p', CLOSED])
    expect((await scan(cluster().kubeconfig)).found.get('shop')!.detail).toContain('Gatekeeper does not report that it is enforced')
    for (const { kind, metadata } of constraints)
      await cluster().kubectl([
        'patch',
        kind.toLowerCase(),
        metadata.name,
        '--subresource=status',
        '--type=merge',
        '-p',
        JSON.stringify({ status: { byPod: [{ id: 'x', enforced: true, observedGeneration: 1, operations: ['webhook'] }] } }),
      ])
    const { status, found } = await scan(cluster().kubeconfig)
    expect([...found.keys()].filter((name) => name === 'shop' || name === 'spared')).toEqual([])
    expect(status).not.toBe('error')
  })

  test('leaves a namespace out by its Config, and a constraint by what it excludes', async () => {
    await cluster().api.create('/api/v1/namespaces', namespace('gatekeeper-system'))
    await cluster().api.create('/apis/config.gatekeeper.sh/v1alpha1/namespaces/gatekeeper-system/configs', {
      apiVersion: 'config.gatekeeper.sh/v1alpha1',
      kind: 'Config',
      metadata: { name: 'config', namespace: 'gatekeeper-system' },
      spec: { match: [{ excludedNamespaces: ['spa*'], processes: ['*'] }] },
    })
    const { found } = await scan(cluster().kubeconfig)
    expect(found.has('shop')).toBe(false)
    expect(found.get('spared')!.detail).toBe('1 workload')
  })

  test('that only warns of one check lacks it, by name', async () => {
    await merge('k8spspprivilegedcontainer pspprivilegedcontainer', { spec: { enforcementAction: 'warn' } })
    const { found } = await scan(cluster().kubeconfig)
    expect(found.get('shop')!.detail).toContain('is not seen to refuse pods that run privileged containers')
    // Changed, and not yet taken over by Gatekeeper.
    await merge('k8spspprivilegedcontainer pspprivilegedcontainer', { spec: { enforcementAction: 'deny' } })
    expect((await scan(cluster().kubeconfig)).found.get('shop')!.detail).toContain('Gatekeeper does not report that it is enforced')
  })

  test('whose constraints may not be listed is unknown, and never absent', async () => {
    const name = 'blind'
    const { stdout } = await cli(['permissions', '-o', 'yaml'])
    const role = parseAllDocuments(stdout)[0]!.toJS() as { rules: { apiGroups?: string[] }[] }
    const rules = role.rules.filter(({ apiGroups }) => apiGroups?.includes('constraints.gatekeeper.sh') !== true)
    expect(rules.length).toBe(role.rules.length - 1)
    await cluster().kubectl(['apply', '-f', '-'], { input: JSON.stringify({ ...role, metadata: { name }, rules }) })
    await cluster().kubectl(['create', 'clusterrolebinding', name, `--clusterrole=${name}`, `--user=${name}`])
    const { status, found } = await scan(await cluster().kubeconfigFor({ user: name }))
    expect(status).toBe('review')
    expect(found.get('shop')!.detail).toContain('Gatekeeper template k8spspapparmor')
    expect(found.get('shop')!.detail).toContain('(403)')
    const guards = await scan(await cluster().kubeconfigFor({ user: name }), 'adm-guardrails')
    expect(guards.because).toContain('403')
  })
})
