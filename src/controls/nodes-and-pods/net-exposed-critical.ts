import { type ExposedEvidence, mendIsolation } from '../../../remediations/exposed-isolation.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'
import { isPlatformAgent } from '../../objects/platform-agents.ts'
import { exposedBy, PUBLISHING_KINDS, type PublishingView } from '../../objects/published-workloads.ts'
import { refText } from '../../objects/ref.ts'
import { ISOLATION_READS, isolationOf } from '../../objects/weak-isolation.ts'
import { type Workload, workloads } from '../../objects/workloads.ts'

type IsolationView = Parameters<typeof isolationOf>[0]
/** So many of the lesser weaknesses together leave little between the application and the rest of the cluster. */
const MANY = 3

export default control({
  title: 'Workloads that the outside can reach must be well isolated',
  severity: 'high',
  why: 'What takes traffic from outside is what is attacked first. Where such a workload is privileged, or root with a token and a free way out, one hole in it is a hole in the cluster.',
  references: [
    { standard: 'KS', section: 'C-0083' },
    { standard: 'KS', section: 'C-0084' },
    { standard: 'KS', section: 'C-0256' },
  ],
  reads: [],
  consults: [...new Set([...ISOLATION_READS, ...PUBLISHING_KINDS])],
  *evaluate(view): Iterable<Observation<ExposedEvidence> | Remark> {
    yield* unreadWorkloads(view)
    for (const kind of PUBLISHING_KINDS) {
      const unread = view.unread(kind)
      if (unread !== undefined) yield { unknown: `what is published is not all seen: ${unread.because}`, answer: unread.answer }
    }
    for (const workload of workloads(view)) if (!workload.mirror) yield* judge(view, workload)
    yield { note: 'known vulnerabilities of the images are not looked at' }
  },
  remedy: mendIsolation(),
  verify:
    'From a shell in the new pod neither the API server nor another namespace answers, and the pod is admitted by the restricted level.',
})

function* judge(view: IsolationView & PublishingView, workload: Workload): Iterable<Observation<ExposedEvidence> | Remark> {
  const ways = exposedBy(view, workload)
  if (ways.length === 0) return
  const { weaknesses, unread } = isolationOf(view, workload)
  const isGrave = weaknesses.some(({ grave }) => grave)
  if (!isGrave && weaknesses.length < MANY) {
    if (weaknesses.length + new Set(unread.map(({ what }) => what === 'ServiceAccount')).size >= MANY)
      for (const { because, answer } of unread)
        yield { unknown: `how well ${refText(workload.ref)} is isolated: ${because}`, answer, subject: workload.ref }
    return
  }
  yield {
    subject: workload.ref,
    ...(workload.at !== undefined && { at: workload.at }),
    reason: isGrave ? 'is reached from outside and can get at its node' : 'is reached from outside and weakly isolated',
    detail: `${ways.join(', ')}; it ${weaknesses.map(({ words }) => words).join(', ')}`,
    severity: isGrave ? 'high' : 'medium',
    ...(isPlatformAgent(workload) && { origin: 'system' as const }),
    evidence: { exposedBy: ways, weaknesses: weaknesses.map(({ control: id, words }) => ({ control: id, words })) },
  }
}
