/** Registry credentials are made and rotated where the registry is: words, for each thing that may be wrong with them. */
import { remedy } from '../src/model/define.ts'
import type { Remedy } from '../src/model/index.ts'

/** `secret`: it is named and not there. `days`: its age. `namespaces`: it was copied to these. `secrets`: the default service account hands these out. */
export type PullSecretEvidence =
  | { readonly secret: string }
  | { readonly days: number }
  | { readonly namespaces: readonly string[] }
  | { readonly secrets: readonly string[] }

export const scopePullSecrets: Remedy<PullSecretEvidence> = remedy<PullSecretEvidence>({
  family: 'pull-secret',
  reads: [],
  propose: ({ evidence, subject }) => ({ byHand: words(evidence, subject.namespace ?? 'default', subject.name) }),
})

function words(evidence: PullSecretEvidence, namespace: string, name: string): string {
  if ('secret' in evidence)
    return `create ${evidence.secret} (kubectl -n ${namespace} create secret docker-registry ${evidence.secret} …) or drop the reference`
  if ('days' in evidence)
    return `make a new credential in the registry that may only pull what ${namespace} needs, write it into ${name}, and revoke the old one; a kubelet credential provider needs no such Secret at all`
  if ('namespaces' in evidence)
    return `give each of ${evidence.namespaces.join(', ')} a credential of its own that may only pull what it needs, and revoke the one they share`
  return `give ${evidence.secrets.join(', ')} to the service accounts of the workloads that pull with it, and take it off ${name}`
}
