import { type IssuerEvidence, trustIssuer } from '../../../remediations/authentication-config.ts'
import { control } from '../../model/define.ts'
import type { ConfigFile, Observation, Remark } from '../../model/index.ts'
import { shownByOne } from '../../objects/api-servers.ts'
import { faultsOf, fileNamed, type Issuer, identityBehind, issuerOfFlags, issuersOfFile } from '../../objects/authentication.ts'
import { distribution } from '../../objects/distribution.ts'
import { type ComponentInstance, componentFlags, FLAG_LADDER, flagFinding } from '../../objects/flags.ts'
import { refOf } from '../../objects/ref.ts'

export default control({
  title: 'People must log in through an identity provider, under names that cannot pass for Kubernetes’ own',
  severity: 'high',
  why: 'Certificates and tokens outlive the people they were made for, and nobody can take them back. An identity provider asks for a second factor, and locks somebody out everywhere at once.',
  references: [
    { standard: 'CIS', section: '3.1.1' },
    { standard: 'CIS', section: '3.1.2' },
    { standard: 'CIS', section: '3.1.3' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K06' },
    { standard: 'OWASP', section: '2025/K09' },
    { standard: 'KS', section: 'C-0286' },
    { standard: 'KS', section: 'C-0287' },
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'AuthenticationConfiguration', 'Credential', 'ApiServerMetrics'],
  *evaluate(view): Iterable<Observation<IssuerEvidence> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    const command = view.fact('Credential')?.current.command
    const identity = view.fact('Credential')?.me === undefined ? undefined : identityBehind(command)
    const { name, managed, certain } = distribution(view)
    let trusted = identity !== undefined && instances.length === 0
    for (const instance of instances) yield* judge(instance)
    if (trusted) yield MFA
    yield* remarks
    if (instances.length > 0) return
    if (identity !== undefined) yield shownByOne(view, `evidence E3: the API server takes what ${command} brings, which asks ${identity}`)
    else if (managed && certain && PROMISED[name] !== undefined) yield { attested: `${PROMISED[name]}; whether people use it is not seen` }
    else yield { ...unknown!, answer: `${unknown!.answer}${MANAGED[name] ?? ''}` }

    function* judge(instance: ComponentInstance): Iterable<Observation<IssuerEvidence> | Remark> {
      const path = instance.flags.get('authentication-config')
      const file = fileNamed(view, path || undefined)
      if (path && file === undefined) {
        const reloaded = view
          .fact('ApiServerMetrics')
          ?.samples.some(({ name }) => name.startsWith('apiserver_authentication_config_controller_'))
        yield {
          unknown: `which issuers ${path} names is not seen${reloaded ? ', only that it is read' : ''}`,
          answer: `scan ${path} with --manifests`,
        }
        return
      }
      const byFlags = issuerOfFlags(instance.flags)
      const issuers = [...(file === undefined ? [] : issuersOfFile(file)), ...(byFlags === undefined ? [] : [byFlags])]
      for (const issuer of issuers) yield* judgeIssuer(issuer, instance, file)
      for (const { url, factor } of issuers)
        if (factor !== undefined)
          yield { note: `evidence E1: a rule looks at ${factor} in the tokens of ${url}, which says how somebody logged in` }
      trusted ||= issuers.length > 0
      if (issuers.length > 0) return
      if (instance.flags.get('authentication-token-webhook-config-file')) {
        if (managed || identity !== undefined) {
          yield {
            note: `a webhook of the provider says who a token belongs to${identity === undefined ? '' : `: ${command} asks ${identity}`}`,
          }
          trusted = true
        } else
          yield {
            ...flagFinding(instance, 'authentication-token-webhook-config-file'),
            verdict: 'review',
            reason: 'asks a webhook who a token belongs to',
            detail: 'which identity provider stands behind it is not seen',
            evidence: { lacks: 'none' },
          }
        return
      }
      yield {
        ...flagFinding(instance, 'oidc-issuer-url'),
        reason: 'trusts no identity provider',
        detail:
          identity === undefined
            ? 'people can log in with certificates and tokens only'
            : `yet ${command} gets in, so something stands before it`,
        ...(identity !== undefined && { verdict: 'review' as const }),
        evidence: { lacks: 'none' },
      }
    }
  },
  remedy: trustIssuer,
  verify: 'After a login through the identity provider kubectl auth whoami shows the name and the groups with their prefix.',
})

const MFA: Remark = {
  note: 'a second factor cannot be seen from here, but tokens that do not speak of one can be refused (--set authn-oidc-users.require-claim=amr=mfa); ask whoever runs the identity provider: is one demanded of everybody who may reach this cluster, also for sessions that are renewed; how soon does somebody who left lose access; who may change group membership; is there a tried way in for the day it is down',
}
const PROMISED: Readonly<Record<string, string>> = {
  eks: 'EKS documents that people are known by AWS IAM',
  gke: 'GKE documents that people are known by their Google identity',
  oke: 'OKE documents that people are known by OCI IAM',
}
const MANAGED: Readonly<Record<string, string>> = {
  aks: ' --query "{entra:aadProfile,localAccountsOff:disableLocalAccounts}"',
}

function* judgeIssuer(issuer: Issuer, instance: ComponentInstance, file: ConfigFile | undefined): Iterable<Observation<IssuerEvidence>> {
  const inFile = issuer.index !== undefined && file !== undefined
  for (const { lacks, at, flag, reason, detail, unseen } of faultsOf(issuer))
    yield {
      ...(inFile ? { subject: refOf(file), at, key: at.join('.'), origin: 'workload' as const } : flagFinding(instance, flag)),
      reason,
      detail,
      ...(unseen && { verdict: 'review' as const }),
      evidence: { lacks, ...(issuer.index !== undefined && { index: issuer.index }) },
    }
}
