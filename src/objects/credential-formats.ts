/** Formats of credentials that are known by themselves, whatever the name they stand under. */
import { isLiteral, looksRandom } from './credential-value.ts'

export interface Format {
  readonly format: string
  /** Stands in every match: a look for it spares most texts the expression. */
  readonly holds: string
  readonly pattern: RegExp
  readonly accept?: (match: RegExpExecArray) => boolean
}

/** Ordered: the first that matches names the credential. All are linear: no nested repetition. */
export const FORMATS: readonly Format[] = [
  {
    format: 'GCP service account key',
    holds: 'service_account',
    pattern: /"type"\s*:\s*"service_account"/,
    accept: (match) => /"private_key"\s*:/.test(match.input),
  },
  { format: 'PEM private key', holds: '-----BEGIN', pattern: /-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----/ },
  {
    // `client-key-data` of a kubeconfig, `tls.key` of a Secret: the same in base64.
    format: 'PEM private key in base64',
    holds: 'LS0tLS1CRUdJTi',
    pattern: /LS0tLS1CRUdJTi[A-Za-z0-9+/]{16,60}/,
    accept: (match) => /-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY/.test(Buffer.from(match[0], 'base64').toString('latin1')),
  },
  { format: 'PuTTY private key', holds: 'PuTTY-User-Key-File-', pattern: /PuTTY-User-Key-File-\d: / },
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
  { format: 'Azure access key', holds: 'Key=', pattern: /\b(?:AccountKey=[A-Za-z0-9+/]{60,}|SharedAccessKey=[A-Za-z0-9+/]{32,})={0,2}/ },
  { format: 'DigitalOcean token', holds: '_v1_', pattern: /\bdo[opr]_v1_[0-9a-f]{64}\b/ },
  { format: 'PyPI token', holds: 'pypi-', pattern: /\bpypi-AgE[\w-]{50,}/ },
  { format: 'Hugging Face token', holds: 'hf_', pattern: /\bhf_[A-Za-z]{34}\b/ },
  { format: 'Databricks token', holds: 'dapi', pattern: /\bdapi[0-9a-f]{32}\b/ },
  { format: 'Shopify token', holds: 'shp', pattern: /\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b/ },
  { format: 'Telegram bot token', holds: ':AA', pattern: /\b\d{8,10}:AA[\w-]{33}(?![\w-])/ },
  { format: 'Discord webhook', holds: '/api/webhooks/', pattern: /\bdiscord(?:app)?\.com\/api\/webhooks\/\d{15,}\/[\w-]{50,}/ },
  { format: 'JSON Web Token', holds: 'eyJ', pattern: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}/ },
  { format: 'registry login', holds: '"auth"', pattern: /"auth"\s*:\s*"([A-Za-z0-9+/]{8,}={0,2})"/ },
  {
    format: 'registry login',
    holds: '"auths"',
    pattern: /"auths"\s*:\s*\{[^}]{0,2000}?"(?:password|identitytoken)"\s*:\s*"([^"\s]{1,2000})"/,
    accept: (match) => isLiteral(match[1]!),
  },
  {
    format: 'password in a URL',
    holds: '://',
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"]{0,200}:([^\s@/'"]{1,200})@[\w.[-]/i,
    accept: (match) => isLiteral(match[1]!),
  },
  {
    // Without a scheme, as Go's driver for MySQL takes it.
    format: 'password in a DSN',
    holds: '(',
    pattern: /(?:^|[\s"'=])[\w.-]{1,80}:([^\s@/'"]{1,200})@(?:tcp6?|unix)\(/,
    accept: (match) => isLiteral(match[1]!),
  },
  {
    // Of libpq: `host=db user=app password=x`, in any order.
    format: 'password in a DSN',
    holds: 'password=',
    pattern: /(?:^|[\s"'])password=(?:'([^'\n]{1,200})'|([^\s"']{1,200}))/,
    accept: (match) =>
      isLiteral(match[1] ?? match[2]!) &&
      /(?:^|[\s"'])host(?:addr)?=/.test(lineAround(match)) &&
      /(?:^|[\s"'])(?:user|dbname)=/.test(lineAround(match)),
  },
  {
    format: 'password in a connection string',
    holds: '=',
    // It ends with a semicolon, or follows another setting.
    pattern: /(?:^|[;\s"'])(?:password|pwd)\s*=\s*["']?([^;\s"'&]{4,200})["']?;|[;?&]\s*(?:password|pwd)\s*=\s*([^;\s"'&]{4,200})/i,
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

function lineAround({ input, index }: RegExpExecArray): string {
  const end = input.indexOf('\n', index + 1)
  return input.slice(input.lastIndexOf('\n', index) + 1, end < 0 ? undefined : end)
}
