/** What may keep new pods from coming up whatever was changed in them. */
import type { ControllerObject, PodSpec, View } from '../src/model/index.ts'
import { eachContainer } from '../src/objects/containers.ts'
import { whyNotScheduled } from '../src/objects/scheduling.ts'
import type { Workload } from '../src/objects/workloads.ts'

interface DeploymentSpec {
  readonly replicas?: number
  readonly strategy?: { readonly type?: string; readonly rollingUpdate?: { readonly maxUnavailable?: number | string } }
}

/** Plain words; none where a roll-out has nothing in its way that can be seen from here. */
export function rolloutHazards({ workload, view }: { readonly workload: Workload; readonly view: View<'Node'> }): readonly string[] {
  if (view.source.kind !== 'live' || workload.ref.kind !== 'Deployment') return []
  const spec = ((workload.object as ControllerObject | undefined)?.spec ?? {}) as DeploymentSpec
  if (takesPodsAwayFirst(spec)) return []
  const [ports, claims] = [hostPorts(workload.spec), lonelyClaims(workload.spec, spec)]
  const nodes =
    view.unread('Node') === undefined ? view.all('Node').filter((node) => whyNotScheduled(node, workload.spec) === undefined).length : 0
  return [
    ...(ports.length === 0 || nodes > workload.pods.length
      ? []
      : [
          `a new pod starts beside the old one and both want port ${ports.join(', ')} of a node: with ${nodes === 1 ? 'one node' : 'no more nodes than pods'} the roll-out gets stuck, and is then undone`,
        ]),
    ...(claims.length === 0
      ? []
      : [
          `a new pod starts beside the old one and both write to claim ${claims.join(', ')}: where only one can (a database that locks its files, a volume that one node may attach), the roll-out gets stuck, and is then undone; strategy Recreate avoids it`,
        ]),
  ]
}

/** Claims that no more than one pod has been seen to write to; several pods that share one have shown that they can. */
function lonelyClaims({ volumes = [], ...pod }: PodSpec, { replicas = 1 }: DeploymentSpec): string[] {
  if (replicas !== 1) return []
  const written = new Set(
    eachContainer({ volumes, ...pod })
      .flatMap(({ container }) => container.volumeMounts ?? [])
      .filter((mount) => mount.readOnly !== true)
      .map((mount) => mount.name),
  )
  return (volumes ?? []).flatMap((volume) => {
    const { claimName, readOnly } = volume?.persistentVolumeClaim ?? {}
    return claimName !== undefined && readOnly !== true && written.has(volume.name) ? [claimName] : []
  })
}

const hostPorts = (spec: PodSpec): number[] => {
  const ports = eachContainer(spec).flatMap(({ container }) => container.ports ?? [])
  return [
    ...new Set(ports.map((port) => (spec.hostNetwork === true ? port.containerPort : (port.hostPort ?? 0))).filter((port) => port > 0)),
  ]
}

/** `Recreate`, or a `maxUnavailable` that comes to at least one pod (percentages are rounded down; the default is 25%). */
function takesPodsAwayFirst({ replicas = 1, strategy = {} }: DeploymentSpec): boolean {
  if (strategy.type === 'Recreate') return true
  const given = strategy.rollingUpdate?.maxUnavailable ?? '25%'
  return (typeof given === 'number' ? given : Math.floor((Number.parseInt(given, 10) * replicas) / 100)) >= 1
}
