import { mendEtcdTls } from '../../../remediations/etcd-tls.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { type EtcdTlsEvidence, judgeClient, judgeMember } from '../../objects/etcd-tls.ts'
import { componentFlags, FLAG_LADDER } from '../../objects/flags.ts'

export default control({
  title: 'etcd must be reached over mutual TLS only, with a CA of its own',
  severity: 'critical',
  why: 'etcd holds everything, Secrets included, and asks nobody but its TLS who they are: who may connect may read and write the whole cluster past every check of the API server.',
  references: [
    { standard: 'CIS', section: '1.2.23' },
    { standard: 'CIS', section: '1.2.26' },
    ...['2.1', '2.2', '2.3', '2.4', '2.5', '2.6', '2.7'].map((section) => ({ standard: 'CIS' as const, section })),
    { standard: 'NSA', section: 'N' },
    ...['C-0137', 'C-0140', 'C-0153', 'C-0154', 'C-0155', 'C-0156', 'C-0157', 'C-0158', 'C-0159'].map((section) => ({
      standard: 'KS' as const,
      section,
    })),
  ],
  reads: [],
  consults: FLAG_LADDER,
  *evaluate(view): Iterable<Observation<EtcdTlsEvidence> | Remark> {
    const servers = componentFlags(view, 'kube-apiserver')
    const members = componentFlags(view, 'etcd')
    for (const server of servers.instances) yield* judgeClient(server)
    const clusterCas = new Set(servers.instances.flatMap((server) => server.flags.get('client-ca-file') || []))
    // Without it the API server would be shut out with everybody else.
    const ready = servers.instances.every(({ flags }) => Boolean(flags.get('etcd-certfile') && flags.get('etcd-keyfile')))
    for (const member of members.instances) yield* judgeMember(member, clusterCas, ready)
    yield* [...servers.remarks, ...members.remarks]
    if (servers.unknown !== undefined) yield servers.unknown
    else if (members.unknown !== undefined)
      yield { unknown: `only the API server's half is seen: ${members.unknown.unknown}`, answer: members.unknown.answer }
  },
  remedy: mendEtcdTls,
  verify: 'etcdctl without a client certificate is refused on every client and peer address.',
})
