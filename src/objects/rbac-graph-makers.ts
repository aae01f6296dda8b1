/** Powers that amount to making pods: at once (E10), or by making or changing what makes them (E11). */
import { fewOf } from './few-of.ts'
import type { PartName } from './rbac-graph-parts.ts'
import { inText, type Power, type Powered, scopeOf } from './rbac-graph-subjects.ts'
import type { GraphWorld } from './rbac-graph-world.ts'

export interface Maker {
  readonly power: Power
  readonly id: 'E10' | 'E11'
  readonly can: string
  /** Namespaces where it is good; '' all. */
  readonly scopes: readonly string[]
}

export function makersOf({ parts }: Powered, world: GraphWorld): readonly Maker[] {
  const held = (part: PartName): readonly Power[] => parts.get(part) ?? []
  const created = (part: PartName, id: Maker['id']): readonly Maker[] =>
    held(part).map((power) => ({
      power,
      id,
      can: `create ${power.resources.join(', ')}${inText(scopeOf(power))}`,
      scopes: [scopeOf(power)],
    }))
  const changed = (part: PartName): readonly Maker[] =>
    held(part).flatMap((power) =>
      power.resources.map((resource) => ({
        power,
        id: 'E11' as const,
        can: `change ${resource}${power.names === undefined ? '' : ` ${fewOf(power.names)}`}${inText(scopeOf(power))}`,
        scopes: templatesOf(world, resource, power),
      })),
    )
  return [
    ...created('makePod', 'E10'),
    ...(['makeApps', 'makeBatch', 'makeController'] as const).flatMap((part) => created(part, 'E11')),
    ...(['changeApps', 'changeBatch', 'changeController'] as const).flatMap(changed),
    ...Object.entries(GROUP_OF).flatMap(([part, group]) =>
      created(part as PartName, 'E11').filter(({ power }) =>
        power.resources.some((resource) => world.definitions.has(`${resource}.${group}`)),
      ),
    ),
  ]
}

/** Namespaces in which there is such an object to change. */
function templatesOf({ templates }: GraphWorld, resource: string, power: Power): readonly string[] {
  const kind = KIND_OF[resource]!
  const scope = scopeOf(power)
  return [...templates]
    .filter(([key, names]) => key.startsWith(`${kind}:`) && (power.names === undefined || power.names.some((name) => names.has(name))))
    .map(([key]) => key.slice(kind.length + 1))
    .filter((namespace) => scope === '' || namespace === scope)
}

const KIND_OF: Readonly<Record<string, string>> = {
  deployments: 'Deployment',
  daemonsets: 'DaemonSet',
  statefulsets: 'StatefulSet',
  replicasets: 'ReplicaSet',
  cronjobs: 'CronJob',
  replicationcontrollers: 'ReplicationController',
}
/** Custom resources that make pods, once their definitions are there. */
const GROUP_OF: Partial<Record<PartName, string>> = {
  makeArgo: 'argoproj.io',
  makeTekton: 'tekton.dev',
  makeKnative: 'serving.knative.dev',
  makeSpark: 'sparkoperator.k8s.io',
}
