/** A cluster with policies: three namespaces, one empty, one of the platform; who reaches whom differs by port, by end, by plan. */
import type { KubeObject, Plan, Step, Unread } from '../../src/model/index.ts'
import { atOnce } from '../../src/plan/network-impact.ts'
import { foretell } from '../../src/session/network-foretold.ts'
import type { Route } from '../../src/session/route.ts'
import { wantedSteps } from '../../src/session/store-foretold.ts'
import { initialState, type Scan, type State } from '../../src/session/store-state.ts'
import { worldOf } from '../helpers/world.ts'

const namespace = (name: string) => `---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`
export const workload = (place: string, port?: number, { kind = 'Deployment', host = false } = {}): string => {
  const [in_, name] = place.split('/')
  const ports = port === undefined ? '' : `, ports: [{name: web, containerPort: ${port}}]`
  return `---\napiVersion: apps/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${in_}}\nspec: {selector: {matchLabels: {app: ${name}}}, template: {metadata: {labels: {app: ${name}}}, spec: {hostNetwork: ${host}, containers: [{name: app, image: "r.example/app:1"${ports}}]}}}\n`
}
export const policy = (place: string, spec: string): string => {
  const [in_, name] = place.split('/')
  return `---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: ${name}, namespace: ${in_}}\nspec: ${spec}\n`
}
/** Its image says which network plugin it is. */
export const plugin = (image: string): string =>
  `---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: net, namespace: kube-system}\nspec: {selector: {matchLabels: {app: net}}, template: {metadata: {labels: {app: net}}, spec: {hostNetwork: true, containers: [{name: agent, image: "${image}"}]}}}\n`

export const NETWORK_WORLD =
  ['shop', 'payments', 'empty', 'kube-system'].map(namespace).join('') +
  workload('shop/cart', 8080) +
  workload('shop/db', 5432, { kind: 'StatefulSet' }) +
  workload('shop/web', 80) +
  workload('payments/ledger', 9000) +
  workload('payments/exporter', undefined, { kind: 'DaemonSet', host: true }) +
  policy('shop/default-deny', '{podSelector: {}, policyTypes: [Ingress]}') +
  policy(
    'shop/db-from-cart',
    '{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: cart}}}], ports: [{port: 5432}]}]}',
  ) +
  policy('shop/web-from-all', '{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: web}]}]}') +
  policy(
    'shop/cart-egress',
    '{podSelector: {matchLabels: {app: cart}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}, {to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 443}]}]}',
  )

const world = (unread: readonly Unread[], facts: object) =>
  `---\napiVersion: k8s-harden.test/v1\nkind: World\nsource: live\nunread: ${JSON.stringify(unread)}\nfacts: ${JSON.stringify(facts)}\n`

export interface NetworkStateOptions {
  readonly text?: string
  readonly unread?: readonly Unread[]
  readonly facts?: object
  readonly size?: State['size']
}
export function networkState(
  route: Route,
  {
    text = NETWORK_WORLD + plugin('quay.io/calico/node:v3'),
    unread = [],
    facts = {},
    size = { columns: 80, rows: 24 },
  }: NetworkStateOptions = {},
): State {
  const { snapshot } = worldOf(text + world(unread, facts))
  const scan = {
    snapshot,
    findings: new Map(),
    outcomes: new Map(),
    controls: [],
    gone: new Map(),
    fresh: new Map(),
    problems: [],
    synced: true,
  }
  return { ...initialState(size), route, scan: scan as unknown as Scan }
}

/** A step that denies all ingress of a namespace. */
export const denyStep = (namespace: string, id = 's1'): Step =>
  ({
    id,
    title: `deny ${namespace}`,
    controls: ['net-default-deny-ingress'],
    changes: [
      {
        type: 'create',
        object: {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: 'deny', namespace },
          spec: { podSelector: {}, policyTypes: ['Ingress'] },
        } as KubeObject,
      },
    ],
    mends: [],
    after: [],
    risk: 'may-break',
    mayBreak: [],
    managedBy: '',
  }) as unknown as Step
export function withPlan(state: State, ...steps: readonly Step[]): State {
  const plan = { steps, digest: 'd', ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } } as unknown as Plan
  return { ...state, planned: { asked: [], plan, off: new Set() } }
}
/** With what the screen asks for worked out, as store-foretold.ts does a piece at a time. */
export function workedOut(state: State): State {
  const steps = wantedSteps(state)!
  const of = state.scan!.snapshot
  return { ...state, foretold: { steps, of, told: atOnce(foretell(of, steps)) } }
}
