/** An identity provider as an operator names it, checked as the API server checks it, and as an entry of its jwt list (apiserver.config.k8s.io). */
import type { Json, Proposal, RemedyOption } from '../src/model/index.ts'
import { ownPrefix } from '../src/objects/authentication.ts'

export const IDENTITY_OPTIONS = {
  issuer: { describe: 'the https URL of the identity provider, exactly as it stands in the tokens (iss)' },
  audience: { describe: 'the client ID that the tokens are made for (aud); several with commas between them' },
  'username-claim': { describe: 'the claim that names a person', default: 'sub' },
  'groups-claim': { describe: 'the claim that lists the groups of a person', default: 'groups' },
  prefix: { describe: 'what stands before every name and group that comes from there', default: 'oidc:' },
} as const satisfies Record<string, RemedyOption>

export interface Provider {
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly username: Named
  /** Absent: no groups are taken from tokens. */
  readonly groups?: Named
}
export interface Named {
  readonly claim: string
  /** Empty where the claim is an address of e-mail that stands for itself. */
  readonly prefix: string
}

/** One entry of the jwt list. Names get the prefix, and none of Kubernetes' own is believed whatever the provider says. */
export function authenticatorFor({ issuer, audiences, username, groups }: Provider): { readonly [key: string]: Json } {
  return {
    issuer: { url: issuer, audiences, ...(audiences.length > 1 && { audienceMatchPolicy: 'MatchAny' }) },
    claimValidationRules: [
      {
        expression: 'has(claims.exp) && has(claims.iat) && claims.exp - claims.iat <= 86400',
        message: 'a token may live for a day at most',
      },
      ...(username.claim === 'email'
        ? [{ expression: 'has(claims.email_verified) && claims.email_verified == true', message: 'the e-mail address must be verified' }]
        : [{ expression: '!has(claims.email_verified) || claims.email_verified == true', message: 'the e-mail address must be verified' }]),
    ],
    claimMappings: { username: { ...username }, ...(groups !== undefined && { groups: { ...groups } }) },
    userValidationRules: OWN_NAMES,
  }
}
/** Whatever the provider says: what begins so is for Kubernetes itself. */
export const OWN_NAMES: readonly { readonly expression: string; readonly message: string }[] = [
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
export function providerOf(options: Readonly<Record<string, Json>>): Provider | Needs {
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
  const prefix = prefixOf(text('prefix'))
  return typeof prefix === 'string'
    ? { issuer, audiences, username: { claim: usernameClaim, prefix }, groups: { claim: groupsClaim, prefix } }
    : prefix
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
