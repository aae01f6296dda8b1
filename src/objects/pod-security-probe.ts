/** A pod that no Pod Security level but privileged admits, and what an API server says of it. Only ever sent as a dry run. */
import type { PodSecurityAnswer } from '../model/index.ts'

/** Valid on every server, whatever it thinks of privileged containers. */
export const DANGEROUS_POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'k8s-harden-probe-' },
  spec: {
    hostPID: true,
    automountServiceAccountToken: false,
    containers: [{ name: 'probe', image: 'k8s-harden.invalid/never-pulled', securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }],
  },
}

const VIOLATION = /violates PodSecurity "(baseline|restricted):(latest|v1\.\d+)"/
export const isViolation = (text: string): boolean => /violates PodSecurity/.test(text)
/** RBAC's own words (k8s.io/apiserver, responsewriters): who asks has no right to create pods. */
export const isNoRight = (said: string): boolean => /cannot create resource "pods"/.test(said)

/** `said`: of a refusal; undefined where the pod was admitted. */
export function answerOf(namespace: string, said: string | undefined): PodSecurityAnswer {
  if (said === undefined) return { namespace, is: 'admitted' }
  // Whatever they say, a webhook's words are its own.
  const webhook = /admission webhook "([^"]{1,253})"/.exec(said)?.[1]
  if (webhook !== undefined) return { namespace, is: 'unclear', engine: `webhook ${webhook}` }
  const policy = /ValidatingAdmissionPolicy '([^']{1,253})'/.exec(said)?.[1]
  if (policy !== undefined) return { namespace, is: 'unclear', engine: `ValidatingAdmissionPolicy ${policy}` }
  const [, level, version] = VIOLATION.exec(said) ?? []
  if (level === undefined) return { namespace, is: 'unclear' }
  return { namespace, is: 'refused', level: level as 'baseline' | 'restricted', version: version! }
}
