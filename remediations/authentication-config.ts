/** People through an identity provider: the jwt list of an AuthenticationConfiguration (KEP-3331), in the one file that the API server reads. */
import { remedy } from '../src/model/define.ts'
import type { Change, Edit, Finding, Json, Path, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { fileNamed, type issuersOfFile, ownPrefix } from '../src/objects/authentication.ts'
import { componentFlags, FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { refOf } from '../src/objects/ref.ts'
import { authenticationFile, authenticationText, proposeAuthentication } from './authentication-file.ts'
import { apiServerNodes } from './flag-hosts.ts'
import { again, authenticatorFor, IDENTITY_OPTIONS, OWN_NAMES, prefixOf, providerOf } from './identity-provider.ts'
import { oidcFlags, providerOfFlags } from './oidc-flags.ts'

/** Evidence of findings that this remedy mends. */
export interface IssuerEvidence {
  /** `none`: nobody but Kubernetes itself vouches for people. `prefix`: names at this place have none. `url`: the issuer is not https. */
  readonly lacks: 'none' | 'prefix' | 'url'
  readonly at?: Path
  readonly index?: number
}

export const trustIssuer: Remedy<IssuerEvidence> = remedy<IssuerEvidence>({
  family: 'authentication-config',
  reads: [...FLAG_LADDER, 'AuthenticationConfiguration'],
  options: IDENTITY_OPTIONS,
  propose(finding, context) {
    const { view } = context
    const { instances } = componentFlags(view, 'kube-apiserver')
    const flags = instances.map((instance) => instance.flags)
    const minor = serverMinor(view)
    if (minor !== undefined && minor < 30)
      return { byHand: `Kubernetes 1.${minor} reads no AuthenticationConfiguration (1.30 does): ${BY_FLAGS}` }
    const named = flags.map((set) => set.get('authentication-config')).find((path) => path !== undefined && path !== '')
    const file = fileNamed(view, named)
    if (named !== undefined && file === undefined)
      return {
        byHand: `in ${named} on every control-plane node add to jwt an entry for the identity provider, with a prefix for names and groups`,
      }
    const { lacks, index } = finding.evidence
    if (lacks === 'prefix' && file !== undefined && index !== undefined) {
      const prefix = prefixOf(context.options['prefix'])
      if (typeof prefix !== 'string') return prefix
      return turnOn(finding, context, { type: 'edit', target: refOf(file), edits: prefixEdits(file, index, prefix) }, named)
    }
    const provider = providerOfFlags(instances, context.options, false) ?? providerOf(context.options)
    if (!('issuer' in provider)) return provider
    const own = flags.flatMap((set) => set.get('service-account-issuer')?.split(',') ?? [])
    if (own.includes(provider.issuer)) return again('issuer', 'that is the issuer of service accounts; which one is for people?')
    const entry = authenticatorFor(provider)
    if (file !== undefined)
      return turnOn(
        finding,
        context,
        { type: 'edit', target: refOf(file), edits: [{ set: ['jwt'], to: withEntry(file['jwt'], entry, index) }] },
        named,
      )
    return turnOn(finding, context, authenticationFile(authenticationText({ jwt: [entry] }, minor), apiServerNodes(context.view)), named)
  },
})

const BY_FLAGS =
  'set --oidc-issuer-url, --oidc-client-id, --oidc-username-prefix=oidc: and --oidc-groups-claim with --oidc-groups-prefix=oidc: on every API server, one after the other'

const withEntry = (jwt: unknown, entry: Json, index: number | undefined): readonly Json[] => {
  const list = (Array.isArray(jwt) ? jwt : []) as readonly Json[]
  return index === undefined ? [...list, entry] : list.map((one, at) => (at === index ? entry : one))
}

/** A prefix where there is none; an expression stays as it is, and the rules keep names of Kubernetes' own out of it. */
function prefixEdits(file: Parameters<typeof issuersOfFile>[0], index: number, prefix: string): readonly Edit[] {
  const entry = (file['jwt'] as readonly { readonly [key: string]: Json }[])[index]!
  const mappings = (entry['claimMappings'] ?? {}) as Readonly<
    Record<string, { readonly claim?: string; readonly expression?: string; readonly prefix?: string }>
  >
  const prefixed = Object.fromEntries(
    Object.entries(mappings).map(([key, mapping]) => [
      key,
      (key === 'username' || key === 'groups') && mapping?.claim && (!mapping.prefix || ownPrefix(mapping.prefix))
        ? { ...mapping, prefix }
        : mapping,
    ]),
  )
  const rules = ((entry['userValidationRules'] ?? []) as readonly { readonly expression?: string }[]).filter(
    (rule) => !OWN_NAMES.some(({ expression }) => expression === rule.expression),
  )
  const mended = { ...entry, claimMappings: prefixed, userValidationRules: [...rules, ...OWN_NAMES] } as Json
  return [{ set: ['jwt'], to: withEntry(file['jwt'], mended, index) }]
}

function turnOn(finding: Finding<IssuerEvidence>, context: RemedyContext, change: Change, named: string | undefined): Proposal {
  const migrated = oidcFlags(componentFlags(context.view, 'kube-apiserver').instances).map((flag) => [flag, null] as const)
  return proposeAuthentication(
    {
      change,
      named,
      flags: Object.fromEntries(migrated),
      first: [
        'before anything else: try a client certificate that does not depend on the identity provider (on a control-plane node: kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes) and keep it offline for the day the provider is down',
        'bind roles to the new names before people need them: kubectl create clusterrolebinding NAME --clusterrole=ROLE --group=PREFIXGROUP, the prefix written out',
      ],
      verify: [
        'log in through the identity provider: kubectl auth whoami shows the name and the groups with their prefix',
        'keep the session that you have now open until that works',
      ],
      summary:
        finding.evidence.lacks === 'none'
          ? 'let people log in through the identity provider'
          : 'keep the names of the identity provider apart',
      mayBreak: [
        'a wrong issuer or claim lets nobody in through the identity provider: certificates and service accounts go on as before',
        ...(finding.evidence.lacks === 'none'
          ? []
          : ['bindings that name people or groups without the prefix grant them nothing any more']),
      ],
    },
    finding,
    context,
  )
}
