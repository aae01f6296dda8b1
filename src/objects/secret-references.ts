/** Secrets that workloads are told of by name, so that they read them through the API: a volume or a variable shows what the kubelet reads for them. */
import type { View } from '../model/index.ts'
import type { Grant } from './rbac-grants.ts'
import { workloadsOf } from './rbac-users.ts'
import { refText } from './ref.ts'
import { settingsOf } from './workload-settings.ts'
import type { WorkloadKind } from './workloads.ts'

export interface NamedSecret {
  readonly name: string
  /** `Deployment shop/cart is told --secret-name=db`. */
  readonly because: string
}

/** `--secret-name`, `TLS_SECRET`, `--default-ssl-certificate`. */
const TELLS = /secret|certificate|credential/i

/** Of the holders of a role, each Secret once; only those that are there, in a namespace where the role is bound. */
export function secretsNamedBy(view: View<WorkloadKind | 'Secret'>, held: readonly Grant[]): readonly NamedSecret[] {
  const found = held.flatMap(({ subject, namespace: scope }) =>
    workloadsOf(view, [subject], scope).flatMap((workload) =>
      settingsOf(workload).flatMap(({ name: setting, value }): readonly NamedSecret[] => {
        if (!TELLS.test(setting)) return []
        const [name, namespace = workload.namespace] = value.split('/').reverse() as [string, string?]
        const isThere = (scope === undefined || scope === namespace) && view.find('Secret', namespace, name) !== undefined
        return isThere ? [{ name, because: `${refText(workload.ref)} is told ${setting}=${value}` }] : []
      }),
    ),
  )
  return found.filter((one, at) => found.findIndex(({ name }) => name === one.name) === at)
}
