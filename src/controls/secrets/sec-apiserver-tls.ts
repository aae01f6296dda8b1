import { mendServingTls, type ServingTlsEvidence } from '../../../remediations/serving-tls.ts'
import { control } from '../../model/define.ts'
import type { EndpointFact, Observation, Remark, Severity } from '../../model/index.ts'
import { shownByOne } from '../../objects/api-servers.ts'
import {
  CONTROL_PLANE,
  type ComponentInstance,
  componentFlags,
  effectiveFlag,
  FLAG_LADDER,
  flagFinding,
  listFlag,
  serverMinor,
} from '../../objects/flags.ts'
import { isOldProtocol, weaknessOf } from '../../objects/tls.ts'

const DAY = 86_400_000

export default control({
  title: 'The API server must serve sound TLS',
  severity: 'high',
  why: 'Every credential passes over this connection. An old protocol, a broken cipher or a certificate nobody can verify lets a third party read or replace what is sent.',
  references: [
    { standard: 'CIS', section: '1.2.24' },
    { standard: 'CIS', section: '1.2.25' },
    { standard: 'CIS', section: '1.2.29' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0138' },
    { standard: 'KS', section: 'C-0139' },
    { standard: 'KS', section: 'C-0143' },
    { standard: 'KS', section: 'C-0277' },
  ],
  reads: [],
  consults: ['Endpoint', ...FLAG_LADDER],
  *evaluate(view): Iterable<Observation<ServingTlsEvidence> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    for (const instance of instances) yield* judgeFlags(instance, serverMinor(view))
    yield* remarks

    const endpoint = view.fact('Endpoint')
    const unread = view.unread('Endpoint')
    if (endpoint !== undefined) {
      yield* judgeHandshake(endpoint, view.now, instances.length > 0)
      if (instances.length === 0)
        yield shownByOne(view, 'evidence E2: the handshake; which cipher suites the server would also accept is not seen')
    } else if (view.source.kind === 'live')
      yield {
        unknown: `no handshake with the API server was made${unread === undefined ? '' : `: ${unread.because}`}`,
        answer: unread?.answer ?? 'let the scan connect to the API server',
      }
    else if (unknown !== undefined) yield unknown
    else yield { note: 'evidence E1: flags; the certificate itself is not among the files' }
  },
  remedy: mendServingTls,
  verify: 'A handshake with the old protocol or suite is refused, and kubectl verifies the certificate.',
})

function* judgeFlags(instance: ComponentInstance, minor: number | undefined): Iterable<Observation<ServingTlsEvidence>> {
  const on = (flag: string, severity: Severity, reason: string, detail: string, value?: string): Observation<ServingTlsEvidence> => ({
    ...flagFinding(instance, flag),
    severity,
    reason,
    detail,
    evidence: { grade: 'E1', flag, ...(value !== undefined && { value }) },
  })
  const oldest = effectiveFlag(instance, 'tls-min-version', minor).value ?? ''
  if (isOldProtocol(oldest)) yield on('tls-min-version', 'high', 'accepts TLS older than 1.2', `--tls-min-version=${oldest}`, oldest)
  const weak = listFlag(instance, 'tls-cipher-suites', minor).filter((suite) => weaknessOf(suite) !== undefined)
  if (weak.length > 0)
    yield on(
      'tls-cipher-suites',
      'high',
      'accepts weak cipher suites',
      weak.map((suite) => `${suite} (${weaknessOf(suite)})`).join(', '),
      weak.join(','),
    )
  const certificate = effectiveFlag(instance, 'tls-cert-file', minor).value
  const directory = effectiveFlag(instance, 'cert-dir', minor).value ?? '/var/run/kubernetes'
  // flagz shows the file that the server made for itself when it was given none.
  const selfMade =
    certificate === undefined ||
    effectiveFlag(instance, 'tls-private-key-file', minor).value === undefined ||
    certificate === `${directory}/apiserver.crt`
  if (selfMade && effectiveFlag(instance, 'tls-sni-cert-key', minor).value === undefined)
    yield on(
      'tls-cert-file',
      'high',
      'serves a certificate that it signed itself',
      '--tls-cert-file and --tls-private-key-file are not both set',
    )
  if (effectiveFlag(instance, 'client-ca-file', minor).value === undefined)
    yield on('client-ca-file', 'medium', 'cannot verify client certificates', '--client-ca-file is not set')
}

function* judgeHandshake(endpoint: EndpointFact, now: number, flagsSeen: boolean): Iterable<Observation<ServingTlsEvidence> | Remark> {
  const { host, tls } = endpoint
  const on = (key: string, severity: Severity, reason: string, detail: string, notAfter?: string): Observation<ServingTlsEvidence> => ({
    subject: CONTROL_PLANE,
    key,
    origin: 'workload',
    severity,
    reason,
    detail,
    evidence: { grade: 'E2', host, ...(notAfter !== undefined && { notAfter }) },
  })
  if (endpoint.scheme === 'http') {
    const local = endpoint.addresses.length > 0 && endpoint.addresses.every((address) => address.class === 'loopback')
    if (local)
      yield {
        unknown: 'the API server is reached through a local proxy that speaks plain HTTP, so its own TLS was not seen',
        answer: 'scan with the https address of the API server in the kubeconfig',
      }
    else yield on('http', 'critical', 'is reached without TLS', endpoint.url)
    return
  }
  if (tls === undefined) {
    yield {
      unknown: `the TLS handshake with ${host} did not succeed: ${endpoint.tlsError ?? 'no answer'}`,
      answer: 'make the API server reachable from here, directly or with proxy-url',
    }
    return
  }
  const left = Date.parse(tls.notAfter) - now
  if (left < 0) yield on('expiry', 'critical', 'serves a certificate that has expired', `since ${tls.notAfter}`, tls.notAfter)
  else if (left < 30 * DAY)
    yield on('expiry', 'medium', 'serves a certificate that expires within 30 days', `on ${tls.notAfter}`, tls.notAfter)
  if (!tls.verified && left >= 0)
    yield on(
      'verify',
      'high',
      'serves a certificate that cannot be verified',
      `${tls.problem ?? 'it does not verify'}${endpoint.hasCaData ? '' : '; the kubeconfig has no CA of its own'}`,
    )
  const accepted = [
    ...(isOldProtocol(tls.protocol) ? [tls.protocol] : []),
    ...Object.entries(tls.old)
      .filter(([, taken]) => taken === true)
      .map(([name]) => name),
  ]
  if (accepted.length > 0) yield on('protocol', 'high', 'accepts TLS older than 1.2', accepted.join(', '))
  else if (tls.old.TLSv1 === undefined || tls.old['TLSv1.1'] === undefined) {
    if (flagsSeen) yield { note: 'a handshake with TLS below 1.2 could not be tried from here; its flags refuse it' }
    else
      yield {
        unknown: 'whether TLS below 1.2 is accepted could not be tried from here',
        answer: `openssl s_client -tls1_1 -connect ${host}:${endpoint.port}`,
      }
  }
}
