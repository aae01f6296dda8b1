/** What comes in the way of a set of policies, and what undo makes of it: a kill, an edit, a name that is taken, a refusal. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import type { KubeObject, NetworkPolicyObject } from '../../src/model/index.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'

const patience = { timeout: 60_000, interval: 20 }
const RISK = ['--yes', '--accept-risk', 'may-break', '--control', 'net-default-deny-ingress']

/** No kubelet here: pods never become ready, so nothing is watched. */
describeCluster('what comes in the way of a set of policies', {}, (cluster) => {
  const put = (path: string, object: object) => cluster().api.create(path, object)
  const networking = (namespace: string) => `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`
  const make = async (namespace: string, metadata: object = {}) => {
    await put('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, ...metadata } })
    for (const name of ['web', 'db', 'api', 'worker']) {
      const spec = { containers: [{ name: 'app', image: 'example.test/app:1', ports: [{ containerPort: 80 }] }] }
      await put(`/api/v1/namespaces/${namespace}/pods`, { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec })
      if (name === 'worker') continue
      const service = { selector: { app: name }, ports: [{ port: 80 }], type: 'NodePort' }
      await put(`/api/v1/namespaces/${namespace}/services`, { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: service })
    }
  }
  const policiesOf = async (namespace: string) =>
    (await cluster().api.get<{ items: KubeObject[] }>(networking(namespace))).items.map(({ metadata }) => metadata.name)
  const newState = () => mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
  const harden = (state: string, args: readonly string[], kubeconfig = cluster().kubeconfig) => {
    const env = { KUBECONFIG: kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state }
    return execa(process.execPath, [BIN, ...args], { env, stdin: 'ignore', reject: false, all: true })
  }
  const apply = (state: string, ...namespaces: readonly string[]) =>
    harden(state, ['apply', ...RISK, '--steady', '0', ...namespaces.flatMap((namespace) => ['-n', namespace])])

  test('killed in the middle of the second set: the next start names it, and undo leaves nothing of both', async () => {
    await make('first')
    await make('second')
    const state = await newState()
    const applying = apply(state, 'first', 'second')
    await expect.poll(async () => (await policiesOf('second')).length, patience).toBeGreaterThan(0)
    applying.kill('SIGKILL')
    await applying
    expect(await policiesOf('first')).toContain('default-deny-ingress')
    const next = await harden(state, ['apply', '--dry-run', ...RISK.slice(3), '-n', 'second'])
    expect(next.all).toMatch(/run \S+ (was interrupted in|died before it was seen whether all works after) "NetworkPolicy second\//)
    expect(next.all).toContain('k8s-harden undo')
    const undone = await harden(state, ['undo', '--yes'])
    expect(undone.exitCode, undone.all).toBe(0)
    expect([...(await policiesOf('first')), ...(await policiesOf('second'))]).toEqual([])
  })

  test('what somebody edited since is left as it is, and told', async () => {
    await make('edited')
    const state = await newState()
    expect((await apply(state, 'edited')).exitCode).toBe(0)
    const spec = { podSelector: { matchLabels: { app: 'web' } }, ingress: [{}] }
    const body = [{ op: 'replace', path: '/spec', value: spec }]
    const made = await policiesOf('edited')
    const target = `${networking('edited')}/allow-same-namespace`
    const { status } = await cluster().api.request('PATCH', target, { body, contentType: 'application/json-patch+json' })
    expect(status).toBe(200)
    expect(made).toContain('allow-same-namespace')
    const undone = await harden(state, ['undo', '--yes'])
    // It may isolate pods now that the other allows were for: those stay with it.
    expect(await policiesOf('edited')).toEqual(['allow-same-namespace', 'allow-to-api'])
    expect((await cluster().api.get<NetworkPolicyObject>(target)).spec).toMatchObject(spec)
    expect(undone.all).toMatch(/allow-same-namespace: allow ingress.*\n +.*(changed|as it was)/)
    expect(undone.exitCode).toBe(4)
    await cluster().kubectl(['delete', 'networkpolicy', 'allow-same-namespace', '-n', 'edited'])
    const again = await harden(state, ['undo', '--yes'])
    expect(again.exitCode, again.all + undone.all).toBe(0)
    expect(await policiesOf('edited')).toEqual([])
  })

  test('a refusal of the last of a set takes back what was written of it', async () => {
    await make('refused')
    const refuse = { validations: [{ expression: "object.metadata.name != 'default-deny-ingress'", message: 'no denies here' }] }
    const rule = { apiGroups: ['networking.k8s.io'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['networkpolicies'] }
    const admission = '/apis/admissionregistration.k8s.io/v1'
    await put(`${admission}/validatingadmissionpolicies`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'no-denies' },
      spec: { matchConstraints: { resourceRules: [rule] }, ...refuse },
    })
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': 'refused' } }
    await put(`${admission}/validatingadmissionpolicybindings`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'no-denies' },
      spec: { policyName: 'no-denies', validationActions: ['Deny'], matchResources: { namespaceSelector } },
    })
    const deny = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'default-deny-ingress' },
      spec: { podSelector: {} },
    }
    await expect
      .poll(async () => (await cluster().api.request('POST', `${networking('refused')}?dryRun=All`, { body: deny })).status, patience)
      .toBe(422)
    const { exitCode, all } = await apply(await newState(), 'refused')
    expect(all).toContain('no denies here')
    expect(exitCode).toBe(4)
    expect(all.match(/taken back|undone/g)?.length).toBeGreaterThan(1)
    expect(await policiesOf('refused')).toEqual([])
  })

  test('without the right to create policies nothing is written, and that is said', async () => {
    await make('guest')
    const rules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }]
    const rbac = '/apis/rbac.authorization.k8s.io/v1'
    await put(`${rbac}/clusterroles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'look' },
      rules,
    })
    await put(`${rbac}/clusterrolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'look' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'look' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'guest' }],
    })
    const kubeconfig = await cluster().kubeconfigFor({ user: 'guest' })
    await expect.poll(() => cluster().kubectl(['auth', 'can-i', 'list', 'pods', '-A', '--as=guest']), patience).toBe('yes')
    const { exitCode, all } = await harden(await newState(), ['apply', ...RISK, '--steady', '0', '-n', 'guest'], kubeconfig)
    expect(all).toMatch(/403|forbidden/)
    expect(exitCode).toBe(4)
    expect(await policiesOf('guest')).toEqual([])
  })

  test('a policy that Helm owns gets a file, not a live change; beside it new ones are written', async () => {
    await make('of-helm')
    const chart = { 'meta.helm.sh/release-name': 'shop', 'meta.helm.sh/release-namespace': 'of-helm' }
    const spec = { podSelector: { matchLabels: { app: 'worker' } }, ingress: [{}] }
    await put(networking('of-helm'), {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'open', labels: { 'app.kubernetes.io/managed-by': 'Helm' }, annotations: chart },
      spec,
    })
    const open = ['--control', 'net-policy-too-open']
    const { exitCode, all } = await harden(await newState(), ['apply', ...RISK, ...open, '--steady', '0', '-n', 'of-helm'])
    expect(exitCode, all).toBe(0)
    expect(all).toContain('managed by helm: written as a patch file')
    // What is handed over as a file closes no campaign.
    expect(all).toContain('no pod was ready before')
    expect((await cluster().api.get<NetworkPolicyObject>(`${networking('of-helm')}/open`)).spec).toMatchObject(spec)
    expect(await policiesOf('of-helm')).toContain('default-deny-ingress')
  })
})
