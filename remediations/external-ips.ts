/** Refuses external addresses of Services from now on, by a policy or by the admission plugin; takes them off a Service that has them. */
import { remedy } from '../src/model/define.ts'
import type { Change, Json, ObjectRef, Proposal, Readable, Remedy, SpecObject, View } from '../src/model/index.ts'
import { pluginNames } from '../src/objects/admission-plugins.ts'
import { PLUGIN } from '../src/objects/external-ips.ts'
import {
  deniesEverywhere,
  EXTERNAL_IPS_POLICY,
  externalIpsBinding,
  externalIpsPolicy,
  isAsWritten,
} from '../src/objects/external-ips-policy.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { refOf, refText } from '../src/objects/ref.ts'
import { proposeFlags } from './apiserver-flag.ts'

/** `used`: a Service has them. `status`: written into the status of one. `open`: nothing refuses them. */
export type ExternalIpsEvidence = { readonly is: 'used' | 'status' | 'open' }
/** Without a feature gate (KEP-3488). */
const POLICIES_SINCE = 30

export const refuseExternalIps = (): Remedy<ExternalIpsEvidence> =>
  remedy<ExternalIpsEvidence>({
    family: 'external-ips',
    reads: ['Service', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', ...FLAG_LADDER],
    options: {
      by: {
        describe: 'What refuses external addresses',
        default: 'policy',
        choices: [
          { value: 'policy', label: 'a ValidatingAdmissionPolicy', risk: 'safe' },
          { value: 'plugin', label: `the admission plugin ${PLUGIN}, by a flag of the API server`, risk: 'may-break' },
        ],
      },
    },
    propose(finding, { view, options }): Proposal {
      const { is } = finding.evidence
      if (is === 'used')
        return {
          changes: [{ type: 'edit', target: finding.subject, edits: [{ unset: ['spec', 'externalIPs'] }] }],
          risk: 'may-break',
          summary: 'take its external addresses away',
          mayBreak: ['what comes in by these addresses is cut off: publish it by a load balancer or an Ingress first'],
        }
      if (is === 'status')
        return {
          byHand: 'find out who wrote the addresses (its managed fields name them), and take the right to patch services/status away',
        }
      if (finding.verdict === 'review') return { byHand: 'try a dry run that creates a Service with spec.externalIPs: it must be refused' }
      const used = usedBy(view)
      const mayBreak =
        used.length === 0 ? [] : [`these keep what they have, but are refused when they are made anew: ${fewOf(used.map(refText), 8)}`]
      const minor = serverMinor(view)
      if (options['by'] === 'plugin' || (minor !== undefined && minor < POLICIES_SINCE))
        return proposeFlags(
          {
            flags: {
              'enable-admission-plugins': (current) => [...new Set([...pluginNames(current), PLUGIN])].join(','),
            },
            summary: `run the admission plugin ${PLUGIN}`,
            mayBreak,
          },
          finding,
          { view, options },
        )
      const changes = policyChanges(view)
      if (changes.length === 0) return { refused: 'the policy is there and refuses by now' }
      return {
        changes,
        risk: used.length > 0 ? 'may-break' : 'safe',
        summary: 'refuse external addresses of Services by a ValidatingAdmissionPolicy',
        ...(mayBreak.length > 0 && { mayBreak }),
      }
    },
  })

const usedBy = (view: View<Readable>): readonly ObjectRef[] =>
  view
    .all('Service')
    .filter(({ spec }) => (spec?.externalIPs ?? []).length > 0)
    .map(refOf)

/** What is missing, or what says something else by now. */
function policyChanges(view: View<Readable>): readonly Change[] {
  const policy = view.find('ValidatingAdmissionPolicy', undefined, EXTERNAL_IPS_POLICY)
  const binding = view.find('ValidatingAdmissionPolicyBinding', undefined, EXTERNAL_IPS_POLICY)
  const to = (object: SpecObject): Json => object.spec!
  const [wanted, bound] = [externalIpsPolicy(), externalIpsBinding('Deny')]
  const whole = (object: SpecObject, spec: Json): Change => ({ type: 'edit', target: refOf(object), edits: [{ set: ['spec'], to: spec }] })
  return [
    ...(policy === undefined ? [{ type: 'create' as const, object: wanted }] : isAsWritten(policy) ? [] : [whole(policy, to(wanted))]),
    ...(binding === undefined
      ? [{ type: 'create' as const, object: bound }]
      : deniesEverywhere(binding)
        ? []
        : [whole(binding, to(bound))]),
  ]
}
