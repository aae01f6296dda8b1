import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { KubeObject, RegisteredControl } from '../../src/model/index.ts'
import { undoable } from '../../src/plan/journal.ts'
import { undo, whatHappened } from '../../src/plan/undo.ts'
import { FileJournal } from '../../src/writers/journal.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { comparable, container, finding, notPrivileged, openSession, type Session } from './apply-harness.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

describeCluster('apply on a real API server', { controllerManager: true, scheduler: true, kwokNodes: 2 }, (cluster) => {
  let session: Session | undefined
  const open = async (controls: readonly RegisteredControl[], kubeconfig?: string) =>
    (session = await openSession({ kubeconfig: kubeconfig ?? cluster().kubeconfig, controls }))
  afterEach(async () => {
    await session?.close()
    session = undefined
  })
  const api = () => cluster().api
  const path = (plural: string, name: string, group = 'apis/apps/v1', namespace: string | null = 'default') =>
    `/${group}/${namespace === null ? '' : `namespaces/${namespace}/`}${plural}/${name}`
  const RBAC = 'apis/rbac.authorization.k8s.io/v1'
  const make = (where: string, object: object) => api().create<KubeObject>(where.slice(0, where.lastIndexOf('/')), object)
  const makeDeployment = async (
    name: string,
    template: { labels?: Record<string, string>; spec?: object; container?: object } = {},
    replicas = 1,
  ) => {
    await make(path('deployments', name), {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name, ...template.labels } },
          spec: { ...template.spec, containers: [{ name: 'app', image: 'example.test/app:1', ...template.container }] },
        },
      },
    })
    if (replicas > 0) await cluster().kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=60s'])
    return api().get<KubeObject>(path('deployments', name))
  }
  const takeBack = async (within: Session) => {
    const [last] = await within.runs()
    const journal = await FileJournal.resume(within.state, last!.header.run)
    const states = []
    for await (const event of undo({
      steps: undoable(last!),
      writer: () => within.writer,
      journal,
      signal: new AbortController().signal,
      now: () => new Date().toISOString(),
    }))
      states.push(event.state)
    await journal.close()
    return states.filter((state) => state.is !== 'undoing')
  }

  describe('apply, verify, undo gives the same object back', () => {
    /** One family: make the object, mend it, look, take it back, compare. */
    const thereAndBack = async (where: string, control: RegisteredControl, look: (object: KubeObject | undefined) => void) => {
      const read = () =>
        api()
          .request('GET', where)
          .then(({ status, text }) => (status === 404 ? undefined : (JSON.parse(text) as KubeObject)))
      const before = await read()
      const within = await open([control])
      expect(await within.apply()).toEqual([expect.objectContaining({ is: 'mended' })])
      look(await read())
      expect(await takeBack(within)).toEqual([expect.objectContaining({ is: 'undone' })])
      const after = await read()
      expect(after && comparable(after)).toEqual(before && comparable(before))
      expect((await within.runs())[0]?.steps.map((step) => [step.status, step.verified])).toEqual([['undone', true]])
    }

    test('a field in a pod template', async () => {
      await makeDeployment('edit')
      await thereAndBack(path('deployments', 'edit'), notPrivileged('edit'), (object) =>
        expect(object).toMatchObject({ spec: { template: { spec: { containers: [{ securityContext: { privileged: false } }] } } } }),
      )
    })
    test('a field that was there with another value, and one that is taken away', async () => {
      await makeDeployment('fields', { container: { securityContext: { privileged: true, runAsUser: 7 } }, spec: { hostPID: true } })
      const control = finding(
        'fields',
        'Deployment',
        (object) => object.metadata.name === 'fields' && JSON.stringify(object).includes('"privileged":true'),
        ({ subject }) => [
          {
            type: 'edit',
            target: subject,
            edits: [
              { set: [...container, 'securityContext', 'privileged'], to: false },
              { set: ['spec', 'template', 'spec', 'hostPID'], to: false },
            ],
          },
        ],
        'restarts-pods',
      )
      await thereAndBack(path('deployments', 'fields'), control, (object) => expect(JSON.stringify(object)).not.toContain('hostPID'))
    })
    test('a new object', async () => {
      const policy = {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'deny', namespace: 'default' },
        spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 80 }] }] },
      } as KubeObject
      let made = false
      const control = finding(
        'policy',
        'Namespace',
        (object) => object.metadata.name === 'default' && !made,
        () => [{ type: 'create', object: policy }],
      )
      const watching = {
        ...control,
        reads: ['Namespace', 'NetworkPolicy'] as const,
        *evaluate(view: Parameters<RegisteredControl['evaluate']>[0]) {
          made = view.find('NetworkPolicy', 'default', 'deny') !== undefined
          yield* control.evaluate(view)
        },
      }
      await thereAndBack(path('networkpolicies', 'deny', 'apis/networking.k8s.io/v1'), watching, (object) =>
        expect(object).toMatchObject({ spec: { policyTypes: ['Ingress'] } }),
      )
    })
    test('an object that is deleted', async () => {
      const where = path('clusterrolebindings', 'too-much', RBAC, null)
      await make(where, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'too-much', labels: { a: 'b' } },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'mallory' }],
      })
      await thereAndBack(
        where,
        finding(
          'binding',
          'ClusterRoleBinding',
          (object) => object.metadata.name === 'too-much',
          ({ subject }) => [{ type: 'delete', target: subject }],
        ),
        (object) => expect(object).toBeUndefined(),
      )
    })
    test('a label whose key holds a slash', async () => {
      await make(path('namespaces', 'labelled', 'api/v1', null), { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'labelled' } })
      const warn = 'pod-security.kubernetes.io/warn'
      await thereAndBack(
        path('namespaces', 'labelled', 'api/v1', null),
        finding(
          'label',
          'Namespace',
          (object) => object.metadata.name === 'labelled' && object.metadata.labels?.[warn] === undefined,
          ({ subject }) => [{ type: 'edit', target: subject, edits: [{ set: ['metadata', 'labels', warn], to: 'restricted' }] }],
        ),
        (object) => expect(object?.metadata.labels?.[warn]).toBe('restricted'),
      )
    })
    test('the rules of a role', async () => {
      const where = path('roles', 'wide', RBAC)
      await make(where, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'wide' },
        rules: [
          { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
          { apiGroups: [''], resources: ['*'], verbs: ['*'] },
        ],
      })
      const isWide = (object: KubeObject) => object.metadata.name === 'wide' && JSON.stringify(object).includes('"*"')
      await thereAndBack(
        where,
        finding('rules', 'Role', isWide, ({ subject }) => [{ type: 'edit', target: subject, edits: [{ unset: ['rules', 1] }] }]),
        (object) => expect(object).toMatchObject({ rules: [{ resources: ['pods'] }] }),
      )
    })
    test('the role of a binding, which only a new binding can change', async () => {
      const where = path('rolebindings', 'rebound', RBAC)
      await make(where, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'rebound' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'mallory' }],
      })
      const control = finding(
        'role',
        'RoleBinding',
        (object) => object.metadata.name === 'rebound' && (object as unknown as { roleRef: { name: string } }).roleRef.name === 'edit',
        ({ subject }) => [{ type: 'edit', target: subject, edits: [{ set: ['roleRef', 'name'], to: 'view' }] }],
      )
      await thereAndBack(where, control, (object) =>
        expect(object).toMatchObject({ roleRef: { name: 'view' }, subjects: [{ name: 'mallory' }] }),
      )
    })
    test('a bare pod, which only a new pod can change', async () => {
      const where = path('pods', 'bare', 'api/v1')
      await make(where, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'bare', labels: { keep: 'me' } }, // With no grace at all kwok's own delete, which names no uid, may come late and meet the new pod.
        spec: {
          hostPID: true,
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'app', image: 'example.test/app:1', env: [{ name: 'COLOUR', value: 'red' }] }],
        },
      })
      await cluster().kubectl(['wait', '--for=condition=Ready', 'pod/bare', '--timeout=60s'])
      const control = finding(
        'bare',
        'Pod',
        (object) => object.metadata.name === 'bare' && JSON.stringify(object).includes('"hostPID":true'),
        ({ subject }) => [{ type: 'edit', target: subject, edits: [{ unset: ['spec', 'hostPID'] }] }],
        'may-break',
      )
      const first = await api().get<KubeObject>(where)
      const within = await open([control])
      expect(await within.apply()).toEqual([{ is: 'mended', note: 'the new pod is ready' }])
      const second = await api().get<KubeObject & { spec: { hostPID?: boolean } }>(where)
      expect([second.spec.hostPID, second.metadata.labels, second.metadata.uid === first.metadata.uid]).toEqual([
        undefined,
        { keep: 'me' },
        false,
      ])
      expect(await takeBack(within)).toEqual([expect.objectContaining({ is: 'undone' })])
      expect(await api().get(where)).toMatchObject({
        metadata: { labels: { keep: 'me' } },
        spec: { hostPID: true, containers: [{ env: [{ name: 'COLOUR', value: 'red' }] }] },
      })
    })
    test("a service account's token Secret, which comes back with another token", async () => {
      const where = path('secrets', 'old-token', 'api/v1')
      await make(where, {
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/service-account-token',
        metadata: { name: 'old-token', annotations: { 'kubernetes.io/service-account.name': 'default' } },
      })
      const token = async () =>
        await vi.waitUntil(async () => (await api().get<{ data?: { token?: string } }>(where)).data?.token, {
          timeout: 20_000,
          interval: 100,
        })
      const first = await token()
      const within = await open([
        finding(
          'token',
          'Secret',
          (object) => object.metadata.name === 'old-token',
          ({ subject }) => [{ type: 'delete', target: subject }],
        ),
      ])
      expect(await within.apply()).toEqual([expect.objectContaining({ is: 'mended' })])
      expect(await takeBack(within)).toEqual([expect.objectContaining({ is: 'undone' })])
      expect(await token()).not.toBe(first)
      expect(JSON.stringify(await within.runs())).not.toContain(first)
    })
  })

  describe("never over somebody else's change", () => {
    test('a change between rehearsal and commit stops the step and is kept', async () => {
      await makeDeployment('raced')
      const within = await open([notPrivileged('raced')])
      // Compiled once: after the other's change a new plan would have another digest, and the approval names the one that was shown.
      const plan = within.plan()
      const states = await within
        .apply({
          approve: async (step) => {
            await cluster().kubectl([
              'patch',
              'deployment',
              'raced',
              '--type=json',
              '-p',
              JSON.stringify([{ op: 'add', path: '/spec/template/spec/containers/0/securityContext', value: { privileged: true } }]),
            ])
            return (await import('../../src/session/approve.ts')).grant(plan, [step.id], 'a test')
          },
          plan,
        })
        .catch((error: Error) => error)
      expect(states).toEqual([expect.objectContaining({ is: 'refused', by: 'a change by somebody else' })])
      expect(await api().get(path('deployments', 'raced'))).toMatchObject({
        spec: { template: { spec: { containers: [{ securityContext: { privileged: true } }] } } },
      })
      expect((await within.runs())[0]?.steps.map((step) => step.status)).toEqual(['not-written'])
    })
    test('what changed since the scan is refused while rehearsing', async () => {
      await makeDeployment('moved', {}, 0)
      const within = await open([notPrivileged('moved')])
      const plan = within.plan()
      await cluster().kubectl([
        'patch',
        'deployment',
        'moved',
        '--type=json',
        '-p',
        JSON.stringify([{ op: 'add', path: '/spec/template/spec/containers/0/securityContext', value: { runAsUser: 5 } }]),
      ])
      expect(await within.apply({ plan })).toEqual([
        {
          is: 'refused',
          by: 'the cluster',
          because: 'Deployment default/moved was changed since it was scanned, at spec.template.spec.containers[name=app].securityContext',
        },
      ])
      expect(await within.runs()).toEqual([])
    })
    test('a value that was changed after us is not taken back, and says who changed it', async () => {
      await makeDeployment('touched', {}, 0)
      const within = await open([notPrivileged('touched')])
      expect(await within.apply()).toEqual([expect.objectContaining({ is: 'mended' })])
      await cluster().kubectl([
        'patch',
        'deployment',
        'touched',
        '--field-manager=somebody-else',
        '--type=json',
        '-p',
        JSON.stringify([{ op: 'replace', path: '/spec/template/spec/containers/0/securityContext/privileged', value: true }]),
      ])
      expect(await takeBack(within)).toEqual([
        {
          is: 'undo-failed',
          because:
            'Deployment default/touched was changed since by somebody-else at spec.template.spec.containers[name=app].securityContext.privileged: taking our change back would overwrite that',
        },
      ])
      expect(await api().get(path('deployments', 'touched'))).toMatchObject({
        spec: { template: { spec: { containers: [{ securityContext: { privileged: true } }] } } },
      })
    })
    test('a field that somebody put beside ours stays when ours is taken back', async () => {
      await makeDeployment('beside', {}, 0)
      const within = await open([notPrivileged('beside')])
      await within.apply()
      await cluster().kubectl([
        'patch',
        'deployment',
        'beside',
        '--type=json',
        '-p',
        JSON.stringify([{ op: 'add', path: '/spec/template/spec/containers/0/securityContext/runAsUser', value: 5 }]),
      ])
      expect(await takeBack(within)).toEqual([expect.objectContaining({ is: 'undone' })])
      expect(
        (await api().get<{ spec: { template: { spec: { containers: { securityContext?: object }[] } } } }>(path('deployments', 'beside')))
          .spec.template.spec.containers[0]?.securityContext,
      ).toEqual({ runAsUser: 5 })
    })
    test('an object that was deleted and made again is not the one that was scanned', async () => {
      const where = path('roles', 'reborn', RBAC)
      const role = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'reborn' },
        rules: [{ apiGroups: [''], resources: ['*'], verbs: ['get'] }],
      }
      await make(where, role)
      const within = await open([
        finding(
          'reborn',
          'Role',
          (object) => object.metadata.name === 'reborn',
          ({ subject }) => [{ type: 'delete', target: subject }],
        ),
      ])
      const plan = within.plan()
      const uid = () => within.scan.state.snapshot.find('Role', 'default', 'reborn')?.metadata.uid
      const old = uid()
      await cluster().kubectl(['delete', 'role', 'reborn'])
      await make(where, role)
      await within.scan.until(() => uid() !== undefined && uid() !== old, 10_000)
      expect(await within.apply({ plan })).toEqual([
        expect.objectContaining({ is: 'refused', because: 'Role default/reborn was deleted and made again since it was scanned' }),
      ])
    })
  })

  describe('a rollout that fails is taken back by itself', () => {
    test('pods that cannot be made because the image runs as root', async () => {
      await makeDeployment('rooted', { labels: { 'k8s-harden.test/image-user': 'root' } })
      const before = await api().get<KubeObject>(path('deployments', 'rooted'))
      const control = finding(
        'nonroot',
        'Deployment',
        (object) => object.metadata.name === 'rooted' && !JSON.stringify(object).includes('runAsNonRoot'),
        ({ subject }) => [
          { type: 'edit', target: subject, edits: [{ set: [...container, 'securityContext'], to: { runAsNonRoot: true } }] },
        ],
        'restarts-pods',
      )
      const within = await open([control])
      const [state] = await within.apply({ deadlineMs: 60_000 })
      expect(state).toMatchObject({
        is: 'undone',
        because: expect.stringMatching(
          /container app of new pod rooted-\S+: CreateContainerConfigError: container has runAsNonRoot and image will run as root/,
        ),
      })
      expect(comparable(await api().get<KubeObject>(path('deployments', 'rooted')))).toEqual(comparable(before))
      expect((await within.runs())[0]?.steps.map((step) => step.status)).toEqual(['undone'])
    })
    test('pods that crash', async () => {
      await makeDeployment('crashing')
      const control = finding(
        'crash',
        'Deployment',
        (object) => object.metadata.name === 'crashing' && !JSON.stringify(object).includes('CrashLoopBackOff'),
        ({ subject }) => [
          {
            type: 'edit',
            target: subject,
            edits: [{ set: ['spec', 'template', 'metadata', 'labels', 'k8s-harden.test/fails'], to: 'CrashLoopBackOff' }],
          },
        ],
        'restarts-pods',
      )
      const within = await open([control])
      expect(await within.apply({ deadlineMs: 60_000 })).toEqual([
        expect.objectContaining({ is: 'undone', because: expect.stringContaining('CrashLoopBackOff') }),
      ])
      expect(JSON.stringify(await api().get(path('deployments', 'crashing')))).not.toContain('CrashLoopBackOff')
    })
    test('pods that nobody schedules, after the deadline', async () => {
      await makeDeployment('stuck')
      const control = finding(
        'stuck',
        'Deployment',
        (object) => object.metadata.name === 'stuck' && !JSON.stringify(object).includes('nowhere'),
        ({ subject }) => [
          { type: 'edit', target: subject, edits: [{ set: ['spec', 'template', 'spec', 'nodeSelector'], to: { nowhere: 'here' } }] },
        ],
        'restarts-pods',
      )
      const within = await open([control])
      expect(await within.apply({ deadlineMs: 3_000 })).toEqual([
        expect.objectContaining({ is: 'undone', because: 'the rollout was not done after 3 s: 1 of 1 pods are new, 1 available, 1 old' }),
      ])
    })
  })

  describe('kill -9', () => {
    /** Runs the same apply in a process of its own and kills it there. */
    const killedAt = async (name: string, boundary: string) => {
      const state = await mkdtemp(join(tmpdir(), 'k8s-harden-killed-'))
      const child = fork(join(import.meta.dirname, 'apply-killed.ts'), [cluster().kubeconfig, state, name, boundary], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      await once(child, 'message')
      child.kill('SIGKILL')
      await once(child, 'exit')
      return openSession({ kubeconfig: cluster().kubeconfig, controls: [notPrivileged(name)], state })
    }
    test.each([
      ['before-commit', 'nothing', 'interrupted'],
      ['after-commit', 'written', 'interrupted'],
      ['before-verify', 'written', 'written'],
    ])('%s: the next start knows what happened, and takes it back', async (boundary, happened, status) => {
      const name = `killed-${boundary}`
      const before = await makeDeployment(name)
      session = await killedAt(name, boundary)
      const [last] = await session.runs()
      expect(last?.steps.map((step) => [step.status, step.verified])).toEqual([[status, false]])
      expect(await whatHappened(last!.steps[0]!, session.writer)).toBe(happened)
      expect(await takeBack(session)).toEqual([expect.objectContaining({ is: 'undone' })])
      expect(comparable(await api().get<KubeObject>(path('deployments', name)))).toEqual(comparable(before))
      expect(undoable((await session.runs())[0]!)).toEqual([])
    })
    test('between the deletion of a pod and its creation: the old pod is put back', async () => {
      const where = path('pods', 'halfway', 'api/v1')
      await make(where, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'halfway' },
        spec: { hostPID: true, terminationGracePeriodSeconds: 1, containers: [{ name: 'app', image: 'example.test/app:1' }] },
      })
      await cluster().kubectl(['wait', '--for=condition=Ready', 'pod/halfway', '--timeout=60s'])
      const within = await open([
        finding(
          'halfway',
          'Pod',
          (object) => object.metadata.name === 'halfway' && JSON.stringify(object).includes('"hostPID":true'),
          ({ subject }) => [{ type: 'edit', target: subject, edits: [{ unset: ['spec', 'hostPID'] }] }],
          'may-break',
        ),
      ])
      const result = await within.writer.rehearse(within.plan().steps[0]!)
      if (!result.ok) throw new Error(result.because)
      const written = await within.writer.intent(result.rehearsal)
      await cluster().kubectl(['delete', 'pod', 'halfway', '--grace-period=0'])
      expect(await within.writer.state(written[0]!)).toBe('gone')
      await within.writer.undo(written)
      expect(await api().get(where)).toMatchObject({ spec: { hostPID: true } })
      expect(await within.writer.state(written[0]!)).toBe('before')
    })
  })

  test('a controller that puts the old value back is noticed and named', async () => {
    await makeDeployment('reverted', {}, 0)
    const within = await open([notPrivileged('reverted')])
    const stop = within.scan.subscribe(({ snapshot }) => {
      if (snapshot.find('Deployment', 'default', 'reverted')?.spec?.template?.spec?.containers[0]?.securityContext?.privileged !== false)
        return
      stop()
      void cluster().kubectl([
        'patch',
        'deployment',
        'reverted',
        '--field-manager=some-operator',
        '--type=json',
        '-p',
        JSON.stringify([{ op: 'replace', path: '/spec/template/spec/containers/0/securityContext/privileged', value: true }]),
      ])
    })
    expect(await within.apply({ settleMs: 10_000 })).toEqual([
      expect.objectContaining({ is: 'not-mended', because: expect.stringMatching(/was reverted by one of .*some-operator/) }),
    ])
  })

  test('what the server does not know or allow is refused with its words, before anything is written', async () => {
    await makeDeployment('refused', {}, 0)
    const bad = (id: string, set: readonly string[], to: string) =>
      finding(
        id,
        'Deployment',
        (object) => object.metadata.name === 'refused',
        ({ subject }) => [{ type: 'edit', target: subject, edits: [{ set, to }] }],
      )
    const unknown = await open([bad('unknown', ['spec', 'template', 'spec', 'hostPidd'], 'x')])
    expect(await unknown.apply()).toEqual([
      {
        is: 'refused',
        by: 'the API server',
        because: 'it does not take spec.template.spec.hostPidd: unknown field "spec.template.spec.hostPidd"',
      },
    ])
    await unknown.close()
    const immutable = await open([bad('immutable', ['spec', 'selector', 'matchLabels', 'app'], 'other')])
    expect(await immutable.apply()).toEqual([
      expect.objectContaining({ is: 'refused', because: expect.stringContaining('field is immutable') }),
    ])
    await immutable.close()
    const wrong = await open([bad('wrong', ['spec', 'template', 'spec', 'hostPID'], 'yes')])
    expect(await wrong.apply()).toEqual([expect.objectContaining({ is: 'refused', because: expect.not.stringContaining('apiVersion') })])
  })

  describe('nobody is locked out', () => {
    const bind = (name: string, role: string, subject: object) =>
      make(path('clusterrolebindings', name, RBAC, null), {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [subject],
      })
    const remove = (name: string) =>
      finding(
        'remove',
        'ClusterRoleBinding',
        (object) => object.metadata.name === name,
        ({ subject }) => [{ type: 'delete', target: subject }],
      )

    test("the operator's own rights", async () => {
      await bind('operator-alice', 'cluster-admin', { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'alice' })
      const kubeconfig = await cluster().kubeconfigFor({ user: 'alice' })
      const within = await open([remove('operator-alice')], kubeconfig)
      expect(await within.apply()).toEqual([
        expect.objectContaining({
          is: 'refused',
          by: 'k8s-harden',
          because: expect.stringMatching(/^you \(alice\) would lose the right to/),
        }),
      ])
      await api().get(path('clusterrolebindings', 'operator-alice', RBAC, null))
    })
    test('a second binding that gives the same makes it safe', async () => {
      await bind('operator-bob', 'cluster-admin', { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'bob' })
      await bind('operators', 'cluster-admin', { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'operators' })
      const within = await open([remove('operator-bob')], await cluster().kubeconfigFor({ user: 'bob', groups: ['operators'] }))
      expect(await within.apply()).toEqual([expect.objectContaining({ is: 'mended' })])
    })
    test('a system component', async () => {
      const within = await open([remove('system:kube-scheduler')])
      expect(await within.apply()).toEqual([
        expect.objectContaining({ is: 'refused', because: expect.stringMatching(/^system:kube-scheduler would lose the right to/) }),
      ])
    })
    test('what the forecast misses is noticed after the write and taken back', async () => {
      const subject = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'carol' }
      await bind('operator-carol', 'cluster-admin', subject)
      const within = await open([remove('operator-carol')], await cluster().kubeconfigFor({ user: 'carol' }))
      const calls: string[] = []
      // A forecast that sees nothing: only the check afterwards stands between the operator and the lost access.
      const states = await within.apply({
        watchman: {
          before: async () => undefined,
          after: async () => {
            calls.push('after')
            return 'you have lost the right to list nodes'
          },
        },
      })
      expect(calls).toEqual(['after'])
      // Carol has no right left to take it back: that is said, and the journal still knows how.
      expect(states).toEqual([expect.objectContaining({ is: 'undo-failed' })])
      const admin = await openSession({ kubeconfig: cluster().kubeconfig })
      const [last] = await within.runs()
      await admin.writer.undo(last!.steps[0]!.writes)
      expect(await api().get(path('clusterrolebindings', 'operator-carol', RBAC, null))).toMatchObject({ subjects: [subject] })
      await admin.close()
    })
  })
})
