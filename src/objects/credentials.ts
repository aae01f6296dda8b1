/** Does a text hold a credential? Answers with its format and length; the value itself is never handed on. */
import { rememberedText } from './derived.ts'

export interface Credential {
  /** `format`: the value itself is one, whatever it is called. `name`: it is called one and looks random. `named`: it is only called one. */
  readonly by: 'format' | 'name' | 'named'
  /** `GitHub token`, `password in a URL`, or the rule that matched the name. */
  readonly format: string
  readonly length: number
}

interface Format {
  readonly format: string
  /** Stands in every match: a look for it spares most texts the expression. */
  readonly holds: string
  readonly pattern: RegExp
  readonly accept?: (match: RegExpExecArray) => boolean
}

/** Ordered: the first that matches names the credential. All are linear: no nested repetition. */
const FORMATS: readonly Format[] = [
  {
    format: 'GCP service account key',
    holds: 'service_account',
    pattern: /"type"\s*:\s*"service_account"/,
    accept: (match) => /"private_key"\s*:/.test(match.input),
  },
  { format: 'PEM private key', holds: '-----BEGIN', pattern: /-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----/ },
  { format: 'AWS access key', holds: 'IA', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/, accept: (match) => !match[0].endsWith('EXAMPLE') },
  { format: 'GitHub token', holds: '_', pattern: /\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_[A-Za-z0-9_]{50,255}\b/ },
  { format: 'GitLab token', holds: 'glpat-', pattern: /\bglpat-[\w-]{20,}/ },
  { format: 'Slack token', holds: 'x', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}/ },
  { format: 'Slack webhook', holds: 'hooks.slack.com', pattern: /hooks\.slack\.com\/services\/T[A-Z0-9]+\/B[A-Z0-9]+\/[A-Za-z0-9]{16,}/ },
  { format: 'Google API key', holds: 'AIza', pattern: /\bAIza[0-9A-Za-z_-]{35}\b/ },
  { format: 'Stripe key', holds: 'k_live_', pattern: /\b[sr]k_live_[0-9A-Za-z]{16,}/ },
  { format: 'npm token', holds: 'npm_', pattern: /\bnpm_[A-Za-z0-9]{36}\b/ },
  { format: 'SendGrid key', holds: 'SG.', pattern: /\bSG\.[\w-]{16,}\.[\w-]{16,}/ },
  { format: 'OpenAI or Anthropic key', holds: 'sk-', pattern: /\bsk-(?:proj|svcacct|admin|ant)-[\w-]{24,}|\bsk-[A-Za-z0-9]{48}\b/ },
  { format: 'Azure SAS signature', holds: 'sig=', pattern: /[?&]sig=[A-Za-z0-9%+/]{40,}/ },
  { format: 'Vault token', holds: 'hv', pattern: /\bhv[sb]\.[\w-]{24,}/ },
  { format: 'age secret key', holds: 'AGE-SECRET-KEY-1', pattern: /\bAGE-SECRET-KEY-1[0-9A-Z]{50,}/ },
  { format: 'Azure storage key', holds: 'AccountKey=', pattern: /\bAccountKey=[A-Za-z0-9+/]{60,}={0,2}/ },
  { format: 'JSON Web Token', holds: 'eyJ', pattern: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}/ },
  { format: 'registry login', holds: '"auth"', pattern: /"auth"\s*:\s*"([A-Za-z0-9+/]{8,}={0,2})"/ },
  {
    format: 'password in a URL',
    holds: '://',
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"]{0,200}:([^\s@/'"]{1,200})@[\w.[-]/i,
    accept: (match) => isLiteral(match[1]!),
  },
  {
    format: 'password in a connection string',
    holds: '=',
    // It ends with a semicolon, or follows another setting.
    pattern: /(?:^|[;\s"'])(?:password|pwd)\s*=\s*([^;\s"'&]{4,200});|[;?&]\s*(?:password|pwd)\s*=\s*([^;\s"'&]{4,200})/i,
    accept: (match) => isLiteral(match[1] ?? match[2]!),
  },
  ...['Basic', 'Bearer'].map((scheme) => ({
    format: 'authorization header',
    holds: `${scheme} `,
    pattern: new RegExp(`\\b${scheme}[ \\t]+([A-Za-z0-9+/._~-]{16,2000}={0,2})(?![\\w-])`),
    accept: (match: RegExpExecArray) => isLiteral(match[1]!) && looksRandom(match[1]!),
  })),
  {
    format: 'netrc login',
    holds: 'machine',
    pattern: /\bmachine\s+\S{1,200}\s+login\s+\S{1,200}\s+password\s+(\S{4,200})/,
    accept: (match) => isLiteral(match[1]!),
  },
]

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

/** A variable, key or argument: by the format of its value, else by its name and what its value looks like. */
export function credentialIn(name: string, value: string): Credential | undefined {
  const known = formatIn(value)
  if (known !== undefined) return known
  const rule = secretName(name)
  if (rule === undefined || !couldBeSecret(value)) return undefined
  return { by: looksRandom(value) ? 'name' : 'named', format: rule, length: value.length }
}

const NAMES: readonly (readonly [string, RegExp])[] = [
  ['password', /(PASSWORD|PASSWD|PASSPHRASE)S?(_|$)|(^|_)(PASS|PWD|REQUIREPASS|MASTERAUTH)(_|$)/],
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
  /_(FILE|FILENAME|PATH|DIR|NAME|NAMESPACE|REF|KEY_ID|ID|URL|URI|HOST|ENDPOINT|ISSUER|AUDIENCE|HEADER|TYPE|ALGORITHM|TTL|EXPIRY|EXPIRATION|EXPIRES_IN|LENGTH|POLICY|SERVICE|STORE|BACKEND|PROVIDER|ENABLED|SELECTOR|MOUNT)$/

/** Which rule of the name list a name falls under: `DB_PASSWORD`, `apiKey`, `spring.datasource.password`; undefined for `…_FILE` and the like. */
export const secretName = rememberedText((name): string | undefined => {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase()
  return NOT_THE_SECRET.test(words) ? undefined : NAMES.find(([, pattern]) => pattern.test(words))?.[0]
})

/** A literal, not a reference that something fills in, and not something that is encrypted. */
export const isLiteral = (value: string): boolean => value !== '' && !PLACEHOLDER.test(value) && !REFERENCE.test(value)
const PLACEHOLDER =
  /\$[({]|\{\{|^["']?\$[A-Za-z_]\w*["']?$|^<.*>$|^%\w+%$|^%\{.*\}$|^@[\w.-]+@$|^\*+$|^x{3,}$|^(redacted|changeit)$|^ENC[[(]|^\{cipher\}/i
/** Into a store: `vault:secret/data/app#key`, `arn:aws:secretsmanager:…`, `ref+sops://…`, `projects/p/secrets/s`. */
const REFERENCE =
  /^(>>)?(vault|bao|ref\+[a-z]+|op|ssm|aws-?(sm|ssm|secrets?-?manager)|gcp|gcp-?sm|gcpsecretmanager|azure-?kv|azurekeyvault|sops|conjur|doppler|secret-?ref|secretref|k8s|kubernetes)(:|\+)\S|^arn:aws[a-z-]*:(secretsmanager|ssm|kms):|^projects\/[^/]+\/secrets\//i

/** Long enough, and no path, URL, boolean, number, duration or template. */
function couldBeSecret(value: string): boolean {
  const text = value.trim()
  if (text.length < 8 || !isLiteral(text)) return false
  if ((/^(\/|\.{1,2}\/|~\/|[A-Za-z]:\\)/.test(text) && !isBase64(text)) || /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return false
  if (
    /^(true|false|null|none|disabled|enabled|required|optional)$/i.test(text) ||
    /^[+-]?[\d.,_]+(ms|s|m|h|d|Ki|Mi|Gi|k|M|G|%)?$/.test(text) ||
    /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-][\d:]+)?)?$/.test(text)
  )
    return false
  return !/\s/.test(text)
}

/** One base64 text in 64 begins with a slash, as a path does. Paths are made of words. */
const isBase64 = (text: string): boolean =>
  /^\/[A-Za-z0-9+/]{19,}={0,2}$/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text) && /\d/.test(text) && entropy(text) >= 4.2

/** Three kinds of characters, or much of two: not a word, not the name of a Kubernetes object. */
function looksRandom(value: string): boolean {
  if (/^[a-z0-9]+([-.][a-z0-9]+)+$/.test(value)) return false
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9_.-]/].filter((one) => one.test(value)).length
  return (
    classes >= 3 ||
    (classes === 2 && value.length >= 16 && entropy(value) >= 3.2) ||
    (/^[0-9a-f]{24,}$/i.test(value) && entropy(value) >= 2.5)
  )
}

/** Shannon entropy in bits a character. */
export function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  return counts.values().reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0)
}
