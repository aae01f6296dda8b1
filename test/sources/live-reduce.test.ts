import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import type {
  ConfigMapObject,
  ControllerObject,
  KubeObject,
  NodeObject,
  PodObject,
  WebhookConfigurationObject,
} from '../../src/model/index.ts'
import { reducerOf, Sharing, sameButVersion } from '../../src/sources/reduce.ts'

const wire = (object: unknown) => JSON.parse(JSON.stringify(object)) as unknown
function pod(name: string, node: string, random: string, owner: string | null = 'rs-1') {
  const volume = `kube-api-access-${random}`
  return wire({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      resourceVersion: '5',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'cart' },
      generateName: 'cart-',
      finalizers: ['x'],
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"big":1}', note: 'kept' },
      ...(owner !== null && {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-1', uid: owner, controller: true, blockOwnerDeletion: true },
        ],
      }),
      managedFields: [{ manager: 'kubelet', fieldsV1: { 'f:spec': {} } }, { manager: 'kube-controller-manager' }, { manager: 'kubelet' }],
    },
    spec: {
      nodeName: node,
      hostname: name,
      serviceAccountName: 'cart',
      containers: [
        {
          name: 'app',
          image: 'cart:1',
          env: [{ name: 'A', value: 'b' }],
          volumeMounts: [{ name: volume, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }],
        },
      ],
      volumes: [
        { name: volume, projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
        { name: 'data', emptyDir: {} },
      ],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      hostIP: '10.1.0.1',
      qosClass: 'Burstable',
      startTime: '2026-01-01T00:00:00Z',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      containerStatuses: [
        {
          name: 'app',
          image: 'cart:1',
          imageID: 'cart@sha256:1',
          ready: true,
          started: true,
          restartCount: 0,
          containerID: 'containerd://1',
          state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
          user: { linux: { uid: 0, gid: 0, supplementalGroups: [0] } },
        },
      ],
    },
  })
}

describe('what is kept of an object', () => {
  test('a pod: what controls read, and no more', () => {
    const { key, object } = reducerOf('Pod', new Sharing())(pod('cart-a', 'n1', 'abcde', null))!
    expect(key).toBe('shop/cart-a')
    expect(object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'cart-a',
        namespace: 'shop',
        uid: 'uid-cart-a',
        resourceVersion: '5',
        creationTimestamp: '2026-01-01T00:00:00Z',
        labels: { app: 'cart' },
        annotations: { note: 'kept' },
        managers: ['kubelet', 'kube-controller-manager'],
      },
      spec: (pod('cart-a', 'n1', 'abcde', null) as PodObject).spec,
      status: {
        phase: 'Running',
        podIP: '10.0.0.1',
        hostIP: '10.1.0.1',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          {
            name: 'app',
            image: 'cart:1',
            imageID: 'cart@sha256:1',
            ready: true,
            restartCount: 0,
            state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
            user: { linux: { uid: 0, gid: 0 } },
          },
        ],
      },
    })
  })

  test('pods of one owner share everything but what is their own', () => {
    const reduce = reducerOf('Pod', new Sharing())
    const [a, b] = [pod('cart-a', 'n1', 'abcde'), pod('cart-b', 'n2', 'fghij')].map((one) => reduce(one)!.object as PodObject) as [
      PodObject,
      PodObject,
    ]
    expect(b.spec.containers).toBe(a.spec.containers)
    expect(b.spec.volumes).toBe(a.spec.volumes)
    expect(b.metadata.labels).toBe(a.metadata.labels)
    expect(b.metadata.ownerReferences).toBe(a.metadata.ownerReferences)
    expect(b.status!.containerStatuses).toBe(a.status!.containerStatuses)
    expect([a.spec.nodeName, b.spec.nodeName]).toEqual(['n1', 'n2'])
    expect(a.spec.volumes!.map(({ name }) => name)).toEqual(['kube-api-access', 'data'])
    expect(a.spec.containers[0]!.volumeMounts![0]!.name).toBe('kube-api-access')
  })

  test('a pod that differs keeps what differs, and nothing of its neighbours', () => {
    const reduce = reducerOf('Pod', new Sharing())
    const first = reduce(pod('cart-a', 'n1', 'abcde'))!.object as PodObject
    const other = pod('cart-b', 'n2', 'fghij') as { spec: { containers: { image: string; securityContext?: object }[] } }
    other.spec.containers[0]!.securityContext = { privileged: true }
    const second = reduce(other)!.object as PodObject
    expect(second.spec.containers[0]!.securityContext).toEqual({ privileged: true })
    expect(first.spec.containers[0]!.securityContext).toBeUndefined()
    expect(second.spec.volumes).toBe(first.spec.volumes)
  })

  test('a Deployment and its ReplicaSet share the template', () => {
    const sharing = new Sharing()
    const template = {
      metadata: { labels: { app: 'cart' }, creationTimestamp: null },
      spec: { containers: [{ name: 'app', image: 'cart:1' }] },
    }
    const deployment = reducerOf(
      'Deployment',
      sharing,
    )(wire({ metadata: { name: 'cart', namespace: 'shop', uid: 'd1' }, spec: { replicas: 2, template }, status: { readyReplicas: 2 } }))!
      .object as ControllerObject
    const set = reducerOf(
      'ReplicaSet',
      sharing,
    )(
      wire({
        metadata: {
          name: 'cart-1',
          namespace: 'shop',
          uid: 'r1',
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', uid: 'd1', controller: true }],
        },
        spec: { template },
      }),
    )!.object as ControllerObject
    expect(set.spec!.template!.spec).toBe(deployment.spec!.template!.spec)
    expect(deployment).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 2 }, status: { readyReplicas: 2 } })
  })

  test('of a Secret only metadata, whatever a server sends; that kubectl left a copy is noted without the copy', () => {
    const sent = wire({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'Opaque',
      data: { password: 'c2VjcmV0' },
      stringData: { password: 'secret' },
      metadata: {
        name: 'db',
        namespace: 'shop',
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"password":"c2VjcmV0"}}' },
      },
    })
    const { object } = reducerOf('Secret', new Sharing(), 'kubernetes.io/tls')(sent)!
    expect(object).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'db', namespace: 'shop', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '' } },
    })
    expect(
      reducerOf(
        'Secret',
        new Sharing(),
      )({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'x', namespace: 'y' } })!.object,
    ).toEqual({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x', namespace: 'y' } })
  })

  test('a ConfigMap: values up to 64 KiB, longer ones cut and marked, equal ones once', () => {
    const reduce = reducerOf('ConfigMap', new Sharing())
    const certificate = 'x'.repeat(2_000)
    const [a, b] = ['a', 'b'].map(
      (namespace) =>
        reduce(wire({ metadata: { name: 'kube-root-ca.crt', namespace }, data: { 'ca.crt': certificate }, binaryData: { blob: 'AAAA' } }))!
          .object as ConfigMapObject,
    ) as [ConfigMapObject, ConfigMapObject]
    expect(a.data).toEqual(b.data)
    expect(a.binaryKeys).toEqual(['blob'])
    const big = reduce(wire({ metadata: { name: 'big', namespace: 'a' }, data: { dump: 'y'.repeat(10_000_000) } }))!
      .object as ConfigMapObject
    expect(big.data!['dump']!.length).toBeLessThan(66_000)
    expect(big.data!['dump']).toContain('[cut here: 10000000 characters in all]')
  })

  test('a long value is kept whole where its end holds a credential', () => {
    const dump = `${'x '.repeat(40_000)}\npassword: Hunter2Abc\n`
    const reduce = reducerOf('ConfigMap', new Sharing())
    const kept = (value: string) =>
      (reduce(wire({ metadata: { name: 'b', namespace: 'a' }, data: { dump: value } }))!.object as ConfigMapObject).data!['dump']
    expect(kept(dump)).toBe(dump)
    expect(kept(dump.replace('password', 'colour'))).toContain('[cut here: ')
  })

  test('a node keeps no heartbeat, a webhook no CA bundle', () => {
    const node = reducerOf(
      'Node',
      new Sharing(),
    )(
      wire({
        metadata: { name: 'n1' },
        spec: { providerID: 'aws:///x', taints: [] },
        status: {
          capacity: { cpu: '1' },
          nodeInfo: { kubeletVersion: 'v1.37.2', machineID: 'm' },
          conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: 'now' }],
        },
      }),
    )!.object as NodeObject
    expect(node).toEqual({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1' },
      spec: { providerID: 'aws:///x', taints: [] },
      status: { nodeInfo: { kubeletVersion: 'v1.37.2' }, conditions: [{ type: 'Ready', status: 'True' }] },
    })
    const hook = reducerOf(
      'ValidatingWebhookConfiguration',
      new Sharing(),
    )(
      wire({
        metadata: { name: 'h' },
        webhooks: [
          {
            name: 'a',
            clientConfig: { caBundle: 'AAAA', service: { namespace: 'x', name: 'y' } },
            failurePolicy: 'Fail',
            timeoutSeconds: 5,
          },
        ],
      }),
    )!.object as WebhookConfigurationObject
    expect(hook.webhooks).toEqual([
      { name: 'a', failurePolicy: 'Fail', timeoutSeconds: 5, clientConfig: { service: { namespace: 'x', name: 'y' } } },
    ])
  })

  test('of the CA bundle of a webhook its end stays', () => {
    const fixture = join(import.meta.dirname, '../controls/nodes-and-pods/adm-webhook-safety/fail.expired.yaml')
    const caBundle = /caBundle: (\S+?)\}/.exec(readFileSync(fixture, 'utf8'))![1]!
    const reduce = reducerOf('MutatingWebhookConfiguration', new Sharing())
    const { webhooks } = reduce(wire({ metadata: { name: 'h' }, webhooks: [{ name: 'a', clientConfig: { caBundle } }] }))!
      .object as WebhookConfigurationObject
    expect(webhooks).toEqual([{ name: 'a', clientConfig: { caNotAfter: expect.stringMatching(/^2026-11-2\dT/) } }])
  })

  test('apiVersion and kind of list items come from the list, our own name for a kind never does', () => {
    expect(
      reducerOf('CalicoNetworkPolicy', new Sharing())(
        { metadata: { name: 'a', namespace: 'b' }, spec: {} },
        { apiVersion: 'crd.projectcalico.org/v1', kind: 'NetworkPolicy' },
      )!.object,
    ).toMatchObject({ apiVersion: 'crd.projectcalico.org/v1', kind: 'NetworkPolicy' })
    expect(reducerOf('Role', new Sharing())({ metadata: { name: 'a', namespace: 'b' } })!.object).toMatchObject({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
    })
  })

  test.each([
    ['nothing', null],
    ['a text', 'x'],
    ['no metadata', {}],
    ['no name', { metadata: {} }],
    ['a name that is no text', { metadata: { name: 5 } }],
    ['a list', []],
  ])('%s is no object', (_what, sent) => {
    expect(reducerOf('Pod', new Sharing())(sent)).toBeUndefined()
  })

  test('keys such as __proto__ pollute nothing and are kept as keys', () => {
    const sent = JSON.parse(
      '{"metadata":{"name":"a","namespace":"b","labels":{"__proto__":"x"},"annotations":{"__proto__":"y","constructor":"z"}},"data":{"__proto__":"v"},"spec":{"__proto__":{"polluted":true}}}',
    ) as unknown
    for (const kind of ['ConfigMap', 'KyvernoPolicy', 'Deployment'] as const) {
      const { object } = reducerOf(kind, new Sharing())(JSON.parse(JSON.stringify(sent)))!
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
      expect(Object.getPrototypeOf(object.metadata.annotations)).toBe(Object.prototype)
      expect(Object.entries(object.metadata.annotations!)).toEqual([
        ['__proto__', 'y'],
        ['constructor', 'z'],
      ])
    }
  })

  test('free-form objects are bounded in depth and size', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`) as unknown
    const { object } = reducerOf('KyvernoPolicy', new Sharing())({ metadata: { name: 'a', namespace: 'b' }, spec: deep })!
    expect(JSON.stringify(object)).toContain('nested too deeply')
    const wide = {
      metadata: { name: 'a', namespace: 'b' },
      spec: { list: Array.from({ length: 100_000 }, () => 1), text: 'z'.repeat(1_000_000) },
    }
    expect(JSON.stringify(reducerOf('KyvernoPolicy', new Sharing())(wide)).length).toBeLessThan(200_000)
  })

  test('hostile nesting in a pod overflows no stack', () => {
    const reduce = reducerOf('Pod', new Sharing())
    const nested = () => ({
      ...(pod('a', 'n', 'abcde') as object),
      spec: { containers: [], deep: JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as unknown },
    })
    const [a, b] = [reduce(nested())!.object, reduce(nested())!.object] as [KubeObject, KubeObject]
    expect(() => sameButVersion(a, b)).not.toThrow()
  })

  test('same but for the version: a heartbeat changes nothing, an image does', () => {
    const reduce = reducerOf('Pod', new Sharing())
    const a = reduce(pod('cart-a', 'n1', 'abcde'))!.object
    const beat = pod('cart-a', 'n1', 'abcde') as {
      metadata: { resourceVersion: string }
      spec: { containers: { image: string }[] }
      status: { conditions: { lastTransitionTime: string }[] }
    }
    beat.metadata.resourceVersion = '9'
    beat.status.conditions[0]!.lastTransitionTime = 'later'
    expect(sameButVersion(a, reduce(beat)!.object)).toBe(true)
    const rolled = pod('cart-a', 'n1', 'abcde') as typeof beat
    rolled.spec.containers[0]!.image = 'cart:2'
    expect(sameButVersion(a, reduce(rolled)!.object)).toBe(false)
  })

  test('ten thousand pods of two thousand owners take few bytes each', () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const reduce = reducerOf('Pod', new Sharing())
    const texts = Array.from({ length: 10_000 }, (_, index) =>
      JSON.stringify(
        pod(`cart-${index}`, `node-${index % 100}`, (10_000_000 + index).toString(36).slice(-5).padStart(5, 'x'), `rs-${index % 2000}`),
      ),
    )
    gc()
    const before = process.memoryUsage().heapUsed
    const kept = texts.map((text) => reduce(JSON.parse(text))!)
    const distinct = new Set(kept.map(({ object }) => (object as PodObject).spec.containers))
    expect(distinct.size).toBe(2_000)
    gc()
    const each = (process.memoryUsage().heapUsed - before) / kept.length
    expect(each).toBeLessThan(2_000)
  })
})
