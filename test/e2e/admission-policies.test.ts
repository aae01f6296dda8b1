/** Every generated policy on a real API server: what it refuses, what it lets through, and that it says what our own judgement says. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { KubeObject, PodSpec } from '../../src/model/index.ts'
import { ADMISSION_FAMILIES } from '../../src/objects/admission-families.ts'
import { guardPolicy, policyName } from '../../src/objects/admission-policies.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli, freshState } from '../helpers/cli.ts'
import { anySpec, BAD, goodContainer, goodSpec } from './admission-pods.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })
const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies'
const NAMESPACE = 'guarded'
const families = ADMISSION_FAMILIES.map((family) => family.id)
/** Reached by no pod that the API server itself takes: `Unmasked` wants hostUsers=false, which the standards then allow. */
const UNREACHABLE = new Set(['proc-mount'])

const pod = (spec: PodSpec, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'probe', namespace: NAMESPACE, ...metadata },
  spec,
})
const template = (spec: PodSpec) => ({ metadata: { labels: { app: 'probe' } }, spec })
const MAKERS: Readonly<Record<string, (spec: PodSpec) => readonly [path: string, object: object]>> = {
  Pod: (spec) => [`/api/v1/namespaces/${NAMESPACE}/pods`, pod(spec)],
  PodTemplate: (spec) => [
    `/api/v1/namespaces/${NAMESPACE}/podtemplates`,
    { apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: 'probe' }, template: template(spec) },
  ],
  ReplicationController: (spec) => [
    `/api/v1/namespaces/${NAMESPACE}/replicationcontrollers`,
    {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'probe' },
      spec: { selector: { app: 'probe' }, template: template(spec) },
    },
  ],
  ...Object.fromEntries(
    ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet'].map((kind) => [
      kind,
      (spec: PodSpec) => [
        `/apis/apps/v1/namespaces/${NAMESPACE}/${kind.toLowerCase()}s`,
        {
          apiVersion: 'apps/v1',
          kind,
          metadata: { name: 'probe' },
          spec: { selector: { matchLabels: { app: 'probe' } }, template: template(spec) },
        },
      ],
    ]),
  ),
  Job: (spec) => [
    `/apis/batch/v1/namespaces/${NAMESPACE}/jobs`,
    { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'probe' }, spec: { template: template({ ...spec, restartPolicy: 'Never' }) } },
  ],
  CronJob: (spec) => [
    `/apis/batch/v1/namespaces/${NAMESPACE}/cronjobs`,
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'probe' },
      spec: { schedule: '0 0 * * *', jobTemplate: { spec: { template: template({ ...spec, restartPolicy: 'Never' }) } } },
    },
  ],
}

describeCluster('admission policies', { controllerManager: true }, (cluster) => {
  const env: Record<string, string> = { XDG_STATE_HOME: freshState() }
  const run = (...args: string[]) => cli(args, { env: { ...env, KUBECONFIG: cluster().kubeconfig }, timeout: 200_000 })
  const dryRun = async (kind: string, spec: PodSpec) => {
    const [path, object] = MAKERS[kind]!(spec)
    const answer = await cluster().api.request('POST', `${path}?dryRun=All`, { body: object })
    return {
      ...answer,
      named: [...`${answer.warnings.join(' ')} ${answer.text}`.matchAll(/ValidatingAdmissionPolicy '?k8s-harden-([a-z-]+)/g)].map(
        (match) => match[1]!,
      ),
    }
  }
  /** Policies take about a second to reach the API server's own cache. */
  const until = async (what: string, isSo: () => Promise<boolean>) => {
    for (let tries = 0; tries < 150; tries++) {
      if (await isSo()) return
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    throw new Error(`waited in vain until ${what}`)
  }
  const allNamed = async (status: number) => {
    for (const id of families.filter((one) => !UNREACHABLE.has(one))) {
      const answer = await dryRun('Pod', BAD[id]!.spec)
      if (answer.status !== status || answer.named.length === 0) return false
    }
    return true
  }

  beforeAll(async () => {
    await cluster().api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
    await until(
      'there is a service account',
      async () => (await cluster().api.request('GET', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`)).status === 200,
    )
  })

  describe('that warn', () => {
    beforeAll(async () => {
      const done = await run('apply', '--yes', '--control', 'adm-guardrails')
      expect([done.exitCode, done.stderr], done.stdout).toEqual([0, expect.anything()])
      await until('all of them warn', () => allNamed(201))
    })

    test('are there for every family, and the API server finds nothing wrong with their types', async () => {
      await until('types were checked', async () => {
        const { items } = await cluster().api.get<{ items: (KubeObject & { status?: { observedGeneration?: number } })[] }>(POLICIES)
        return items.length === families.length && items.every((one) => one.status?.observedGeneration !== undefined)
      })
      const { items } = await cluster().api.get<{
        items: (KubeObject & { status?: { typeChecking?: { expressionWarnings?: unknown } } })[]
      }>(POLICIES)
      expect(items.map((one) => one.metadata.name).sort()).toEqual(ADMISSION_FAMILIES.map(policyName).sort())
      expect(items.flatMap((one) => one.status?.typeChecking?.expressionWarnings ?? [])).toEqual([])
    })

    test('say nothing about a good pod, and name what offends in a bad one', async () => {
      expect(await dryRun('Pod', goodSpec())).toMatchObject({ status: 201, named: [] })
      const { status, warnings } = await dryRun('Pod', {
        ...goodSpec(),
        initContainers: [{ ...goodContainer('prepare'), image: 'nginx:latest' }],
      })
      expect([status, warnings.join(' ')]).toEqual([201, expect.stringContaining('container prepare must name its image')])
    })

    test('agree with our own judgement of any pod', async () => {
      let judged = 0
      const offended = new Set<string>()
      const seen = async (spec: PodSpec, annotations: Record<string, string>) => {
        const body = pod(spec, { annotations })
        const answer = await cluster().api.request('POST', `/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`, { body })
        if (answer.status !== 201) return
        judged++
        // As the API server completed it: that is what policies see.
        const made = JSON.parse(answer.text) as { spec: PodSpec; metadata: { annotations?: Record<string, string> } }
        const theirs = [...answer.warnings.join(' ').matchAll(/ValidatingAdmissionPolicy 'k8s-harden-([a-z-]+)'/g)].map(
          (match) => match[1]!,
        )
        const ours = ADMISSION_FAMILIES.filter((family) =>
          family.offends({ spec: made.spec, annotations: made.metadata.annotations ?? {} }, 37),
        )
        for (const { id } of ours) offended.add(id)
        expect(theirs.sort(), JSON.stringify(spec)).toEqual(ours.map((family) => family.id).sort())
      }
      const annotations = fc.option(
        fc
          .constantFrom('unconfined', 'runtime/default', 'localhost/a')
          .map((value) => ({ 'container.apparmor.security.beta.kubernetes.io/app': value })),
        { nil: {}, freq: 6 },
      )
      await fc.assert(fc.asyncProperty(anySpec, annotations, seen), { numRuns: 600 })
      for (const { spec } of Object.values(BAD)) await seen(spec, {})
      expect(judged).toBeGreaterThan(150)
      expect([...offended].sort()).toEqual(families.filter((id) => !UNREACHABLE.has(id)).sort())
    })
  })

  describe('that deny', () => {
    beforeAll(async () => {
      const done = await run('apply', '--yes', '--control', 'adm-guardrails', '--set', 'adm-guardrails.mode=Deny')
      expect([done.exitCode, done.stderr], done.stdout).toEqual([0, expect.anything()])
      await until('all of them refuse', () => allNamed(422))
    })

    for (const family of ADMISSION_FAMILIES.filter(({ id }) => !UNREACHABLE.has(id))) {
      test(`${family.id}: refuse a bad pod and whatever would make one`, async () => {
        const { spec, also = [] } = BAD[family.id]!
        for (const kind of Object.keys(MAKERS)) {
          const answer = await dryRun(kind, spec)
          if (family.podsOnly === true && kind !== 'Pod') expect(answer.status, kind).toBe(201)
          else
            expect([
              kind,
              answer.status,
              answer.named.length > 0 && answer.named.every((name) => name === family.id || also.includes(name)),
            ]).toEqual([kind, 422, true])
        }
      })
    }

    test('admit a good pod, by itself and from every maker', async () => {
      for (const kind of Object.keys(MAKERS))
        expect([kind, await dryRun(kind, goodSpec())]).toEqual([kind, expect.objectContaining({ status: 201 })])
    })

    test('let the control pass, and stay out of kube-system and of namespaces with the label', async () => {
      expect((await run('scan', '--control', 'adm-guardrails', '-o', 'json')).stdout).toContain('"status": "pass"')
      const privileged = BAD['privileged']!.spec
      const inSystem = await cluster().api.request('POST', '/api/v1/namespaces/kube-system/pods?dryRun=All', {
        body: pod(privileged, { namespace: 'kube-system' }),
      })
      expect(inSystem.status).toBe(201)
      const labels = { 'k8s-harden/exempt-privileged': '', 'k8s-harden/exempt-privilege-escalation': '' }
      await cluster().api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'left-out', labels } })
      await until(
        'it has a service account',
        async () => (await cluster().api.request('GET', '/api/v1/namespaces/left-out/serviceaccounts/default')).status === 200,
      )
      const left = await cluster().api.request('POST', '/api/v1/namespaces/left-out/pods?dryRun=All', {
        body: pod(privileged, { namespace: 'left-out' }),
      })
      expect(left.status).toBe(201)
    })

    test('refuse an ephemeral container, and let a running pod that was bad before keep its labels', async () => {
      const pods = `/api/v1/namespaces/${NAMESPACE}/pods`
      await cluster().api.create(pods, pod(goodSpec(), { name: 'debugged' }))
      const debug = { spec: { ephemeralContainers: [{ name: 'debug', image: 'busybox:1', targetContainerName: 'app' }] } }
      const patch = { body: debug, contentType: 'application/strategic-merge-patch+json' }
      const refused = await cluster().api.request('PATCH', `${pods}/debugged/ephemeralcontainers?dryRun=All`, patch)
      expect([refused.status, refused.text]).toEqual([422, expect.stringContaining('container debug must')])

      const exempt = (value: string | null) =>
        cluster().api.request('PATCH', `/api/v1/namespaces/${NAMESPACE}`, {
          body: { metadata: { labels: { 'k8s-harden/exempt-read-only-root': value } } },
          contentType: 'application/merge-patch+json',
        })
      await exempt('')
      const bad = BAD['read-only-root']!.spec
      await until('it is left out', async () => (await dryRun('Pod', bad)).status === 201)
      await cluster().api.create(pods, pod(bad, { name: 'old', finalizers: ['k8s-harden.test/wait'] }))
      await exempt(null)
      await until('it is held again', async () => (await dryRun('Pod', bad)).status === 422)
      const freed = { metadata: { finalizers: null, labels: { touched: 'yes' } } }
      const kept = await cluster().api.request('PATCH', `${pods}/old`, { body: freed, contentType: 'application/merge-patch+json' })
      expect([kept.status, kept.text]).toEqual([200, expect.stringContaining('touched')])
    })

    afterAll(async () => {
      // Undone from the last to the first: refusing becomes warning, and then nothing is left.
      expect((await run('undo', '--yes')).exitCode).toBe(0)
      const { items: bindings } = await cluster().api.get<{ items: { spec: { validationActions: string[] } }[] }>(
        `${POLICIES.replace('policies', 'policybindings')}`,
      )
      expect(new Set(bindings.map(({ spec }) => spec.validationActions.join()))).toEqual(new Set(['Warn,Audit']))
      expect((await run('undo', '--yes')).exitCode).toBe(0)
      expect((await cluster().api.get<{ items: unknown[] }>(POLICIES)).items).toEqual([])
      await until('nothing is refused any more', async () => (await dryRun('Pod', BAD['privileged']!.spec)).named.length === 0)
    })
  })

  test('can deny from the start, and are taken back as one', async () => {
    const deny = ['apply', '--yes', '--control', 'adm-guardrails', '--set', 'adm-guardrails.mode=Deny']
    // The pod that is there from before would not come again: that is no safe step.
    expect((await run(...deny, '--dry-run')).stdout).toMatch(/only changes up to "safe" are accepted/)
    const done = await run(...deny, '--accept-risk', 'may-break')
    expect([done.exitCode, done.stderr], done.stdout).toEqual([0, expect.anything()])
    await until('all of them refuse', () => allNamed(422))
    expect((await run('undo', '--yes')).exitCode).toBe(0)
    expect((await cluster().api.get<{ items: unknown[] }>(POLICIES)).items).toEqual([])
    await until('nothing is refused any more', async () => (await dryRun('Pod', BAD['privileged']!.spec)).named.length === 0)
  })

  test('proc-mount, which no pod reaches under today’s API server, is valid CEL all the same', async () => {
    const family = ADMISSION_FAMILIES.find(({ id }) => id === 'proc-mount')!
    const answer = await cluster().api.request('POST', `${POLICIES}?dryRun=All`, { body: guardPolicy(family, 34) })
    expect([answer.status, answer.text]).toEqual([201, expect.anything()])
  })
})
