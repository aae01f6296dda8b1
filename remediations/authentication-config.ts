/** People through an identity provider: the jwt list of an AuthenticationConfiguration (KEP-3331), in the one file that the API server reads. */
import { stringify } from 'yaml'
import { remedy } from '../src/model/define.ts'
import type { Change, Edit, Finding, Json, Path, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { fileNamed, type issuersOfFile, ownPrefix } from '../src/objects/authentication.ts'
import { componentFlags, FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { refOf } from '../src/objects/ref.ts'
import { authenticationFile, authenticationVersion, proposeAuthentication } from './anonymous-requests.ts'
import { again, authenticatorFor, IDENTITY_OPTIONS, OWN_NAMES, type Provider, prefixOf, providerOf } from './identity-provider.ts'

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
    const flags = componentFlags(view, 'kube-apiserver').instances.map((instance) => instance.flags)
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
    const fromFlags = flags.find((set) => set.get('oidc-issuer-url'))
    if (fromFlags?.get('oidc-ca-file') || fromFlags?.get('oidc-required-claim'))
      return {
        byHand: `move --oidc-* into an AuthenticationConfiguration: the text of ${fromFlags.get('oidc-ca-file') || 'no CA file'} as issuer.certificateAuthority, --oidc-required-claim as claimValidationRules, and a prefix for names and groups`,
      }
    if (lacks === 'prefix' && file !== undefined && index !== undefined) {
      const prefix = prefixOf(context.options['prefix'])
      if (typeof prefix !== 'string') return prefix
      return turnOn(finding, context, { type: 'edit', target: refOf(file), edits: prefixEdits(file, index, prefix) }, named)
    }
    const asked = providerOf(fromFlags === undefined ? context.options : ofFlags(fromFlags, context.options))
    if ('needs' in asked) return asked
    const provider =
      fromFlags === undefined
        ? asked
        : { issuer: asked.issuer, audiences: asked.audiences, ...namesOfFlags(fromFlags, asked.issuer, asked.username.prefix) }
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
    return turnOn(finding, context, authenticationFile(authenticationText([entry], minor)), named)
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
  const flags = componentFlags(context.view, 'kube-apiserver').instances.flatMap((instance) => [...instance.flags.keys()])
  const migrated = [...new Set(flags.filter((flag) => flag.startsWith('oidc-')))].map((flag) => [flag, null] as const)
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

/** The API server reads YAML 1.1, where a claim named `y` is a boolean. */
const AS_QUOTED = { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' } as const

/** The file's text, with these entries of its jwt list. */
export function authenticationText(jwt: readonly Json[], minor: number | undefined): string {
  const content = { apiVersion: authenticationVersion(minor), kind: 'AuthenticationConfiguration', jwt }
  const comment =
    '# Who vouches for people. A change of "jwt" is taken up within a minute; one of "anonymous" needs a restart of the API server.\n'
  return `${comment}${stringify(content, AS_QUOTED)}`
}

// ── from flags to the file ─────────────────────────────────────────────────────────────────────
/** Values of the flags that the file takes the place of; an operator's own choice wins. */
const ofFlags = (
  flags: ReadonlyMap<string, string>,
  { prefix, audience, issuer }: Readonly<Record<string, Json>>,
): Record<string, Json> => ({
  issuer: issuer || (flags.get('oidc-issuer-url') ?? ''),
  audience: audience || (flags.get('oidc-client-id') ?? ''),
  ...(prefix && { prefix }),
})

/** Names that stand apart already stay what they are: bindings hold them. */
function namesOfFlags(flags: ReadonlyMap<string, string>, issuer: string, prefix: string): Pick<Provider, 'username' | 'groups'> {
  const claim = flags.get('oidc-username-claim') || 'sub'
  const groups = flags.get('oidc-groups-claim')
  const before = flags.get('oidc-username-prefix') || (claim === 'email' ? '' : `${issuer}#`)
  const groupsBefore = flags.get('oidc-groups-prefix')
  return {
    username: { claim, prefix: before === '-' || ownPrefix(before) ? (claim === 'email' ? '' : prefix) : before },
    ...(groups && { groups: { claim: groups, prefix: groupsBefore && !ownPrefix(groupsBefore) ? groupsBefore : prefix } }),
  }
}
