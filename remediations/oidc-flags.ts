/** From the `--oidc-*` flags of API servers to an entry of a jwt list (KEP-3331): the two exclude each other, so whoever writes the file moves the flags. */
import type { Json, Proposal } from '../src/model/index.ts'
import { ownPrefix } from '../src/objects/authentication.ts'
import type { ComponentInstance } from '../src/objects/flags.ts'
import { certificatesOf, IDENTITY_OPTIONS, type Named, type Needs, OWN_NAMES, type Provider, providerOf } from './identity-provider.ts'

/** Options of a remedy that may have to move flags. */
export const MIGRATION_OPTIONS = {
  issuer: IDENTITY_OPTIONS.issuer,
  audience: IDENTITY_OPTIONS.audience,
  prefix: IDENTITY_OPTIONS.prefix,
  'certificate-authority': IDENTITY_OPTIONS['certificate-authority'],
  'require-claim': IDENTITY_OPTIONS['require-claim'],
}
type ByHand = Extract<Proposal, { byHand: string }>
type Flags = ReadonlyMap<string, string>

/** Which flags there are to take away. Where every flag is listed with its default, those that nobody set are none. */
export const oidcFlags = (instances: readonly ComponentInstance[]): readonly string[] => [
  ...new Set(
    instances.flatMap(({ flags, effective }) =>
      [...flags].flatMap(([name, value]) => (name.startsWith('oidc-') && !(effective && isDefault(flags, name, value)) ? [name] : [])),
    ),
  ),
]
const isDefault = (flags: Flags, name: string, value: string): boolean =>
  value === '' || (!flags.get('oidc-issuer-url') && (name === 'oidc-username-claim' || name === 'oidc-signing-algs'))

/**
 * The issuer that the flags name, undefined where they name none. `keepNames`: everybody is called what they were called before, even
 * where such a name could pass for one of Kubernetes' own.
 */
export function providerOfFlags(
  instances: readonly ComponentInstance[],
  options: Readonly<Record<string, Json>>,
  keepNames: boolean,
): Provider | Needs | ByHand | undefined {
  const all = instances.map(({ flags }) => flags).filter((flags) => flags.get('oidc-issuer-url'))
  const [flags, ...others] = all
  if (flags === undefined) return undefined
  const said = (one: Flags) => JSON.stringify(MEANING.map((name) => one.get(name) ?? ''))
  if (others.some((one) => said(one) !== said(flags)))
    return { byHand: 'the API servers do not agree on their --oidc-* flags: make them the same on every one first' }
  const asked = providerOf({
    issuer: options['issuer'] || flags.get('oidc-issuer-url')!,
    audience: options['audience'] || (flags.get('oidc-client-id') ?? ''),
    ...(options['prefix'] !== undefined && { prefix: options['prefix'] }),
    'certificate-authority': options['certificate-authority'] ?? '',
    'require-claim': options['require-claim'] ?? '',
  })
  if ('needs' in asked) return asked
  const file = flags.get('oidc-ca-file')
  if (file && certificatesOf(options['certificate-authority']) === undefined)
    return {
      needs: {
        option: 'certificate-authority',
        question: `What does ${file} on the control-plane nodes hold? Its PEM text, on one line with \\n for line ends`,
      },
    }
  const required = requiredClaims(flags.get('oidc-required-claim'))
  if (required === undefined) return { byHand: 'the value of --oidc-required-claim is not of the form NAME=VALUE: mend it first' }
  const names = namesOfFlags(flags, asked.issuer, asked.username.prefix, keepNames)
  const isApart = [names.username, names.groups].every(
    (one) => one === undefined || one.claim === 'email' || (one.prefix !== '' && !ownPrefix(one.prefix)),
  )
  return {
    issuer: asked.issuer,
    audiences: asked.audiences,
    ...(asked.certificateAuthority !== undefined && { certificateAuthority: asked.certificateAuthority }),
    ...names,
    // What the flags did not ask for is not asked for now: nobody is to be locked out by a move.
    rules: [...required, ...asked.rules.filter((rule) => rule['message'] === asked.factor && asked.factor !== undefined)],
    userRules: isApart || !keepNames ? OWN_NAMES : [],
  }
}

export const MOVED =
  'the issuer moves from --oidc-* into the file: a mistake there lets nobody in through the identity provider, certificates and service accounts go on as before'

const MEANING = [
  'oidc-issuer-url',
  'oidc-client-id',
  'oidc-ca-file',
  'oidc-required-claim',
  'oidc-username-claim',
  'oidc-username-prefix',
  'oidc-groups-claim',
  'oidc-groups-prefix',
]

/** As pflag reads it: pairs with commas between them. */
function requiredClaims(text: string | undefined): Provider['rules'] | undefined {
  const pairs = (text ?? '').split(',').filter((pair) => pair.trim() !== '')
  const rules = pairs.map((pair) => /^([^=]+)=(.*)$/s.exec(pair))
  return rules.some((match) => match === null) ? undefined : rules.map((match) => ({ claim: match![1]!.trim(), requiredValue: match![2]! }))
}

/** Names that stand apart already stay what they are: bindings hold them. */
function namesOfFlags(
  flags: Flags,
  issuer: string,
  prefix: string,
  keepNames: boolean,
): { readonly username: Named; readonly groups?: Named } {
  const claim = flags.get('oidc-username-claim') || 'sub'
  const groups = flags.get('oidc-groups-claim')
  const given = flags.get('oidc-username-prefix')
  const before = given === '-' ? '' : given || (claim === 'email' ? '' : `${issuer}#`)
  const groupsBefore = flags.get('oidc-groups-prefix') ?? ''
  const isOpen = (one: string): boolean => one === '' || ownPrefix(one)
  return {
    username: { claim, prefix: keepNames || !isOpen(before) ? before : claim === 'email' ? '' : prefix },
    ...(groups && { groups: { claim: groups, prefix: keepNames || !isOpen(groupsBefore) ? groupsBefore : prefix } }),
  }
}
