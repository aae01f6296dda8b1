/** How long the escalation graph takes over 5,000 subjects and 2,000 roles, in bare Node: one JSON line. */
import type { KubeObject, RoleObject } from '../../src/model/index.ts'
import { rbacGraph } from '../../src/objects/rbac-graph.ts'
import { beginnings } from '../../src/objects/rbac-graph-beginnings.ts'
import { account, binding, namespace, node, pod, role, viewOf } from '../objects/rbac-graph-worlds.ts'

export interface RbacGraphMeasure {
  readonly ms: number
  /** Of the processor: what it takes on a machine that does nothing else. */
  readonly cpuMs: number
  readonly reaching: number
  readonly mb: number
}

const [SUBJECTS, ROLES, NAMESPACES, NODES] = [5_000, 2_000, 200, 50]
const HARMLESS = ['get,list,watch pods', 'get,update apps/deployments/status', 'get configmaps named settings', 'create,patch events']
const TELLING = [
  'create pods',
  'get,list secrets',
  'create serviceaccounts/token',
  'create pods/exec',
  'patch apps/deployments',
  'impersonate serviceaccounts',
]

const spread = (at: number, salt: number, most: number): number => ((at + 1) * 2_654_435_761 + salt * 40_503) % most
function world(pods: readonly KubeObject[]): readonly KubeObject[] {
  const ns = (at: number) => `team-${at % NAMESPACES}`
  const roles = Array.from({ length: ROLES }, (_, at): RoleObject => {
    const telling = at % 10 === 0 ? [TELLING[(at / 10) % TELLING.length]!] : []
    return role(`role-${at}`, [...HARMLESS.slice(spread(at, 2, 3)), ...telling], at % 3 === 0 ? undefined : ns(spread(at, 3, NAMESPACES)))
  })
  const bindings = Array.from({ length: SUBJECTS }, (_, at) => {
    const target = roles[spread(at, 4, ROLES)]!
    const subject = at % 5 < 3 ? `ServiceAccount:${ns(at)}/app-${at}` : at % 5 === 3 ? `User:person-${at}` : `Group:group-${at}`
    return binding(
      `binding-${at}`,
      target.kind,
      target.metadata.name,
      [subject],
      target.metadata.namespace ?? (at % 50 === 0 ? undefined : ns(at)),
    )
  })
  const accounts = Array.from({ length: SUBJECTS }, (_, at) => account(ns(at), `app-${at}`))
  return [
    role('everything', ['* */*']),
    binding('everything', 'ClusterRole', 'everything', ['ServiceAccount:team-0/app-0', 'ServiceAccount:team-7/app-7']),
    ...Array.from({ length: NAMESPACES }, (_, at) => namespace(ns(at), at % 2 === 0 ? 'baseline' : undefined)),
    ...Array.from({ length: NODES }, (_, at) => node(`node-${at}`, at < 3)),
    ...roles,
    ...bindings,
    ...accounts,
    ...pods,
  ]
}
const made = Array.from({ length: 3_000 }, (_, at) =>
  pod(`team-${at % NAMESPACES}`, `pod-${at}`, `app-${at}`, { nodeName: `node-${3 + (at % 47)}` }, at % 100 === 0),
)
const objects = world(made)

const timed = (list: readonly KubeObject[]): { readonly ms: number; readonly cpuMs: number; readonly reaching: number } => {
  const view = viewOf(list)
  const start = performance.now()
  const before = process.cpuUsage()
  rbacGraph(view)
  const reaching = beginnings(view).all.length
  return { ms: performance.now() - start, cpuMs: process.cpuUsage(before).user / 1000, reaching }
}
const first = timed(objects)
const mb = process.memoryUsage.rss() / 2 ** 20
process.stdout.write(`${JSON.stringify({ ...first, mb } satisfies RbacGraphMeasure)}\n`)
