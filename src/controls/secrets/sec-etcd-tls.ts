import { type EtcdTlsEvidence, mendEtcdTls } from '../../../remediations/etcd-tls.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, Severity } from '../../model/index.ts'
import { type ComponentInstance, componentFlags, effectiveFlag, FLAG_LADDER, flagFinding, isOn, listFlag } from '../../objects/flags.ts'
import { isLoopbackUrl } from '../../objects/tls.ts'

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
    for (const member of members.instances) yield* judgeMember(member, clusterCas)
    for (const note of new Set([...servers.notes, ...members.notes])) yield { note }
    if (servers.unknown !== undefined) yield servers.unknown
    else if (members.unknown !== undefined)
      yield { unknown: `only the API server's half is seen: ${members.unknown.unknown}`, answer: members.unknown.answer }
  },
  remedy: mendEtcdTls,
  verify: 'etcdctl without a client certificate is refused on every client and peer address.',
})

const found = (
  instance: ComponentInstance,
  flag: string,
  severity: Severity,
  reason: string,
  detail: string,
): Observation<EtcdTlsEvidence> => {
  const pki =
    /^(\/etc\/kubernetes\/pki)\//.exec(
      instance.flags.get(instance.component === 'etcd' ? 'trusted-ca-file' : 'client-ca-file') ?? '',
    )?.[1] ?? null
  return {
    ...flagFinding(instance, flag),
    severity,
    reason,
    detail,
    evidence: { grade: 'E1', component: instance.component, flag, value: instance.flags.get(flag) ?? null, pki },
  }
}

function* judgeClient(server: ComponentInstance): Iterable<Observation<EtcdTlsEvidence> | Remark> {
  const urls = listFlag(server, 'etcd-servers', undefined)
  if (urls.length === 0) {
    yield {
      unknown: `how ${server.name} reaches its datastore is not among its flags`,
      answer: 'k3s: look at --datastore-endpoint and its TLS files; otherwise scan the static pod manifest of the API server',
    }
    return
  }
  const remote = urls.filter((url) => !url.startsWith('unix:'))
  const plain = remote.filter((url) => !url.startsWith('https:'))
  if (plain.length > 0) yield found(server, 'etcd-servers', 'critical', 'talks to etcd in plain text', plain.join(', '))
  if (plain.length === remote.length) return
  if (!server.flags.get('etcd-cafile')) yield found(server, 'etcd-cafile', 'high', 'does not verify etcd', '--etcd-cafile is not set')
  if (!server.flags.get('etcd-certfile') || !server.flags.get('etcd-keyfile'))
    yield found(
      server,
      'etcd-certfile',
      'high',
      'does not show etcd a client certificate',
      '--etcd-certfile and --etcd-keyfile are not both set',
    )
}

function* judgeMember(member: ComponentInstance, clusterCas: ReadonlySet<string>): Iterable<Observation<EtcdTlsEvidence> | Remark> {
  if (member.flags.get('config-file')) {
    yield {
      unknown: `${member.name} is configured by ${member.flags.get('config-file')}, which is not seen; it wins over every flag`,
      answer: `look at ${member.flags.get('config-file')} on its node: client-transport-security and peer-transport-security`,
    }
    return
  }
  const on = (flag: string) => isOn(member, flag, undefined)
  for (const [flag, who] of [
    ['listen-client-urls', 'clients'],
    ['listen-peer-urls', 'its peers'],
  ] as const) {
    const plain = listFlag(member, flag, undefined).filter((url) => url.startsWith('http:'))
    const set = effectiveFlag(member, flag, undefined).from === 'set'
    if (plain.length > 0 && (set || flag === 'listen-client-urls'))
      yield found(member, flag, plain.every(isLoopbackUrl) ? 'high' : 'critical', `serves ${who} in plain text`, plain.join(', '))
  }
  if (!member.flags.get('cert-file') || !member.flags.get('key-file'))
    yield found(member, 'cert-file', 'critical', 'has no serving certificate', '--cert-file and --key-file are not both set')
  if (!on('client-cert-auth'))
    yield found(member, 'client-cert-auth', 'critical', 'lets clients in without a certificate', '--client-cert-auth is not true')
  if (on('auto-tls')) yield found(member, 'auto-tls', 'high', 'makes its own certificates for clients', '--auto-tls=true')
  if (!member.flags.get('peer-cert-file') || !member.flags.get('peer-key-file'))
    yield found(
      member,
      'peer-cert-file',
      'high',
      'has no certificate for its peers',
      '--peer-cert-file and --peer-key-file are not both set',
    )
  if (!on('peer-client-cert-auth'))
    yield found(member, 'peer-client-cert-auth', 'high', 'lets peers in without a certificate', '--peer-client-cert-auth is not true')
  if (on('peer-auto-tls')) yield found(member, 'peer-auto-tls', 'high', 'makes its own certificates for peers', '--peer-auto-tls=true')
  const ca = effectiveFlag(member, 'trusted-ca-file', undefined).value
  if (ca !== undefined && clusterCas.has(ca))
    yield found(
      member,
      'trusted-ca-file',
      'high',
      'trusts the CA of the cluster, so that every client certificate of the cluster opens it',
      `--trusted-ca-file=${ca}`,
    )
  const open = listFlag(member, 'listen-metrics-urls', undefined).filter((url) => url.startsWith('http:') && !isLoopbackUrl(url))
  if (open.length > 0)
    yield found(member, 'listen-metrics-urls', 'medium', 'serves metrics and health in plain text beyond its node', open.join(', '))
}
