/** Controllers whose work is with Secrets: to be looked at, not to be broken. */
import type { View } from '../model/index.ts'
import type { Grant } from './rbac-grants.ts'
import { workloadsOf } from './rbac-users.ts'
import type { Workload, WorkloadKind } from './workloads.ts'

const EXPECTED =
  /cert-manager|external-secrets|sealed-secrets|secrets-store-csi|ingress-nginx|traefik|contour|envoy-gateway|istio|velero|argocd|source-controller|helm-controller|kustomize-controller|reflector/

const isExpected = ({ spec }: Workload): boolean =>
  [...spec.containers, ...(spec.initContainers ?? [])].some(({ image = '' }) => EXPECTED.test(image))

/** Is every one of these subjects the account of such a controller? */
export const areSecretReaders = (view: View<WorkloadKind>, held: readonly Grant[]): boolean =>
  held.length > 0 && held.every((grant) => workloadsOf(view, [grant.subject], grant.namespace).some(isExpected))
