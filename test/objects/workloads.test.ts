import { describe, expect, it } from 'vitest'
import type { Kind, KubeObject, OwnerReference, PodSpec, Snapshot } from '../../src/model/index.ts'
import { eachContainer } from '../../src/objects/containers.ts'
import { perWorkload } from '../../src/objects/per-workload.ts'
import { driftedPods } from '../../src/objects/pod-revision.ts'
import { refText } from '../../src/objects/ref.ts'
import { isWindows, type Workload, workloads } from '../../src/objects/workloads.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'

const spec: PodSpec = { containers: [{ name: 'app', image: 'web' }] }
const template = { metadata: { labels: { app: 'web' } }, spec }
const owner = (kind: string, name: string, apiVersion = 'apps/v1'): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid: `uid-${name}`,
  controller: true,
})
function object(kind: string, name: string, over: object = {}, by?: OwnerReference): KubeObject {
  const apiVersion =
    kind === 'Pod' || kind === 'PodTemplate' || kind === 'ReplicationController'
      ? 'v1'
      : kind === 'Job' || kind === 'CronJob'
        ? 'batch/v1'
        : 'apps/v1'
  return { apiVersion, kind, metadata: { name, namespace: 'shop', uid: `uid-${name}`, ...(by && { ownerReferences: [by] }) }, ...over }
}
const controller = (kind: string, name: string, by?: OwnerReference, replicas = 1) =>
  object(kind, name, { spec: { replicas, template } }, by)
const pod = (name: string, by?: OwnerReference, over: object = {}) =>
  object('Pod', name, { spec, status: { phase: 'Running' }, ...over }, by)

class World {
  readonly store: SnapshotStore
  constructor(objects: readonly KubeObject[], kind: 'live' | 'manifests' = 'live') {
    this.store = new SnapshotStore({ kind, name: 'test' })
    for (const one of objects) this.put(one)
  }
  put(one: KubeObject): this {
    this.store.take({ type: 'upsert', kind: one.kind as Kind, key: `shop/${one.metadata.name}`, object: one })
    return this
  }
  remove(kind: Kind, name: string): this {
    this.store.take({ type: 'remove', kind, key: `shop/${name}` })
    return this
  }
  see(): Snapshot {
    return this.store.publish(0).snapshot
  }
  get all(): readonly Workload[] {
    return workloads(this.see())
  }
}
const names = (world: World): string[] => world.all.map((workload) => refText(workload.ref)).sort()

describe('workloads', () => {
  it('reports a Deployment once, not its ReplicaSets and pods, old revisions included', () => {
    const world = new World([
      controller('Deployment', 'web'),
      controller('ReplicaSet', 'web-2', owner('Deployment', 'web')),
      controller('ReplicaSet', 'web-1', owner('Deployment', 'web'), 0),
      pod('web-2-a', owner('ReplicaSet', 'web-2')),
      pod('web-2-b', owner('ReplicaSet', 'web-2')),
    ])
    expect(names(world)).toEqual(['Deployment shop/web'])
    expect(world.all[0]!.pods.map((one) => one.metadata.name)).toEqual(['web-2-a', 'web-2-b'])
    expect(world.all[0]!.at).toEqual(['spec', 'template', 'spec'])
  })

  it('follows a pod to its CronJob through the Job, and knows where a CronJob keeps its template', () => {
    const world = new World([
      object('CronJob', 'report', { spec: { suspend: true, jobTemplate: { spec: { template } } } }),
      controller('Job', 'report-1', owner('CronJob', 'report', 'batch/v1')),
      pod('report-1-a', owner('Job', 'report-1', 'batch/v1')),
    ])
    expect(names(world)).toEqual(['CronJob shop/report'])
    expect(world.all[0]!.at).toEqual(['spec', 'jobTemplate', 'spec', 'template', 'spec'])
    expect(world.all[0]!.pods).toHaveLength(1)
  })

  it('judges what nobody owns: bare pods, standalone ReplicaSets, those scaled to zero, pod templates', () => {
    const world = new World([pod('debug'), controller('ReplicaSet', 'old', undefined, 0), object('PodTemplate', 'shape', { template })])
    expect(names(world)).toEqual(['Pod shop/debug', 'PodTemplate shop/shape', 'ReplicaSet shop/old'])
    expect(world.all.find((one) => one.ref.kind === 'PodTemplate')!.at).toEqual(['template', 'spec'])
  })

  it('names an owner of a kind that is not read, and offers no place to patch', () => {
    const rollout = owner('Rollout', 'web', 'argoproj.io/v1alpha1')
    const world = new World([
      controller('ReplicaSet', 'web-2', rollout),
      controller('ReplicaSet', 'web-1', rollout, 0),
      pod('web-2-a', owner('ReplicaSet', 'web-2')),
      pod('task', owner('TaskRun', 'build', 'tekton.dev/v1')),
    ])
    expect(names(world)).toEqual(['Rollout shop/web', 'TaskRun shop/build'])
    expect(world.all.map((one) => one.at)).toEqual([undefined, undefined])
    expect(world.all.find((one) => one.ref.kind === 'Rollout')!.pods).toHaveLength(1)
  })

  it('keeps a Deployment that an operator owns: one resource may own several of them', () => {
    const by = owner('Prometheus', 'main', 'monitoring.coreos.com/v1')
    expect(names(new World([controller('Deployment', 'a', by), controller('Deployment', 'b', by)]))).toEqual([
      'Deployment shop/a',
      'Deployment shop/b',
    ])
  })

  it('names the owner where its kind could not be read', () => {
    expect(names(new World([pod('web-2-a', owner('ReplicaSet', 'web-2'))]))).toEqual(['ReplicaSet shop/web-2'])
  })

  it('is not led astray by an owner whose uid is another object by now, nor by owners in a circle', () => {
    const stale = { ...owner('Deployment', 'web'), uid: 'uid-gone' }
    expect(names(new World([controller('Deployment', 'web'), controller('ReplicaSet', 'web-1', stale)])).length).toBe(2)
    expect(
      names(new World([controller('ReplicaSet', 'a', owner('ReplicaSet', 'b')), controller('ReplicaSet', 'b', owner('ReplicaSet', 'a'))]))
        .length,
    ).toBeGreaterThan(0)
  })

  it('takes an owner kind of another group for another kind', () => {
    const world = new World([
      controller('Deployment', 'web'),
      pod('a', { ...owner('Deployment', 'web', 'example.org/v1'), uid: 'uid-other' }),
    ])
    expect(names(world)).toEqual(['Deployment shop/web', 'Deployment shop/web'])
    expect(world.all.filter((one) => one.at === undefined)).toHaveLength(1)
  })

  it('leaves out finished pods and those on their way out, but keeps their controllers', () => {
    const world = new World([
      controller('Job', 'once'),
      pod('once-a', owner('Job', 'once', 'batch/v1'), { status: { phase: 'Succeeded' } }),
      pod('bare', undefined, { status: { phase: 'Failed' } }),
    ])
    expect(names(world)).toEqual(['Job shop/once'])
    expect(world.all[0]!.pods).toEqual([])
  })

  it('knows static pods: mirrors on a cluster, the control plane in files', () => {
    const mirror = { ...pod('kube-proxy-n1', owner('Node', 'n1', 'v1')) }
    expect(new World([mirror]).all[0]!.mirror).toBe(true)
    const inFile = {
      ...pod('kube-apiserver'),
      metadata: { name: 'kube-apiserver', namespace: 'kube-system', labels: { component: 'kube-apiserver', tier: 'control-plane' } },
    }
    expect(new World([inFile], 'manifests').all[0]!.mirror).toBe(true)
    expect(new World([inFile]).all[0]!.mirror).toBe(false)
  })

  it('fills in the service account and reads the older spelling', () => {
    const withAccount = (over: object) =>
      new World([object('Deployment', 'web', { spec: { template: { spec: { ...spec, ...over } } } })]).all[0]!.serviceAccount
    expect([
      withAccount({}),
      withAccount({ serviceAccount: 'old' }),
      withAccount({ serviceAccount: 'old', serviceAccountName: 'new' }),
    ]).toEqual(['default', 'old', 'new'])
  })

  it('passes over objects without a pod template', () => {
    expect(names(new World([object('Deployment', 'web', {}), object('CronJob', 'c', { spec: {} })]))).toEqual([])
  })

  it('recognises Windows by spec.os and by the node selector', () => {
    const of = (over: object) => isWindows(new World([pod('a', undefined, { spec: { ...spec, ...over } })]).all[0]!)
    expect([
      of({ os: { name: 'windows' } }),
      of({ nodeSelector: { 'kubernetes.io/os': 'windows' } }),
      of({ os: { name: 'linux' }, nodeSelector: { 'kubernetes.io/os': 'windows' } }),
      of({}),
    ]).toEqual([true, true, false, false])
  })
})

describe('identity', () => {
  const many = (): World => {
    const objects: KubeObject[] = []
    for (let d = 0; d < 2000; d++) {
      objects.push(controller('Deployment', `d${d}`), controller('ReplicaSet', `d${d}-1`, owner('Deployment', `d${d}`)))
      for (let p = 0; p < 5; p++) objects.push(pod(`d${d}-1-${p}`, owner('ReplicaSet', `d${d}-1`)))
    }
    return new World(objects)
  }

  it('stays for every workload that did not change, among 10,000 pods of 2,000 Deployments', () => {
    const world = many()
    const before = new Map(world.all.map((one) => [one.ref.name, one]))
    expect(before.size).toBe(2000)
    world
      .put(pod('d7-1-3', owner('ReplicaSet', 'd7-1'), { status: { phase: 'Pending' } }))
      .remove('Pod', 'd9-1-0')
      .put(controller('Deployment', 'd11'))
    const after = world.all
    const changed = after.filter((one) => before.get(one.ref.name) !== one).map((one) => one.ref.name)
    expect(changed.sort()).toEqual(['d11', 'd7', 'd9'])
  })
})

describe('pods that differ from their template', () => {
  const privileged = { containers: [{ name: 'app', image: 'web', securityContext: { privileged: true } }] }
  const drift = (world: World) =>
    world.all.flatMap((workload) => driftedPods(workload).map(({ pod: { metadata }, since }) => [metadata.name, since]))

  it('are told apart: put in afterwards, or from an older template', () => {
    const old = object('ReplicaSet', 'web-1', { spec: { replicas: 1, template: { spec: privileged } } }, owner('Deployment', 'web'))
    expect(
      drift(new World([controller('Deployment', 'web'), old, pod('web-1-a', owner('ReplicaSet', 'web-1'), { spec: privileged })])),
    ).toEqual([['web-1-a', 'older revision']])
    const same = controller('ReplicaSet', 'web-2', owner('Deployment', 'web'))
    expect(
      drift(new World([controller('Deployment', 'web'), same, pod('web-2-a', owner('ReplicaSet', 'web-2'), { spec: privileged })])),
    ).toEqual([['web-2-a', 'introduced']])
  })

  it('are not those that only have what the API server adds', () => {
    const defaulted = {
      ...spec,
      securityContext: {},
      dnsPolicy: 'ClusterFirst',
      volumes: [{ name: 'kube-api-access-x', projected: { sources: [] } }],
    }
    expect(drift(new World([controller('StatefulSet', 'db'), pod('db-0', owner('StatefulSet', 'db'), { spec: defaulted })]))).toEqual([])
  })
})

describe('containers', () => {
  it('are visited as Pod Security Admission does, with their type and place', () => {
    const visited = [
      ...eachContainer({
        containers: [{ name: 'app' }],
        initContainers: [{ name: 'init' }, { name: 'proxy', restartPolicy: 'Always' }],
        ephemeralContainers: [{ name: 'debug' }],
      }),
    ]
    expect(visited.map(({ type, at }) => [type, at])).toEqual([
      ['init', ['initContainers', { name: 'init' }]],
      ['sidecar', ['initContainers', { name: 'proxy' }]],
      ['regular', ['containers', { name: 'app' }]],
      ['ephemeral', ['ephemeralContainers', { name: 'debug' }]],
    ])
  })

  it('are addressed by index where a name is missing or twice there, and skipped where they are no objects', () => {
    const broken = { containers: [{ name: 'a' }, { name: 'a' }, {}, null, 'x'], initContainers: 'none' } as unknown as PodSpec
    expect([...eachContainer(broken)].map(({ at }) => at)).toEqual([
      ['containers', { name: 'a' }],
      ['containers', 1],
      ['containers', 2],
    ])
  })
})

describe('controls over workloads', () => {
  it('say that one could not be judged, and go on with the others', () => {
    const evaluate = perWorkload<null>(function* (workload) {
      if (workload.ref.name === 'bad') throw new TypeError('volumes is not iterable')
      yield { subject: workload.ref, reason: 'is here', evidence: null }
    })
    const seen = [...evaluate(new World([pod('good'), pod('bad')]).see())]
    expect(seen).toEqual([
      expect.objectContaining({ reason: 'is here' }),
      expect.objectContaining({ unknown: 'Pod shop/bad could not be judged: volumes is not iterable' }),
    ])
  })

  it('judge a workload once for as long as it does not change', () => {
    let times = 0
    const evaluate = perWorkload<null>(() => {
      times++
      return []
    })
    const world = new World([pod('a'), pod('b')])
    void [...evaluate(world.see())]
    world.put(pod('b', undefined, { status: { phase: 'Pending' } }))
    void [...evaluate(world.see())]
    expect(times).toBe(3)
  })
})
