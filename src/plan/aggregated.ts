import type { RoleObject, Snapshot } from '../model/index.ts'
import { derived } from '../objects/derived.ts'
import { partsOf } from '../objects/rbac-grants.ts'

/**
 * The snapshot in which every aggregated ClusterRole holds what its parts hold now, as a controller will make it shortly: the
 * stored rules of the moment after a write would still show what its parts have lost.
 */
export const aggregated = (snapshot: Snapshot): Snapshot => derived(snapshot, settle)

function settle(snapshot: Snapshot): Snapshot {
  const roles = snapshot
    .all('ClusterRole')
    .map(
      (role): RoleObject =>
        role.aggregationRule ? { ...role, rules: [...partsOf(snapshot, role)].flatMap((part) => part.rules ?? []) } : role,
    )
  const byName = new Map(roles.map((role) => [role.metadata.name, role]))
  return Object.create(
    snapshot,
    Object.getOwnPropertyDescriptors({
      all: (kind: never) => (kind === 'ClusterRole' ? roles : snapshot.all(kind)),
      find: (kind: never, namespace: string | undefined, name: string) =>
        kind === 'ClusterRole' ? byName.get(name) : snapshot.find(kind, namespace, name),
    }),
  ) as Snapshot
}
