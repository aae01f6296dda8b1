/** Long-lived token Secrets are switched off, or deleted; copies of a Secret's content in its annotations are removed. */

import { remedy } from '../src/model/define.ts'
import type { Finding, Proposal, Remedy } from '../src/model/index.ts'
import { FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { refText } from '../src/objects/ref.ts'
import { extendsTokens, tokenLookup } from '../src/objects/token-lookup.ts'
import { WORKLOAD_KINDS, workloads } from '../src/objects/workloads.ts'

/** The token authenticator refuses a Secret with this label; taking the label off lets it in again (k8s.io/kubernetes pkg/serviceaccount/legacy.go). */
export const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'
/** LegacyServiceAccountTokenCleanUp (KEP-2799) is on from 1.29 on: before that the label says nothing to the authenticator. */
export const HEEDED_SINCE = 29
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

export const retireToken = <E extends { readonly lastUsed: string | null; readonly automatic?: boolean }>(): Remedy<E> =>
  remedy<E>({
    family: 'secret',
    reads: [...new Set([...WORKLOAD_KINDS, ...FLAG_LADDER])],
    options: {
      how: {
        describe: 'what to do with a token Secret',
        default: 'disable',
        choices: [
          { value: 'disable', label: 'switch it off with a label; taking the label off switches it on again', risk: 'may-break' },
          { value: 'delete', label: 'delete it; undo makes another token', risk: 'may-break' },
        ],
      },
    },
    propose(finding, { view, options }): Proposal {
      if (tokenLookup(view) === 'off')
        return {
          refused:
            'the API server runs with --service-account-lookup=false: the token works on whether its Secret is labelled or deleted, and nothing would show it any more. Set --service-account-lookup=true first (sec-sa-keys), then come back',
        }
      const users = workloads(view)
        .filter((workload) => workload.namespace === finding.subject.namespace && mentions(workload.spec, finding.subject.name))
        .map((workload) => refText(workload.ref))
      const mayBreak = [
        usage(finding),
        ...(users.length > 0
          ? [
              `${users.join(', ')} ${users.length === 1 ? 'uses' : 'use'} it: give ${users.length === 1 ? 'it' : 'them'} a projected service account token first, ${
                extendsTokens(view)
                  ? 'which is good for a year as long as --service-account-extend-token-expiration is on (sec-token-lifetime)'
                  : 'which ends within the hour: the program must read its file again and again'
              }`,
            ]
          : []),
      ]
      if (options['how'] === 'delete') {
        return {
          changes: [{ type: 'delete', target: finding.subject }],
          risk: 'may-break',
          summary: 'delete the token Secret',
          mayBreak: [
            ...mayBreak,
            'switch it off first (how=disable) and delete it when nobody has missed it: the label can be taken off again',
            'a deleted token never comes back: undo creates a Secret with a new one',
          ],
        }
      }
      const minor = serverMinor(view)
      if (minor !== undefined && minor < HEEDED_SINCE)
        return {
          refused: `Kubernetes 1.${minor} does not heed the label that switches a token off: replace it, then delete it (how=delete)`,
        }
      const day = new Date(view.now).toISOString().slice(0, 10)
      return {
        changes: [{ type: 'edit', target: finding.subject, edits: [{ set: ['metadata', 'labels', INVALID_SINCE], to: day }] }],
        risk: 'may-break',
        summary: 'switch the token off',
        mayBreak: [
          ...mayBreak,
          ...(finding.evidence.automatic === true
            ? ['the controller manager deletes an automatically made Secret for good when it has been labelled for a year']
            : []),
        ],
      }
    },
  })

const usage = ({ evidence }: Finding<{ readonly lastUsed: string | null }>): string =>
  evidence.lastUsed === null
    ? 'no use of the token was recorded; whoever still holds it gets 401'
    : `the token was last used on ${evidence.lastUsed}: whoever holds it gets 401`

/** Does a pod spec name this Secret anywhere (volumes, env, pull secrets)? */
const mentions = (spec: unknown, name: string): boolean => {
  if (Array.isArray(spec)) return spec.some((item) => mentions(item, name))
  if (spec === null || typeof spec !== 'object') return false
  return Object.entries(spec).some(
    ([key, value]) =>
      (key === 'secretName' && value === name) ||
      ((key === 'secretKeyRef' || key === 'secretRef' || key === 'secret') && (value as { name?: unknown } | null)?.name === name) ||
      mentions(value, name),
  )
}
