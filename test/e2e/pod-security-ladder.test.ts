/** A namespace climbs the Pod Security ladder on a real API server: warn, audit, enforce; what stands in the way is found before or after. */
import { writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import psaEnforced from '../../src/controls/nodes-and-pods/psa-enforced.ts'
import type { Json, KubeObject, Plan, RegisteredControl, StepState } from '../../src/model/index.ts'
import { violations } from '../../src/objects/pod-security.ts'
import { heldTo } from '../../src/objects/pod-security-labels.ts'
import { compile } from '../../src/plan/compile.ts'
import { undoable } from '../../src/plan/journal.ts'
import { undo } from '../../src/plan/undo.ts'
import { FileJournal } from '../../src/writers/journal.ts'
import { LockOut } from '../../src/writers/lockout.ts'
import { PodSecurityWatch, watchmen } from '../../src/writers/pod-security-watch.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { openSession, type Session } from './apply-harness.ts'
import { checksIn } from './pod-security-verdicts.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const control = { ...psaEnforced, id: 'psa-enforced', practice: 'nodes-and-pods' } as RegisteredControl
const PREFIX = 'pod-security.kubernetes.io/'
const RESTRICTED = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [
    { name: 'app', image: 'example.test/app:1', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
  ],
}
const BASELINE = { containers: [{ name: 'app', image: 'example.test/app:1' }] }
const PRIVILEGED = { hostPID: true, ...BASELINE }

const EXEMPT = 'spared'
const folder = await mkdtemp(join(tmpdir(), 'k8s-harden-admission-'))
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
          defaults: {},
          exemptions: { namespaces: [EXEMPT] },
        },
      },
    ],
  }),
)
const options = { controllerManager: true, scheduler: true, kwokNodes: 1, flags: { 'admission-control-config-file': admission } }

describeCluster('the Pod Security ladder', options, (cluster) => {
  let session: Session | undefined
  afterEach(async () => {
    await session?.close()
    session = undefined
  })
  const open = async () => (session = await openSession({ kubeconfig: cluster().kubeconfig, controls: [control] }))
  const create = (path: string, object: object) => cluster().api.create<KubeObject>(path, object)
  const bareNamespace = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { team: 'a', ...labels } } })
  const namespace = async (name: string, labels: Readonly<Record<string, string>> = {}) => {
    await bareNamespace(name, labels)
    await vi.waitFor(async () => cluster().api.get(`/api/v1/namespaces/${name}/serviceaccounts/default`), {
      timeout: 60_000,
      interval: 100,
    })
  }
  const deployment = (ns: string, name: string, spec: object, replicas = 1) =>
    create(`/apis/apps/v1/namespaces/${ns}/deployments`, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec } },
    })
  const pod = (ns: string, name: string, spec: object) =>
    create(`/api/v1/namespaces/${ns}/pods`, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec })
  const labelsOf = async (name: string) => (await cluster().api.get<KubeObject>(`/api/v1/namespaces/${name}`)).metadata.labels ?? {}
  const short = (labels: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(labels).flatMap(([key, value]) => (key.startsWith(PREFIX) ? [[key.slice(PREFIX.length), value]] : [])),
    )
  const found = (within: Session, name: string) => within.scan.findings.find((one) => one.subject.name === name)
  const planFor = (within: Session, name: string, values: Readonly<Record<string, Json>> = {}): Plan =>
    compile(
      within.scan.findings.filter((one) => one.subject.name === name),
      new Map([[control.id, control]]),
      within.scan.state.snapshot,
      { values: { 'psa-enforced': values } },
    )
  const apply = (within: Session, plan: Plan): Promise<readonly StepState[]> =>
    within.apply({
      plan,
      watchman: watchmen(
        new LockOut(within.client, { snapshot: () => within.scan.state.snapshot, steps: plan.steps, settleMs: 100 }),
        new PodSecurityWatch(within.client, { patienceMs: 3_000, settleMs: 300 }),
      ),
    })
  const takeBackAll = async (within: Session) => {
    for (const run of await within.runs()) {
      const journal = await FileJournal.resume(within.state, run.header.run)
      for await (const { state } of undo({
        steps: undoable(run),
        writer: () => within.writer,
        journal,
        signal: new AbortController().signal,
        now: () => new Date().toISOString(),
      }))
        if (state.is !== 'undoing') expect(state.is).toBe('undone')
      await journal.close()
    }
  }

  test('is climbed from warn over audit to enforce, and back', async () => {
    await namespace('climb')
    const before = await labelsOf('climb')
    await deployment('climb', 'plain', BASELINE)
    await deployment('climb', 'hard', RESTRICTED)
    await deployment('climb', 'asleep', RESTRICTED, 0)
    await cluster().kubectl(['-n', 'climb', 'rollout', 'status', 'deployment/plain', '--timeout=60s'])
    const within = await open()
    expect(found(within, 'climb')?.evidence).toMatchObject({
      passes: 'baseline',
      version: 'v1.37',
      next: 'restricted',
      between: [
        {
          workload: 'Deployment climb/plain',
          checks: ['allowPrivilegeEscalation', 'capabilities_restricted', 'runAsNonRoot', 'seccompProfile_restricted'],
        },
      ],
    })
    const climb = async (values: Readonly<Record<string, Json>>) => {
      const states = await apply(within, planFor(within, 'climb', values))
      expect(states.map((state) => state.is)).toEqual(['mended'])
      return short(await labelsOf('climb'))
    }
    expect(await climb({ rung: 'warn' })).toEqual({ warn: 'restricted', 'warn-version': 'latest' })
    expect(await climb({ rung: 'audit' })).toMatchObject({ warn: 'restricted', audit: 'restricted', 'audit-version': 'latest' })
    const plan = planFor(within, 'climb')
    expect(plan.steps).toEqual([expect.objectContaining({ risk: 'safe', title: expect.stringContaining('Deployment climb/plain') })])
    expect((await apply(within, plan)).map((state) => state.is)).toEqual(['mended'])
    expect(short(await labelsOf('climb'))).toMatchObject({ enforce: 'baseline', 'enforce-version': 'v1.37' })

    // The workload in the way is mended: the next rung is offered, and taken.
    expect(found(within, 'climb')).toBeUndefined()
    await cluster().kubectl(['-n', 'climb', 'delete', 'deployment', 'plain', '--wait', '--cascade=foreground'])
    expect(await within.scan.until(() => found(within, 'climb')?.verdict === 'review', 30_000)).toBe(true)
    expect((await apply(within, planFor(within, 'climb'))).map((state) => state.is)).toEqual(['mended'])
    expect(short(await labelsOf('climb'))).toMatchObject({ enforce: 'restricted', 'enforce-version': 'v1.37' })

    await takeBackAll(within)
    expect(await labelsOf('climb')).toEqual(before)
  })

  test('is not climbed over a pod that came after the scan: the server names it', async () => {
    await namespace('behind')
    await deployment('behind', 'hard', RESTRICTED, 0)
    const within = await open()
    const plan = planFor(within, 'behind')
    expect(plan.steps).toEqual([expect.objectContaining({ risk: 'safe' })])
    await pod('behind', 'intruder', PRIVILEGED)
    expect(await apply(within, plan)).toEqual([
      {
        is: 'refused',
        by: 'Pod Security admission',
        because: expect.stringMatching(/existing pods in namespace "behind".*intruder: .*host namespaces/),
      },
    ])
    expect(short(await labelsOf('behind'))).toEqual({})
    // Once it is seen, only warnings are planned; and whoever insists is told what it costs.
    expect(await within.scan.until(() => JSON.stringify(found(within, 'behind')?.evidence).includes('intruder'), 20_000)).toBe(true)
    expect(planFor(within, 'behind').steps.map((step) => step.title)).toEqual([expect.stringContaining('warn about pods')])
    const forced = planFor(within, 'behind', { level: 'baseline' })
    expect(forced.steps).toEqual([expect.objectContaining({ risk: 'may-break', mayBreak: [expect.stringContaining('intruder')] })])
    expect((await apply(within, forced)).map((state) => state.is)).toEqual(['mended'])
  })

  test('is judged by the version that the namespace is pinned to', async () => {
    const old = {
      containers: [{ ...RESTRICTED.containers[0], securityContext: { allowPrivilegeEscalation: false } }],
      securityContext: { runAsNonRoot: true },
    }
    await namespace('pinned', { [`${PREFIX}enforce-version`]: 'v1.18' })
    await deployment('pinned', 'old', old)
    await cluster().kubectl(['-n', 'pinned', 'rollout', 'status', 'deployment/old', '--timeout=60s'])
    const within = await open()
    expect(found(within, 'pinned')?.evidence).toMatchObject({ passes: 'restricted', version: 'v1.18', next: null })
    expect((await apply(within, planFor(within, 'pinned'))).map((state) => state.is)).toEqual(['mended'])
    expect(short(await labelsOf('pinned'))).toMatchObject({ enforce: 'restricted', 'enforce-version': 'v1.18' })
  })

  test('has no rungs where the namespace is exempt: the server says so, for every rung', async () => {
    await namespace(EXEMPT)
    const within = await open()
    for (const rung of ['enforce', 'warn', 'audit']) {
      expect(await apply(within, planFor(within, EXEMPT, { rung }))).toEqual([
        {
          is: 'refused',
          by: 'Pod Security admission',
          because: expect.stringContaining(`namespace "${EXEMPT}" is exempt from Pod Security`),
        },
      ])
    }
    expect(short(await labelsOf(EXEMPT))).toEqual({})
  })

  test('is left again where the label does not hold after all', async () => {
    await namespace('slack')
    const before = await labelsOf('slack')
    const within = await open()
    const plan = planFor(within, 'slack')
    // The administrator is exempt from now on: nothing warns of that, only a pod shows it.
    const { exempting } = await exemptUsers(admission, ['kubernetes-admin'])
    try {
      await cluster().restartApiServer()
      const states = await apply(within, plan)
      expect(states).toEqual([{ is: 'undone', because: expect.stringContaining('the label has no effect') }])
      expect(await labelsOf('slack')).toEqual(before)
    } finally {
      exempting.end()
      await cluster().restartApiServer()
    }
  })

  test('takes labels that are no levels as the server does', async () => {
    // Nobody has to make service accounts for pods that are only tried.
    await cluster().restartApiServer({ flags: { 'disable-admission-plugins': 'PodSecurity,ServiceAccount' } })
    const odd = {
      'no-level': { enforce: 'foo' },
      'upper-case': { enforce: 'Baseline', 'enforce-version': 'v1.24' },
      'no-version': { enforce: 'baseline', 'enforce-version': 'v1.2.3' },
      'leading-zero': { enforce: 'baseline', 'enforce-version': 'v1.07' },
      empty: { enforce: '', 'enforce-version': '' },
    }
    for (const [name, labels] of Object.entries(odd))
      await bareNamespace(`odd-${name}`, Object.fromEntries(Object.entries(labels).map(([key, value]) => [PREFIX + key, value])))
    await cluster().restartApiServer({ flags: { 'disable-admission-plugins': 'ServiceAccount' } })
    const probe = { ...PRIVILEGED, securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }] } }
    for (const [name, labels] of Object.entries(odd)) {
      const object = await cluster().api.get<KubeObject>(`/api/v1/namespaces/odd-${name}`)
      const held = heldTo(object as Parameters<typeof heldTo>[0])!
      const { status, text } = await cluster().api.request('POST', `/api/v1/namespaces/odd-${name}/pods?dryRun=All`, {
        body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe' }, spec: probe },
      })
      expect(status).toBe(403)
      const [, policy, reasons] = /violates PodSecurity "([^"]+)": (.*)$/s.exec((JSON.parse(text) as { message: string }).message)!
      expect(`${held.level}:${held.version}`, JSON.stringify(labels)).toBe(policy)
      const level = held.level as 'baseline' | 'restricted'
      const minor = held.version === 'latest' ? undefined : Number(held.version.slice(3))
      expect(
        violations({ spec: probe as never, annotations: {} }, level, minor)
          .map((one) => one.check)
          .sort(),
      ).toEqual(checksIn(reasons!, { level, version: held.version }))
    }
    // A new one with such a label is refused outright.
    const { status } = await cluster().api.request('POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'odd-new', labels: { [`${PREFIX}enforce`]: 'foo' } } },
    })
    expect(status).toBe(422)
  })
})

/** Writes the exemption into the configuration; `end` takes it out. The server reads it when it starts. */
async function exemptUsers(file: string, usernames: readonly string[]) {
  const { readFileSync } = await import('node:fs')
  const before = readFileSync(file, 'utf8')
  const configuration = JSON.parse(before) as { plugins: [{ configuration: { exemptions: Record<string, readonly string[]> } }] }
  configuration.plugins[0].configuration.exemptions['usernames'] = usernames
  writeFileSync(file, JSON.stringify(configuration))
  return { exempting: { end: () => writeFileSync(file, before) } }
}
