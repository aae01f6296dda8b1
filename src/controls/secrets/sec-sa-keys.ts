import { type KeyEvidence, mendTokenKeys } from '../../../remediations/token-keys.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import {
  CONTROL_PLANE,
  type ComponentInstance,
  componentFlags,
  effectiveFlag,
  FLAG_LADDER,
  flagFinding,
  isOn,
  listFlag,
  serverMinor,
} from '../../objects/flags.ts'

type Found = Observation<KeyEvidence> | Remark

export default control({
  title: 'Tokens of service accounts must be signed with a key of their own, by an issuer that others can verify',
  severity: 'medium',
  why: 'Whoever has the key can be any service account. A key that also serves TLS is in more hands, and a token whose account is not looked up is good after the account is gone.',
  references: [
    ...['1.2.21', '1.2.22', '1.3.4', '1.3.5'].map((section) => ({ standard: 'CIS' as const, section })),
    ...['C-0135', 'C-0136', 'C-0147', 'C-0148'].map((section) => ({ standard: 'KS' as const, section })),
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'IssuerDiscovery'],
  *evaluate(view): Iterable<Found> {
    const minor = serverMinor(view)
    const servers = componentFlags(view, 'kube-apiserver')
    for (const instance of servers.instances) yield* verifying(instance, minor)
    const managers = componentFlags(view, 'kube-controller-manager')
    for (const instance of managers.instances) yield* signing(instance)
    yield* [...servers.remarks, ...managers.remarks]
    if (managers.unknown !== undefined) yield managers.unknown
    if (servers.unknown === undefined) return
    yield servers.unknown
    const discovery = view.fact('IssuerDiscovery')
    if (discovery === undefined) return
    if (isHttps(discovery.issuer)) yield { note: `the issuer of tokens is ${discovery.issuer}` }
    else
      yield {
        subject: CONTROL_PLANE,
        key: 'issuer',
        origin: 'workload',
        severity: 'low',
        reason: 'issues tokens under a name that is no https address',
        detail: `/.well-known/openid-configuration names ${discovery.issuer}`,
        evidence: { component: 'kube-apiserver', lacks: 'issuer' },
      }
  },
  remedy: mendTokenKeys,
  verify: 'kubectl create token default, then kubectl --token=… auth whoami, names the service account; pods talk to the API as before.',
})

function* verifying(instance: ComponentInstance, minor: number | undefined): Iterable<Found> {
  const on = (flag: string, lacks: KeyEvidence['lacks'], reason: string, detail: string): Observation<KeyEvidence> => ({
    ...flagFinding(instance, flag),
    reason,
    detail: `${detail} in ${instance.name}`,
    evidence: { component: 'kube-apiserver', lacks },
  })
  const tls = [effectiveFlag(instance, 'tls-private-key-file', minor).value, effectiveFlag(instance, 'tls-cert-file', minor).value]
  const keys = listFlag(instance, 'service-account-key-file', minor)
  const shared = [...keys, ...listFlag(instance, 'service-account-signing-key-file', minor)].find((file) => tls.includes(file))
  // KEP-740: a signer outside of the API server has the keys, and the flags that name files are refused beside it.
  const isOutside = (instance.flags.get('service-account-signing-endpoint') ?? '') !== ''
  if (isOutside) yield { note: `${instance.name} has its tokens signed by another program, whose keys are not looked at` }
  else if (keys.length === 0)
    yield on(
      'service-account-key-file',
      'key',
      'verifies tokens with the key of its TLS certificate',
      '--service-account-key-file is not set',
    )
  else if (shared !== undefined)
    yield on('service-account-key-file', 'key', 'uses the key of its TLS certificate for tokens', `${shared} serves both`)
  if (!isOn(instance, 'service-account-lookup', minor))
    yield {
      ...on(
        'service-account-lookup',
        'lookup',
        'takes tokens of service accounts that are gone',
        `--service-account-lookup=${instance.flags.get('service-account-lookup')}`,
      ),
      severity: 'high',
    }
  const [issuer] = listFlag(instance, 'service-account-issuer', minor)
  if (issuer === undefined || !isHttps(issuer))
    yield {
      ...on(
        'service-account-issuer',
        'issuer',
        'issues tokens under a name that is no https address',
        issuer === undefined ? '--service-account-issuer is not set' : `--service-account-issuer=${issuer}`,
      ),
      severity: 'low',
    }
}

function* signing(instance: ComponentInstance): Iterable<Found> {
  for (const [flag, lacks, reason] of [
    ['service-account-private-key-file', 'private-key', 'has no key to sign tokens with'],
    ['root-ca-file', 'root-ca', 'gives pods no certificate authority to know the API server by'],
  ] as const)
    if (!instance.flags.get(flag))
      yield {
        ...flagFinding(instance, flag),
        severity: 'low',
        reason,
        detail: `--${flag} is not set in ${instance.name}`,
        evidence: { component: 'kube-controller-manager', lacks },
      }
}

const isHttps = (issuer: string): boolean => URL.canParse(issuer) && new URL(issuer).protocol === 'https:'
