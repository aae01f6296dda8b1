/** Whatever the Pod Security Standards forbid about a pod, some control finds it, and its remedy mends it or says why it cannot. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type {
  ContainerSecurityContext,
  KubeObject,
  Plan,
  PodSecurityContext,
  PodSpec,
  RegisteredControl,
  Snapshot,
} from '../../src/model/index.ts'
import { eachContainer } from '../../src/objects/containers.ts'
import { violations } from '../../src/objects/pod-security.ts'
import { baselineChecks } from '../../src/objects/pod-security-baseline.ts'
import { restrictedChecks } from '../../src/objects/pod-security-restricted.ts'
import { type Workload, workloads } from '../../src/objects/workloads.ts'
import { compile, plannable, type RemedyValues } from '../../src/plan/compile.ts'
import { applyPlan, undoPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'
import { KINDS, type Made, made, objectOf } from './pods-arbitrary.ts'

const POD_CONTROLS = controls.filter((control) => control.id.startsWith('pod-'))
/** What no remedy makes up: who an image can run as, how much it needs. Empty directories for what it writes are tested elsewhere. */
const VALUES = {
  'pod-run-as-root': { user: '1000' },
  'pod-resources': { memory: '64Mi', cpu: '10m' },
  'pod-readonly-rootfs': { writable: 'none' },
}

function worldWith(object: object, source: 'live' | 'manifests'): Snapshot {
  return worldOf(
    `${stringify(object, { aliasDuplicateObjects: false })}---\napiVersion: k8s-harden.test/v1\nkind: World\nsource: ${source}\n`,
  ).snapshot
}
function planFor(snapshot: Snapshot, by: readonly RegisteredControl[], values: RemedyValues = VALUES): Plan {
  const findings = plannable(by.flatMap((control) => judge(control, snapshot).findings))
  return compile(findings, new Map(by.map((control) => [control.id, control])), snapshot, { values, acceptRisk: 'may-break' })
}
const only = (snapshot: Snapshot): Workload => workloads(snapshot)[0]!
const forbidden = ({ spec, templateAnnotations: annotations }: Workload, level: 'baseline' | 'restricted') =>
  violations({ spec, annotations }, level)
const unresolved = (spec: PodSpec): string[] => {
  const names = new Set((spec.volumes ?? []).map((volume) => volume.name))
  return [...eachContainer(spec)]
    .flatMap(({ container }) => (container.volumeMounts ?? []).map((mount) => mount.name))
    .filter((name) => !names.has(name))
}

/** The group of its volumes, unless it is the one that the new user 1000 brings along. */
const ownGroup = ({ securityContext }: PodSpec) => (securityContext?.fsGroup === 1000 ? undefined : securityContext?.fsGroup)

/** What a pod is besides what the standards look at. */
function rest({ spec, templateAnnotations, templateLabels }: Workload): unknown {
  const without = (value: unknown, ...keys: string[]): object =>
    Object.fromEntries(Object.entries((value ?? {}) as object).filter(([key]) => !keys.includes(key)))
  const handler = (value: unknown): unknown => {
    const { httpGet, tcpSocket, ...others } = (value ?? {}) as Record<string, { httpHeaders?: readonly { name: string }[] } | undefined>
    const headers = httpGet?.httpHeaders?.filter(({ name }) => name.toLowerCase() !== 'host') ?? []
    return {
      ...others,
      httpGet: httpGet && { ...without(httpGet, 'host'), httpHeaders: headers },
      tcpSocket: tcpSocket && without(tcpSocket, 'host'),
    }
  }
  const containers = [...eachContainer(spec)].map(({ container, type }) => ({
    ...without(container, 'securityContext', 'ports', 'resources'),
    type,
    ports: (container.ports ?? []).map((port) => without(port, 'hostPort', 'hostIP')),
    livenessProbe: handler(container.livenessProbe),
    readinessProbe: handler(container.readinessProbe),
    startupProbe: handler(container.startupProbe),
    lifecycle: Object.entries((container.lifecycle ?? {}) as object).map(([name, hook]) => [name, handler(hook)]),
  }))
  const kept = (spec.volumes ?? []).map((volume) =>
    ['hostPath', 'nfs', 'gitRepo', 'iscsi'].some((type) => type in volume) ? volume.name : volume,
  )
  const others = Object.entries(templateAnnotations).filter(([key]) => !key.startsWith('container.apparmor'))
  const fields = without(
    spec,
    'containers',
    'initContainers',
    'volumes',
    'securityContext',
    'hostNetwork',
    'hostPID',
    'hostIPC',
    'dnsPolicy',
  )
  return JSON.parse(JSON.stringify({ fields, containers, volumes: kept, others, templateLabels, fsGroup: ownGroup(spec) }))
}
/** What the standards allow of what they look at. */
function allowed({ spec }: Workload): string[] {
  const contexts = [spec.securityContext, ...[...eachContainer(spec)].map(({ container }) => container.securityContext)]
  return contexts.flatMap((context: (ContainerSecurityContext & PodSecurityContext) | undefined, index) =>
    [
      ...(context?.seLinuxOptions?.['level'] === undefined ? [] : ['level']),
      ...(context?.runAsUser === 1000 ? ['user'] : []),
      ...(context?.seccompProfile?.type === 'Localhost' ? ['seccomp'] : []),
      ...(context?.appArmorProfile?.type === 'Localhost' ? ['AppArmor'] : []),
      // The API server takes no capabilities of a pod for Windows.
      ...(spec.os?.name !== 'windows' && context?.capabilities?.add?.includes('NET_BIND_SERVICE') === true ? ['NET_BIND_SERVICE'] : []),
      ...(context?.sysctls ?? []).map(({ name }) => name).filter((name) => name.startsWith('net.ipv4.')),
    ].map((one) => `${index}: ${one}`),
  )
}
/** A volume of an allowed type is left as it is; another one becomes an emptyDir of the same name. */
const withRefusedTypesAs = (before: unknown, after: unknown): unknown => {
  const [old, now] = [before as { volumes: unknown[] }, after as { volumes: { name: string; emptyDir?: object }[] }]
  return {
    ...now,
    volumes: now.volumes.map((volume, index) =>
      typeof old.volumes[index] === 'string' && JSON.stringify(volume.emptyDir) === '{}' ? volume.name : volume,
    ),
  }
}

describe('a pod that violates any of the Pod Security Standards, in files', () => {
  it('passes the restricted level after the remedies of all controls, and mounts what it mounted', () => {
    fc.assert(
      fc.property(made, (one) => {
        const snapshot = worldWith(objectOf(one), 'manifests')
        const after = only(applyPlan(snapshot, planFor(snapshot, controls).steps))
        expect(forbidden(after, 'restricted')).toEqual([])
        expect(forbidden(after, 'baseline')).toEqual([])
        expect(unresolved(after.spec)).toEqual([])
      }),
      { numRuns: 100 },
    )
  }, 60_000)

  it('loses nothing that no finding named; every finding is mended, and undo gives all of it back', () => {
    fc.assert(
      fc.property(made, (one) => {
        const snapshot = worldWith(objectOf(one), 'manifests')
        const plan = planFor(snapshot, POD_CONTROLS)
        const [before, mended] = [only(snapshot), applyPlan(snapshot, plan.steps)]
        const { byHand, needsValue, refused } = plan.ledger
        expect({ byHand, needsValue, refused }).toEqual({ byHand: [], needsValue: [], refused: [] })
        expect(withRefusedTypesAs(rest(before), rest(only(mended)))).toEqual(rest(before))
        expect(allowed(only(mended))).toEqual(expect.arrayContaining(allowed(before)))
        expect(POD_CONTROLS.flatMap((control) => judge(control, mended).findings.map(({ reason }) => `${control.id}: ${reason}`))).toEqual(
          [],
        )
        expect(only(undoPlan(mended, plan.steps)).object).toEqual(before.object)
      }),
      { numRuns: 100 },
    )
  }, 60_000)

  it('is tried with every check violated', () => {
    const seen = new Set<string>()
    for (const one of fc.sample(made, { numRuns: 300, seed: 1 })) {
      const workload = only(worldWith(objectOf(one), 'manifests'))
      for (const { check } of [...forbidden(workload, 'baseline'), ...forbidden(workload, 'restricted')]) seen.add(check)
    }
    expect([...seen].sort()).toEqual([...baselineChecks, ...restrictedChecks].map((check) => check.id).sort())
  })
})

describe('a live pod that violates any of the Pod Security Standards', () => {
  const OWN = ['Job']
  const reasons = (plan: Plan) => [...plan.ledger.byHand.map(({ why }) => why), ...plan.ledger.refused.map(({ because }) => because)]

  it.each(KINDS)(
    '%s: is mended through its template, or stays as it is with the reason why',
    (kind) => {
      fc.assert(
        fc.property(made, (some: Made) => {
          const snapshot = worldWith(objectOf({ ...some, kind }), 'live')
          const plan = planFor(snapshot, POD_CONTROLS)
          const after = only(applyPlan(snapshot, plan.steps))
          if (OWN.includes(kind)) {
            expect(plan.steps).toEqual([])
            expect(after.object).toBe(only(snapshot).object)
            expect(plan.ledger.byHand).toHaveLength(POD_CONTROLS.flatMap((control) => judge(control, snapshot).findings).length)
            for (const why of reasons(plan)) expect(why).toMatch(/cannot be changed/)
            if (forbidden(after, 'restricted').length > 0) expect(plan.ledger.byHand).not.toEqual([])
          } else {
            expect(forbidden(after, 'restricted')).toEqual([])
            expect(reasons(plan)).toEqual([])
          }
        }),
        { numRuns: 15 },
      )
    },
    60_000,
  )

  const [violating] = fc
    .sample(made, { numRuns: 50, seed: 3 })
    .filter((one) => forbidden(only(worldWith(objectOf(one), 'live')), 'baseline').length > 3)
  const object = (over: object): KubeObject => {
    const pod = objectOf({ ...violating!, kind: 'Pod' }) as KubeObject
    return { ...pod, metadata: { ...pod.metadata, ...over } }
  }
  it.each([
    ['a static pod', object({ annotations: { 'kubernetes.io/config.mirror': 'abc' } }), []],
    [
      'a pod of an owner that nobody reads',
      object({ ownerReferences: [{ apiVersion: 'argoproj.io/v1', kind: 'Rollout', name: 'web', uid: 'u', controller: true }] }),
      [/makes these pods/],
    ],
  ])('%s stays, by hand', (_, one, words) => {
    const snapshot = worldWith(one, 'live')
    const plan = planFor(snapshot, POD_CONTROLS)
    expect(plan.steps).toEqual([])
    expect(plan.ledger.refused).toEqual([])
    for (const why of reasons(plan)) for (const word of words) expect(why).toMatch(word)
  })

  it('without the number of a user waits for it where the image runs as root, and is otherwise mended', () => {
    const root = objectOf({
      kind: 'Pod',
      annotations: {},
      spec: { containers: [{ name: 'app', image: 'registry.example/web:1' }] },
    }) as KubeObject
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'u', controller: true }
    const set = objectOf({
      kind: 'StatefulSet',
      annotations: {},
      spec: { containers: [{ name: 'app', image: 'registry.example/web:1' }] },
    }) as KubeObject
    const pod = {
      ...root,
      metadata: { ...root.metadata, name: 'web-0', ownerReferences: [owner] },
      status: { phase: 'Running', containerStatuses: [{ name: 'app', user: { linux: { uid: 0, gid: 0 } } }] },
    }
    const text = [{ ...set, metadata: { ...set.metadata, uid: 'u' } }, pod].map((one) => stringify(one)).join('---\n')
    const { snapshot } = worldOf(text)
    const { 'pod-run-as-root': _, ...others } = VALUES
    const plan = planFor(snapshot, POD_CONTROLS, others)
    expect(plan.ledger.needsValue.map(({ option }) => option)).toEqual(['user'])
    expect(forbidden(only(applyPlan(snapshot, plan.steps)), 'restricted').map(({ check }) => check)).toEqual(['runAsNonRoot'])
  })
})
