/** What is wrong with the TLS of etcd, and of the API server's way to it. */
import type { Observation, Remark, Severity } from '../model/index.ts'
import { type Component, type ComponentInstance, effectiveFlag, flagFinding, isOn, listFlag } from './flags.ts'
import { isLoopbackUrl } from './tls.ts'

export interface EtcdTlsEvidence {
  readonly grade: 'E1'
  readonly component: Component
  readonly flag: string
  readonly value: string | null
  /** Where kubeadm keeps its certificates, when the other flags point there. */
  readonly pki: string | null
  /** Of client-cert-auth: a CA is named, and who connects has certificates by it. */
  readonly ready: boolean
}

const found = (
  instance: ComponentInstance,
  flag: string,
  severity: Severity,
  reason: string,
  detail: string,
  ready = true,
): Observation<EtcdTlsEvidence> => {
  const pki =
    /^(\/etc\/kubernetes\/pki)\//.exec(
      instance.flags.get(instance.component === 'etcd' ? 'trusted-ca-file' : 'client-ca-file') ?? '',
    )?.[1] ?? null
  return {
    ...flagFinding(instance, flag),
    severity,
    reason,
    detail: withoutLogin(detail),
    evidence: { grade: 'E1', component: instance.component, flag, value: withoutLogin(instance.flags.get(flag) ?? '') || null, pki, ready },
  }
}

/** A URL may have a password before its host. */
const withoutLogin = (text: string): string => text.replace(/\/\/[^/@\s]*@/g, '//…@')

export function* judgeClient(server: ComponentInstance): Iterable<Observation<EtcdTlsEvidence> | Remark> {
  const urls = listFlag(server, 'etcd-servers', undefined)
  if (urls.length === 0) {
    yield {
      unknown: `how ${server.name} reaches its datastore is not among its flags`,
      answer: 'k3s: look at --datastore-endpoint and its TLS files; otherwise scan the static pod manifest of the API server',
    }
    return
  }
  yield* judgeOverrides(server)
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

/** `group/resource#servers`, the servers apart by semicolons: what is kept elsewhere. */
function* judgeOverrides(server: ComponentInstance): Iterable<Observation<EtcdTlsEvidence>> {
  const plain = listFlag(server, 'etcd-servers-overrides', undefined).filter((one) => {
    const [, servers = ''] = one.split('#')
    return servers.split(';').some((url) => !/^(https|unix):/.test(url))
  })
  if (plain.length > 0) yield found(server, 'etcd-servers-overrides', 'critical', 'talks to etcd in plain text', plain.join(', '))
}

/** `ready`: every API server that is seen shows etcd a certificate. */
export function* judgeMember(
  member: ComponentInstance,
  clusterCas: ReadonlySet<string>,
  ready: boolean,
): Iterable<Observation<EtcdTlsEvidence> | Remark> {
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
    ['listen-client-http-urls', 'clients'],
    ['listen-peer-urls', 'its peers'],
  ] as const) {
    const plain = listFlag(member, flag, undefined).filter((url) => /^http:/i.test(url))
    const set = effectiveFlag(member, flag, undefined).from === 'set'
    if (plain.length > 0 && (set || flag === 'listen-client-urls'))
      yield found(member, flag, plain.every(isLoopbackUrl) ? 'high' : 'critical', `serves ${who} in plain text`, plain.join(', '))
  }
  if (!member.flags.get('cert-file') || !member.flags.get('key-file'))
    yield found(member, 'cert-file', 'critical', 'has no serving certificate', '--cert-file and --key-file are not both set')
  yield* judgeClientAuth(member, ready)
  if (on('auto-tls')) yield found(member, 'auto-tls', 'high', 'makes its own certificates for clients', '--auto-tls=true')
  if (!member.flags.get('peer-cert-file') || !member.flags.get('peer-key-file'))
    yield found(
      member,
      'peer-cert-file',
      'high',
      'has no certificate for its peers',
      '--peer-cert-file and --peer-key-file are not both set',
    )
  const peers = 'peer-client-cert-auth'
  if (!on(peers))
    yield member.flags.get('peer-trusted-ca-file')
      ? found(member, peers, 'low', 'asks its peers for certificates by the CA file alone', BY_CA_ALONE(peers, 'peer-trusted-ca-file'))
      : found(member, peers, 'high', 'lets peers in without a certificate', `--${peers} is not true`, false)
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
  const open = listFlag(member, 'listen-metrics-urls', undefined).filter((url) => /^http:/i.test(url) && !isLoopbackUrl(url))
  if (open.length > 0)
    yield found(member, 'listen-metrics-urls', 'medium', 'serves metrics and health in plain text beyond its node', open.join(', '))
}

/** A CA file alone has etcd ask for certificates (TLSInfo.ServerConfig); without one, Go takes those of any CA of the machine. */
function* judgeClientAuth(member: ComponentInstance, ready: boolean): Iterable<Observation<EtcdTlsEvidence>> {
  const flag = 'client-cert-auth'
  const trusts = Boolean(member.flags.get('trusted-ca-file'))
  if (isOn(member, flag, undefined)) {
    if (!trusts)
      yield found(
        member,
        'trusted-ca-file',
        'high',
        'takes client certificates of any CA its machine trusts',
        '--trusted-ca-file is not set',
      )
  } else if (trusts)
    yield found(member, flag, 'low', 'asks clients for certificates by the CA file alone', BY_CA_ALONE(flag, 'trusted-ca-file'), ready)
  else yield found(member, flag, 'critical', 'lets clients in without a certificate', `--${flag} is not true`, false)
}
const BY_CA_ALONE = (flag: string, file: string): string => `--${flag} is not true; --${file} has them asked all the same`
