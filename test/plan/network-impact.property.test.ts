/** The matrix and its difference, against every pair of pods asked one by one, on random clusters and random plans. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Change, KubeObject, Snapshot, Step } from '../../src/model/index.ts'
import { nodeEnds, type PodEnd } from '../../src/objects/network-ends.ts'
import { idOf, reachMatrix } from '../../src/objects/network-matrix.ts'
import { difference, intersection, isNone, portsText, union } from '../../src/objects/network-ports.ts'
import { type Connection, reach } from '../../src/objects/network-reach.ts'
import { refOf } from '../../src/objects/ref.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { networkImpact } from '../../src/plan/network-impact.ts'
import { changesReach } from '../../src/plan/network-steps.ts'
import { worldOf } from './plan-fixtures.ts'

const oneOf = <T>(...list: readonly T[]) => fc.constantFrom(...list)
const NAMESPACES = ['x', 'y', 'z']
const labels = fc.dictionary(oneOf('app', 'tier'), oneOf('a', 'b'), { maxKeys: 2 })
const selector = fc.oneof(
  labels.map((matchLabels) => ({ matchLabels })),
  oneOf(
    {},
    { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] },
    { matchExpressions: [{ key: 'tier', operator: 'Exists' }] },
  ),
)
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ namespaceSelector: selector, podSelector: selector }),
  oneOf('0.0.0.0/0', '10.0.0.0/29', '10.0.0.2/31', '192.168.0.0/24', '203.0.113.0/24').map((cidr) => ({ ipBlock: { cidr } })),
)
const port = oneOf<object>(
  { port: 80 },
  { port: 'web' },
  { protocol: 'UDP', port: 53 },
  { port: 8000, endPort: 8100 },
  { protocol: 'SCTP' },
)
const rule = (side: 'from' | 'to') => fc.record({ [side]: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) })
const policy = fc
  .record({
    namespace: oneOf(...NAMESPACES),
    name: oneOf('p0', 'p1', 'p2'),
    spec: fc.record(
      {
        podSelector: selector,
        policyTypes: oneOf(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
        ingress: fc.array(rule('from'), { maxLength: 2 }),
        egress: fc.array(rule('to'), { maxLength: 2 }),
      },
      { requiredKeys: ['podSelector'] },
    ),
  })
  .map(({ namespace, name, spec }) => made('networking.k8s.io/v1', 'NetworkPolicy', { namespace, name }, { spec }))
const made = (apiVersion: string, kind: string, metadata: object, more: object = {}) =>
  ({ apiVersion, kind, metadata, ...more }) as KubeObject

const workload = fc.record({
  namespace: oneOf(...NAMESPACES),
  name: oneOf('w0', 'w1', 'w2'),
  labels,
  hostNetwork: oneOf(false, false, false, true),
  port: oneOf(80, 8080),
  pods: fc.array(fc.record({ labels, node: oneOf('n1', 'n2') }), { maxLength: 3 }),
})
const world = fc
  .record({
    namespaces: fc.array(labels, { minLength: 3, maxLength: 3 }),
    workloads: fc.uniqueArray(workload, { maxLength: 6, selector: ({ namespace, name }) => `${namespace}/${name}` }),
    policies: fc.uniqueArray(policy, { maxLength: 4, selector: ({ metadata }) => `${metadata.namespace}/${metadata.name}` }),
  })
  .map(({ namespaces, workloads, policies }) => {
    let ip = 0
    const spec = (one: { readonly hostNetwork: boolean; readonly port: number }) => ({
      hostNetwork: one.hostNetwork,
      containers: [{ name: 'app', image: 'a', ports: [{ name: 'web', containerPort: one.port }] }],
    })
    return [
      ...NAMESPACES.map((name, index) => made('v1', 'Namespace', { name, labels: namespaces[index] })),
      ...['n1', 'n2'].map((name, index) =>
        made('v1', 'Node', { name, labels: {} }, { status: { addresses: [{ type: 'InternalIP', address: `192.168.0.${index + 1}` }] } }),
      ),
      ...workloads.flatMap((one) => [
        made(
          'apps/v1',
          'StatefulSet',
          { namespace: one.namespace, name: one.name, uid: `${one.namespace}/${one.name}` },
          {
            spec: { replicas: one.pods.length, template: { metadata: { labels: one.labels }, spec: spec(one) } },
          },
        ),
        ...one.pods.map((pod, index) =>
          made(
            'v1',
            'Pod',
            {
              namespace: one.namespace,
              name: `${one.name}-${index}`,
              labels: { ...pod.labels, ...one.labels },
              ownerReferences: [
                { apiVersion: 'apps/v1', kind: 'StatefulSet', name: one.name, uid: `${one.namespace}/${one.name}`, controller: true },
              ],
            },
            {
              spec: { ...spec(one), nodeName: pod.node },
              status: { phase: 'Running', podIPs: [{ ip: one.hostNetwork ? `192.168.0.${pod.node.slice(1)}` : `10.0.0.${++ip}` }] },
            },
          ),
        ),
      ]),
      ...policies,
    ]
  })

/** Not asked of policies: a pod and itself, a pod and its own node, nodes among themselves. A template is more pods than one. */
const isApart = (a: PodEnd, b: PodEnd) =>
  (a === b && a.pod !== undefined) ||
  (a.hostNetwork && b.hostNetwork) ||
  (a.hostNetwork !== b.hostNetwork && a.node !== undefined && a.node === b.node)
/** A pod that has no node yet is not on that of the other one. */
const somewhere = (end: PodEnd): PodEnd => (end.pod === undefined ? { ...end, node: end.hostNetwork ? 'n8' : 'n9' } : end)
function pairs(view: Snapshot, from: string, to: string): readonly Connection[] {
  const known = reach(view)
  const of = (id: string) => known.ends.filter((end) => idOf(end) === id)
  return of(from).flatMap((a) => of(to).flatMap((b) => (isApart(a, b) ? [] : [known.connection(somewhere(a), somewhere(b))])))
}
const ids = (view: Snapshot) => [...new Set(reach(view).ends.map(idOf))]

describe('the matrix', () => {
  test('says what every pair of pods says that is not a pod and itself, or its node', () => {
    let partly = 0
    fc.assert(
      fc.property(world, (objects) => {
        const view = worldOf(objects)
        const matrix = reachMatrix(view)
        for (const from of ids(view))
          for (const to of ids(view)) {
            const all = pairs(view, from, to)
            const cell = matrix.cell(matrix.find(from)!, matrix.find(to)!)
            if (all.length === 0) {
              expect(portsText(cell.ports)).toBe('every port')
              continue
            }
            const some = all.map((one) => one.ports).reduce(union)
            expect(portsText(cell.ports)).toBe(portsText(all.map((one) => one.ports).reduce(intersection)))
            expect(portsText(cell.perhaps)).toBe(portsText(all.map((one) => one.perhaps).reduce(intersection)))
            expect(portsText(cell.partly ?? cell.ports)).toBe(portsText(some))
            if (cell.partly !== undefined) partly++
          }
      }),
      { numRuns: 400 },
    )
    expect(partly).toBeGreaterThan(0)
  })

  test('says of nodes what a node says that a pod does not run on, and of the outside what an address nobody names says', () => {
    fc.assert(
      fc.property(world, (objects) => {
        const view = worldOf(objects)
        const [matrix, known] = [reachMatrix(view), reach(view)]
        for (const id of ids(view)) {
          const end = matrix.find(id)!
          const pods = known.ends.filter((one) => idOf(one) === id)
          const fromNodes = pods.flatMap((pod) =>
            nodeEnds(view).flatMap((node) => (node.name === pod.node ? [] : [known.connection(node, somewhere(pod)).ports])),
          )
          expect(portsText(matrix.cell(matrix.find('nodes')!, end).ports)).toBe(portsText(fromNodes.reduce(intersection)))
          const outside = pods
            .map((pod) => known.connection({ is: 'address', ip: '198.51.100.9' }, somewhere(pod)).ports)
            .reduce(intersection)
          const named = (view.all('NetworkPolicy') as readonly KubeObject[]).some((one) => JSON.stringify(one).includes('203.0.113'))
          if (!named) expect(portsText(matrix.cell(matrix.find('outside')!, end).ports)).toBe(portsText(outside))
        }
      }),
      { numRuns: 200 },
    )
  })
})

// ── plans ──────────────────────────────────────────────────────────────────────────────────────
const step = (change: Change): Step => ({ id: 's', title: '', changes: [change], inverse: [] }) as unknown as Step
const change = (objects: readonly KubeObject[]) =>
  fc.oneof(
    policy
      .filter(
        ({ metadata }) =>
          !objects.some(
            (one) => one.kind === 'NetworkPolicy' && one.metadata.namespace === metadata.namespace && one.metadata.name === metadata.name,
          ),
      )
      .map((object): Change => ({ type: 'create', object })),
    oneOf(...objects.filter(({ kind }) => kind === 'NetworkPolicy' || kind === 'Namespace')).chain((object) =>
      object.kind === 'NetworkPolicy'
        ? fc.constant<Change>({ type: 'delete', target: refOf(object) })
        : labels.map((to): Change => ({ type: 'edit', target: refOf(object), edits: [{ set: ['metadata', 'labels'], to }] })),
    ),
    oneOf(...objects.filter(({ kind }) => kind === 'StatefulSet' || kind === 'Namespace')).chain((object) =>
      object.kind === 'StatefulSet'
        ? labels.map(
            (to): Change => ({ type: 'edit', target: refOf(object), edits: [{ set: ['spec', 'template', 'metadata', 'labels'], to }] }),
          )
        : fc.constant<Change>({ type: 'edit', target: refOf(object), edits: [{ set: ['metadata', 'labels'], to: { app: 'a' } }] }),
    ),
  )

describe('the difference', () => {
  test('holds every pair of workloads whose reach differs, with what is lost and gained, and no other', () => {
    let told = 0
    fc.assert(
      fc.property(
        world.chain((objects) => fc.tuple(fc.constant(objects), change(objects))),
        ([objects, one]) => {
          const now = worldOf(objects)
          expect(changesReach(step(one))).toBe(true)
          const impact = networkImpact(now, [step(one)])
          const changes = new Map((impact?.changes ?? []).map((entry) => [`${entry.from.id} ${entry.to.id}`, entry]))
          const isTemplate = one.type === 'edit' && one.target.kind === 'StatefulSet'
          // New pods of a changed template are not in what the plan writes; they have a test of their own.
          if (isTemplate) return
          const then = applyPlan(now, [step(one)])
          for (const from of ids(now))
            for (const to of ids(now)) {
              const [was, is] = [pairs(now, from, to), pairs(then, from, to)]
              const lost = was
                .map((connection, index) => difference(connection.ports, is[index]!.ports))
                .reduce(union, { TCP: [], UDP: [], SCTP: [] })
              const gained = was
                .map((connection, index) => difference(is[index]!.ports, connection.ports))
                .reduce(union, { TCP: [], UDP: [], SCTP: [] })
              const entry = changes.get(`${from} ${to}`)
              if (entry !== undefined) told++
              if (isNone(lost) && isNone(gained)) expect(entry?.perhaps ?? entry === undefined).toBe(true)
              else if (entry?.perhaps !== true) {
                expect(`${portsText(entry?.lost ?? lost)} / ${portsText(entry?.gained ?? gained)}`).toBe(
                  `${portsText(lost)} / ${portsText(gained)}`,
                )
                expect(entry).toBeDefined()
              }
            }
        },
      ),
      { numRuns: 600 },
    )
    expect(told).toBeGreaterThan(50)
  })
})
