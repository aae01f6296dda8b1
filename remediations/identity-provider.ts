/** An identity provider as an operator names it, checked as the API server checks it, and as an entry of its jwt list (apiserver.config.k8s.io). */
import { X509Certificate } from 'node:crypto'
import type { Json, Proposal, RemedyOption } from '../src/model/index.ts'
import { ownPrefix } from '../src/objects/authentication.ts'

export const IDENTITY_OPTIONS = {
  issuer: { describe: 'the https URL of the identity provider, exactly as it stands in the tokens (iss)' },
  audience: { describe: 'the client ID that the tokens are made for (aud); several with commas between them' },
  'username-claim': { describe: 'the claim that names a person', default: 'sub' },
  'groups-claim': { describe: 'the claim that lists the groups of a person', default: 'groups' },
  prefix: { describe: 'what stands before every name and group that comes from there', default: 'oidc:' },
  'certificate-authority': {
    describe:
      'PEM text of the authority behind the issuer’s own certificate, where the machine’s list does not have it; on one line with \\n for line ends',
    default: '',
  },
  'require-claim': {
    describe: 'NAME=VALUE that every token must say, such as amr=mfa: the value itself, or one of a list',
    default: '',
  },
} as const satisfies Record<string, RemedyOption>

export interface Rule {
  readonly [key: string]: string
}
export interface Provider {
  readonly issuer: string
  readonly audiences: readonly string[]
  /** PEM. */
  readonly certificateAuthority?: string
  readonly username: Named
  /** Absent: no groups are taken from tokens. */
  readonly groups?: Named
  /** claimValidationRules, and userValidationRules. */
  readonly rules: readonly Rule[]
  readonly userRules: readonly Rule[]
}
/** What an operator asked for; `factor` is the message of the rule that `require-claim` makes. */
export interface AskedProvider extends Provider {
  readonly factor?: string
}
export interface Named {
  readonly claim: string
  /** Empty where the claim is an address of e-mail that stands for itself. */
  readonly prefix: string
}

/** One entry of the jwt list. Names get the prefix, and none of Kubernetes' own is believed whatever the provider says. */
export function authenticatorFor(provider: Provider): { readonly [key: string]: Json } {
  const { issuer, audiences, certificateAuthority, username, groups, rules, userRules } = provider
  return {
    issuer: {
      url: issuer,
      ...(certificateAuthority !== undefined && { certificateAuthority }),
      audiences,
      ...(audiences.length > 1 && { audienceMatchPolicy: 'MatchAny' }),
    },
    ...(rules.length > 0 && { claimValidationRules: rules }),
    claimMappings: { username: { ...username }, ...(groups !== undefined && { groups: { ...groups } }) },
    ...(userRules.length > 0 && { userValidationRules: userRules }),
  }
}
const DAY_AT_MOST: Rule = {
  expression: 'has(claims.exp) && has(claims.iat) && claims.exp - claims.iat <= 86400',
  message: 'a token may live for a day at most',
}
const VERIFIED: Rule = {
  expression: 'has(claims.email_verified) && claims.email_verified == true',
  message: 'the e-mail address must be verified',
}

/**
 * CEL that a claim says a value, or has it in a list; where there is no such claim, the expression fails, and the token with it (`in` is
 * not to be had of `claims`). Neither name nor value can end the text they stand in; two underscores in a name are an escape there.
 */
function ruleFor(text: string): Rule | undefined {
  const [, name, value] = /^([^\s='"\\]{1,256})=([^'"\\\s]{1,256})$/.exec(text) ?? []
  if (name === undefined || value === undefined || !isPlain(name) || !isPlain(value) || name.includes('__')) return undefined
  const claim = `claims['${name}']`
  const isBoolean = value === 'true' || value === 'false'
  const says = `type(${claim}) == list ? '${value}' in ${claim} : ${claim} == ${isBoolean ? value : `'${value}'`}`
  return {
    expression: name === 'amr' || name === 'acr' ? `has(claims.${name}) && (${says})` : says,
    message: `the claim ${name} must say ${value}`,
  }
}

/** One or more certificates, as PEM; undefined for anything else, a private key above all. */
export function certificatesOf(given: Json | undefined): string | undefined {
  const said = String(given ?? '')
    .replaceAll('\\n', '\n')
    .trim()
  const text = said.startsWith('-----BEGIN') ? said : Buffer.from(said, 'base64').toString('latin1').trim()
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0 || text.includes('PRIVATE KEY')) return undefined
  try {
    return `${blocks.map((block) => new X509Certificate(block).toString().trim()).join('\n')}\n`
  } catch {
    return undefined
  }
}

/** Whatever the provider says: what begins so is for Kubernetes itself. */
export const OWN_NAMES: readonly Rule[] = [
  { expression: "!user.username.startsWith('system:')", message: 'names that begin with system: are for Kubernetes itself' },
  {
    expression: "user.groups.all(group, !group.startsWith('system:'))",
    message: 'groups that begin with system: are for Kubernetes itself',
  },
]

// ── what the operator says ─────────────────────────────────────────────────────────────────────
export type Needs = Extract<Proposal, { needs: unknown }>
export const again = (option: keyof typeof IDENTITY_OPTIONS, question: string): Needs => ({ needs: { option, question } })

/** The options as the API server will take them, or the question for the first that it would refuse. */
export function providerOf(options: Readonly<Record<string, Json>>): AskedProvider | Needs {
  const text = (name: keyof typeof IDENTITY_OPTIONS) =>
    String(options[name] ?? ('default' in IDENTITY_OPTIONS[name] ? IDENTITY_OPTIONS[name].default : ''))
  const issuer = text('issuer')
  if (!isIssuer(issuer))
    return again(
      'issuer',
      `Which identity provider vouches for people? Its https URL as in the tokens, without password, query or fragment${issuer === '' ? '' : ' (what was given is none)'}`,
    )
  const audiences = [
    ...new Set(
      text('audience')
        .split(',')
        .map((one) => one.trim()),
    ),
  ].filter((one) => one !== '')
  if (audiences.length === 0 || !audiences.every(isPlain))
    return again('audience', 'For which client ID does the identity provider make its tokens?')
  const [usernameClaim, groupsClaim] = [text('username-claim'), text('groups-claim')]
  if (!isPlain(usernameClaim)) return again('username-claim', 'Which claim of the tokens names a person?')
  if (!isPlain(groupsClaim)) return again('groups-claim', 'Which claim of the tokens lists groups?')
  const certificateAuthority = certificatesOf(options['certificate-authority'])
  if (text('certificate-authority') !== '' && certificateAuthority === undefined)
    return again(
      'certificate-authority',
      'Which certificate stands behind the issuer? PEM text, no private key, on one line with \\n for line ends',
    )
  const factor = text('require-claim') === '' ? undefined : ruleFor(text('require-claim'))
  if (text('require-claim') !== '' && factor === undefined)
    return again('require-claim', 'What must every token say? NAME=VALUE, such as amr=mfa, without quotes and blanks')
  const prefix = prefixOf(text('prefix'))
  if (typeof prefix !== 'string') return prefix
  return {
    issuer,
    audiences,
    ...(certificateAuthority !== undefined && { certificateAuthority }),
    username: { claim: usernameClaim, prefix },
    groups: { claim: groupsClaim, prefix },
    rules: [DAY_AT_MOST, ...(usernameClaim === 'email' ? [VERIFIED] : []), ...(factor === undefined ? [] : [factor])],
    userRules: OWN_NAMES,
    ...(factor !== undefined && { factor: factor['message']! }),
  }
}

/** Printable, without blanks. */
const isPlain = (value: string): boolean => /^[\x21-\x7e]{1,256}$/.test(value)

function isIssuer(text: string): boolean {
  // What a URL parser mends silently would differ from the token's own words.
  if (!isPlain(text) || !/^https:\/\/[^\\^`{}|<>"%@?#[\]]+$/.test(text) || !URL.canParse(text)) return false
  const { protocol, username, password, search, hash, host } = new URL(text)
  return protocol === 'https:' && host !== '' && username === '' && password === '' && search === '' && hash === ''
}

export function prefixOf(value: Json | undefined): string | Needs {
  const prefix = String(value ?? IDENTITY_OPTIONS.prefix.default)
  return isPlain(prefix) && prefix !== '-' && !ownPrefix(prefix)
    ? prefix
    : again('prefix', 'What shall stand before every name of the identity provider? Not "-", and nothing that could become system:')
}
