import { limitExposure, type OpeningEvidence } from '../../../remediations/service-sources.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { refOf, refText } from '../../objects/ref.ts'
import { OPENNESS_KINDS, openings } from '../../objects/service-openness.ts'

export default control({
  title: 'Services must let only those in from outside who need them',
  severity: 'medium',
  why: 'A load balancer without an access list, or a node port where nodes have public addresses, is reachable by everybody who can route to it. Databases and administration behind one are found by scanners within minutes.',
  references: [
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2025/K06' },
    { standard: 'KS', section: 'C-0256' },
    { standard: 'KS', section: 'C-0266' },
  ],
  reads: ['Service'],
  consults: OPENNESS_KINDS.filter((kind) => kind !== 'Service'),
  *evaluate(view): Iterable<Observation<OpeningEvidence> | Remark> {
    for (const service of view.all('Service')) {
      const subject = refOf(service)
      for (const one of openings(view, service)) {
        if ('note' in one) yield one
        else if ('unknown' in one)
          yield {
            unknown: `whether the node ports of ${refText(subject)} are open to the outside: ${one.unknown.because}`,
            answer: one.unknown.answer,
            subject,
          }
        else {
          const { way, ...seen } = one
          yield { subject, ...seen, ...(seen.verdict === 'fail' && { verdict: 'fail' as const }), evidence: { way } }
        }
      }
    }
    yield { note: 'what a firewall or security group in front of nodes and load balancers lets in is not seen from here' }
  },
  remedy: limitExposure(),
  verify: 'From an address outside the ranges the port no longer answers; from one inside it still does.',
})
