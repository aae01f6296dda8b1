/** External issuers that an API server believes: from its --oidc-* flags, or the jwt list of an AuthenticationConfiguration (apiserver.config.k8s.io). */
import type { ConfigFile, Path, View } from '../model/index.ts'

/** `system:` is what Kubernetes keeps for itself: whoever may choose names without a prefix may choose one of its own. */
export interface Naming {
  /** Every name of the issuer begins with something other than `system:`, or is refused where it begins so. */
  readonly apart: 'yes' | 'no' | 'unseen'
  /** From the root of the file; absent for flags. */
  readonly at?: Path
}
export interface Issuer {
  readonly url: string
  readonly users: Naming
  /** Absent: no groups are taken from tokens. */
  readonly groups?: Naming
  /** Index in the jwt list. */
  readonly index?: number
  /** Which of `amr` and `acr` (OpenID Connect core, section 2) a rule of the file looks at: how somebody logged in. */
  readonly factor?: string
}

/** The file a flag names, where it is among those read. */
export function fileNamed(view: View<'AuthenticationConfiguration'>, path: string | undefined): ConfigFile | undefined {
  if (path === undefined) return undefined
  const files = view.all('AuthenticationConfiguration')
  return files.find((one) => one.metadata.name === path.split('/').at(-1)) ?? (files.length === 1 ? files[0] : undefined)
}

/** From `--oidc-issuer-url` and its kin; undefined where there is none. */
export function issuerOfFlags(flags: ReadonlyMap<string, string>): Issuer | undefined {
  const url = flags.get('oidc-issuer-url')
  if (!url) return undefined
  const { 'oidc-username-prefix': prefix, 'oidc-groups-claim': groupsClaim, 'oidc-groups-prefix': groupsPrefix } = Object.fromEntries(flags)
  // Unset: the issuer's URL stands before every name. An address of e-mail gets none, and is no name of Kubernetes' own.
  const byEmail = flags.get('oidc-username-claim') === 'email' && (prefix === undefined || prefix === '' || prefix === '-')
  const users: Naming = { apart: byEmail ? 'yes' : prefix === '-' || ownPrefix(prefix) ? 'no' : 'yes' }
  return { url, users, ...(groupsClaim && { groups: { apart: groupsPrefix && !ownPrefix(groupsPrefix) ? 'yes' : 'no' } }) }
}

/** What is wrong with an issuer, where it stands, and which flag says it. */
export interface IssuerFault {
  readonly lacks: 'url' | 'prefix'
  readonly at: Path
  readonly flag: string
  readonly reason: string
  readonly detail: string
  /** Nobody can tell from here. */
  readonly unseen: boolean
}
export function faultsOf({ url, users, groups, index = 0 }: Issuer): readonly IssuerFault[] {
  const namings = [
    { naming: users, flag: 'oidc-username-prefix', what: 'names', own: 'system:admin' },
    { naming: groups, flag: 'oidc-groups-prefix', what: 'groups', own: 'system:masters' },
  ]
  const https: IssuerFault = {
    lacks: 'url',
    at: ['jwt', index, 'issuer', 'url'],
    flag: 'oidc-issuer-url',
    reason: 'trusts an issuer that is not https',
    detail: url,
    unseen: false,
  }
  return [
    ...(url.startsWith('https://') ? [] : [https]),
    ...namings.flatMap(({ naming, flag, what, own }): IssuerFault[] =>
      naming === undefined || naming.apart === 'yes'
        ? []
        : [
            {
              lacks: 'prefix',
              at: naming.at ?? [],
              flag,
              reason:
                naming.apart === 'no'
                  ? `takes ${what} from its issuer without a prefix of their own`
                  : `makes ${what} by an expression that is not followed`,
              detail: `${url}: a token may carry ${own}`,
              unseen: naming.apart === 'unseen',
            },
          ],
    ),
  ]
}

interface Mapping {
  readonly claim?: string
  readonly prefix?: string
  readonly expression?: string
}
interface Authenticator {
  readonly issuer?: { readonly url?: string }
  readonly claimMappings?: { readonly username?: Mapping; readonly groups?: Mapping }
  readonly claimValidationRules?: readonly { readonly claim?: string; readonly expression?: string }[]
  readonly userValidationRules?: readonly { readonly expression?: string }[]
}

export function issuersOfFile(file: ConfigFile): readonly Issuer[] {
  const list = Array.isArray(file['jwt']) ? (file['jwt'] as readonly (Authenticator | null)[]) : []
  return list.flatMap((one, index): Issuer[] => {
    if (one === null || typeof one !== 'object') return []
    const { username, groups } = one.claimMappings ?? {}
    const rules = (one.userValidationRules ?? []).map(({ expression = '' }) => expression)
    return [
      {
        url: one.issuer?.url ?? '',
        index,
        ...factorOf(one),
        users: naming(
          username,
          rules.some((rule) => refusesOwn(rule, 'user.username')),
          ['jwt', index, 'claimMappings', 'username'],
        ),
        ...(groups !== undefined &&
          groups !== null && {
            groups: naming(
              groups,
              rules.some((rule) => refusesOwn(rule, 'user.groups')),
              ['jwt', index, 'claimMappings', 'groups'],
            ),
          }),
      },
    ]
  })
}

function factorOf({ claimValidationRules = [] }: Authenticator): { readonly factor?: string } {
  const said = claimValidationRules.map(({ claim = '', expression = '' }) => (claim === '' ? expression : `claims.${claim}`)).join(' ')
  const factor = /\bclaims(?:\.|\[['"])(amr|acr)\b/.exec(said)?.[1]
  return factor === undefined ? {} : { factor }
}

function naming(mapping: Mapping | undefined, refused: boolean, at: Path): Naming {
  if (refused) return { apart: 'yes', at }
  // What an expression makes is not followed, but for a fixed beginning.
  if (mapping?.expression) {
    const [, , fixed] = /^\s*(['"])([^'"\\]+)\1\s*\+/.exec(mapping.expression) ?? []
    return { apart: fixed === undefined ? 'unseen' : ownPrefix(fixed) ? 'no' : 'yes', at }
  }
  // An address of e-mail is no name of Kubernetes' own.
  if (mapping?.claim === 'email' && at.at(-1) === 'username') return { apart: ownPrefix(mapping.prefix) ? 'no' : 'yes', at }
  return { apart: mapping?.prefix && !ownPrefix(mapping.prefix) ? 'yes' : 'no', at }
}

/** Is a rule of the form that keeps names of Kubernetes' own out? */
const refusesOwn = (rule: string, what: string): boolean => {
  const text = rule.replaceAll(/\s/g, '').replaceAll('"', "'")
  return (
    text === `!${what}.startsWith('system:')` ||
    (/^user\.groups\.all\((\w+),!\1\.startsWith\('system:'\)\)$/.test(text) && what === 'user.groups') ||
    (/^!user\.groups\.exists\((\w+),\1\.startsWith\('system:'\)\)$/.test(text) && what === 'user.groups')
  )
}

/** Could a name that begins so become one of Kubernetes' own? `s` before `ystem:masters` does. */
export const ownPrefix = (prefix: string | undefined): boolean =>
  prefix !== undefined && prefix !== '' && (prefix.startsWith('system:') || 'system:'.startsWith(prefix))

/** Where people log in with one of these, the API server believes an issuer beyond its own certificates. */
const OIDC_PLUGINS = /^(kubelogin|kubectl-oidc_login|kubectl oidc-login|kubectl-oidc-login|pinniped|int128-kubelogin)$/
const PROVIDER_PLUGINS: Readonly<Record<string, string>> = {
  aws: 'AWS IAM',
  'aws-iam-authenticator': 'AWS IAM',
  'gke-gcloud-auth-plugin': 'Google identity',
  'kubelogin-azure': 'Entra ID',
  oci: 'OCI IAM',
  doctl: 'DigitalOcean',
  ibmcloud: 'IBM Cloud IAM',
}
/** Whom a credential plugin asks: an identity provider, that of a cloud, or nobody we know. */
export function identityBehind(command: string | undefined): string | undefined {
  if (command === undefined) return undefined
  return OIDC_PLUGINS.test(command) ? 'an OpenID Connect provider' : PROVIDER_PLUGINS[command]
}
