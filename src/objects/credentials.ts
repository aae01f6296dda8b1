/** Does a text hold a credential? Answers with its format and length; the value itself is never handed on. */
import { FORMATS } from './credential-formats.ts'
import { entropy, isLiteral, looksRandom } from './credential-value.ts'
import { rememberedText } from './derived.ts'

export { entropy, isLiteral } from './credential-value.ts'

export interface Credential {
  /** `format`: the value itself is one, whatever it is called. `name`: it is called one and looks random. `named`: it is only called one. */
  readonly by: 'format' | 'name' | 'named'
  /** `GitHub token`, `password in a URL`, or the rule that matched the name. */
  readonly format: string
  readonly length: number
}

/** `a1://:x@h` and `pwd=abcd;` are the shortest there are. */
const SHORTEST = 9

/** A known format anywhere in a text. */
export function formatIn(text: string): Credential | undefined {
  if (text.length < SHORTEST) return undefined
  for (const { format, holds, pattern, accept } of FORMATS) {
    if (!text.includes(holds)) continue
    // A template may come before the real thing: look at every match, not only the first.
    for (const match of text.matchAll(new RegExp(pattern, `${pattern.flags}g`))) {
      if (accept?.(match as RegExpExecArray) ?? true) return { by: 'format', format, length: match[0].length }
    }
  }
  return undefined
}

/** One of a known format in what a value is the base64 of. */
function wrapped(value: string): Credential | undefined {
  const text = value.replaceAll(/\s+/g, '')
  if (text.length < 24 || text.length > 100_000 || text.length % 4 === 1 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  const inner = Buffer.from(text, 'base64').toString('latin1')
  const known = /[\x00-\x08\x0e-\x1f]/.test(inner) ? undefined : formatIn(inner)
  return known && { ...known, format: `${known.format} in base64`, length: text.length }
}

/** A variable, key or argument: by the format of its value, else by its name and what its value looks like. */
export function credentialIn(name: string, value: string): Credential | undefined {
  const known = formatIn(value) ?? wrapped(value)
  if (known !== undefined) return known
  const rule = secretName(name)
  const isLikely = couldBeSecret(value)
  if (rule === undefined || !(isLikely || (rule === 'password' && isPassword(name, value)))) return undefined
  if (rule === 'secret' && isObjectName(name, value)) return undefined
  return { by: isLikely && looksRandom(value) ? 'name' : 'named', format: rule, length: value.length }
}

const NAMES: readonly (readonly [string, RegExp])[] = [
  ['password', /(PASSWORD|PASSWD|PASSPHRASE)S?(_|$)|(^|_)(PASS|PWD|PW|REQUIREPASS|MASTERAUTH)(_|$)/],
  ['secret', /SECRETS?(_|$)/],
  ['token', /TOKEN(_|$)/],
  ['API key', /API_?KEY(_|$)/],
  ['license key', /LICENSE_?KEY(_|$)/],
  ['application key', /(^|_)APP_?KEY(_|$)/],
  ['basic authentication', /(^|_)BASIC_?AUTH(_|$)/],
  ['access key', /(^|_)ACCESS_?KEY(_|$)/],
  ['private key', /(^|_)PRIVATE_?KEY(_|$)/],
  ['encryption key', /(^|_)(ENCRYPTION|SIGNING|MASTER)_?KEY(_|$)/],
  ['connection string', /(^|_)CONNECTION_?STRING(_|$)/],
  ['DSN', /(^|_)DSN(_|$)/],
  ['credential', /(^|_)CREDENTIALS?(_|$)/],
]
const NOT_THE_SECRET =
  /_(FILE|FILENAME|PATH|DIR|NAME|NAMESPACE|REF|KEY_ID|ID|URL|URI|HOST|ENDPOINT|ISSUER|AUDIENCE|HEADER|TYPE|ALGORITHM|TTL|EXPIRY|EXPIRATION|EXPIRES_IN|LENGTH|ENCRYPTION|MODE|METHOD|VERSION|TIMEOUT|INTERVAL|POLICY|SERVICE|STORE|BACKEND|PROVIDER|ENABLED|SELECTOR|MOUNT)$/

/** Which rule of the name list a name falls under: `DB_PASSWORD`, `apiKey`, `spring.datasource.password`; undefined for `…_FILE` and the like. */
export const secretName = rememberedText((name): string | undefined => {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase()
  return NOT_THE_SECRET.test(words) ? undefined : NAMES.find(([, pattern]) => pattern.test(words))?.[0]
})

/** Long enough, and no path, URL, boolean, number, duration or template. */
function couldBeSecret(value: string): boolean {
  const text = value.trim()
  if (text.length < 8 || !isLiteral(text)) return false
  if ((/^(\/|\.{1,2}\/|~\/|[A-Za-z]:\\)/.test(text) && !isBase64(text)) || /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return false
  if (
    IS_SETTING.test(text) ||
    /^[+-]?[\d.,_]+(ms|s|m|h|d|Ki|Mi|Gi|k|M|G|%)?$/.test(text) ||
    /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-][\d:]+)?)?$/.test(text)
  )
    return false
  return !/\s/.test(text)
}

/** One base64 text in 64 begins with a slash, as a path does. Paths are made of words. */
const isBase64 = (text: string): boolean =>
  /^\/[A-Za-z0-9+/]{19,}={0,2}$/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text) && /\d/.test(text) && entropy(text) >= 4.2

const IS_SETTING =
  /^(true|false|yes|no|on|off|null|nil|none|disabled?|enabled?|required?|optional|never|always|auto|default|ask|prompt|plain|password)$/i

/** What is called a password and nothing else is one, however weak: `root`, `123456`, four words. */
function isPassword(name: string, value: string): boolean {
  const text = value.trim()
  if (!/(password|passwd|passphrase|pwd)$/i.test(name) || text.length < 4 || text.length > 100 || !isLiteral(text)) return false
  return (
    !IS_SETTING.test(text) &&
    !/^(\/|\.{1,2}\/|~\/|[A-Za-z]:\\|[a-z][a-z0-9+.-]*:\/\/)|\n|^[\d.]+(ms|s|m|h|d)$|^\d{4}-\d\d-\d\dT/i.test(text)
  )
}

/** `EXISTING_SECRET`, `--tls-secret`: the name of a Secret. */
const isObjectName = (name: string, value: string): boolean =>
  /(existing|tls|pull|cert|certificate|ca)[_-]?secrets?$/i.test(name) && /^([a-z0-9-]+\/)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(value)
