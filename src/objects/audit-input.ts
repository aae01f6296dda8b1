/** Inputs for an audit log in the configuration of collectors that are known: Fluent Bit (classic) and Fluentd. */

export interface AuditInput {
  /** The whole new text. */
  readonly text: string
  readonly tag: string
}
/** What cannot be written, and what to do instead. */
export interface NoInput {
  readonly because: string
}

/** The configuration with an input for the file; lines of an audit log are long, so they get room. */
export function withAuditInput(by: string, text: string, path: string): AuditInput | NoInput {
  if (text.includes('[cut here: ')) return { because: 'its configuration is too long to be seen whole' }
  return by === 'Fluentd'
    ? fluentd(text, path)
    : by === 'Fluent Bit'
      ? fluentBit(text, path)
      : { because: `${by} is configured in its own way` }
}

/** Is this the file with the inputs? */
export const holdsInputs = (by: string, text: string): boolean =>
  by === 'Fluentd' ? /^\s*<source>/m.test(text) : by === 'Fluent Bit' ? /^\s*\[INPUT\]/im.test(text) : false

/** The input as it would stand there, for a file that a human changes. */
export function auditInputSnippet(by: string, path: string): string | undefined {
  if (by === 'Fluentd') return fluentdInput(path, 'k8s-audit', '/var/log')
  if (by === 'Fluent Bit') return fluentBitInput(path, 'k8s-audit', undefined)
  return undefined
}

function fluentBit(text: string, path: string): AuditInput | NoInput {
  const outputs = sectionsOf(text.replaceAll(/^[ \t]*#.*$/gm, ''), 'OUTPUT').map((section) => settingOf(section, 'Match') ?? '')
  if (!outputs.some((match) => matchesTag(match, 'k8s-audit')))
    return { because: 'none of its outputs takes the tag k8s-audit: give it an output of its own, or Match * to one that may have it' }
  const known = sectionsOf(text, 'INPUT').flatMap((section) => settingOf(section, 'DB') ?? [])[0]
  const folder = known?.slice(0, known.lastIndexOf('/'))
  return { text: appended(text, fluentBitInput(path, 'k8s-audit', folder)), tag: 'k8s-audit' }
}

function fluentBitInput(path: string, tag: string, folder: string | undefined): string {
  const lines: readonly (readonly [string, string])[] = [
    ['Name', 'tail'],
    ['Tag', tag],
    ['Path', path],
    // Where it left off, so that a restart neither loses nor repeats.
    ...(folder === undefined ? [] : [['DB', `${folder}/k8s-audit.db`] as const]),
    ['Buffer_Chunk_Size', '256k'],
    ['Buffer_Max_Size', '4M'],
    ['Skip_Long_Lines', 'On'],
    ['Refresh_Interval', '10'],
  ]
  return `[INPUT]\n${lines.map(([key, value]) => `    ${key.padEnd(18)}${value}`).join('\n')}\n`
}

/** The bodies of all sections of a name. */
const sectionsOf = (text: string, name: string): readonly string[] =>
  text.split(/^(?=\s*\[)/m).filter((section) => new RegExp(`^\\s*\\[${name}\\]`, 'i').test(section))

const settingOf = (section: string, key: string): string | undefined =>
  new RegExp(`^[ \\t]*${key}[ \\t]+(\\S.*?)[ \\t]*$`, 'im').exec(section)?.[1]

const matchesTag = (match: string, tag: string): boolean =>
  new RegExp(`^${match.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replaceAll('*', '.*')}$`).test(tag)

function fluentd(text: string, path: string): AuditInput | NoInput {
  // What stands in a label is only for events that are sent to that label.
  const outside = text.replaceAll(/^[ \t]*#.*$/gm, '').replaceAll(/^\s*<label\s[^>]*>[\s\S]*?^\s*<\/label>/gm, '')
  const matches = [...outside.matchAll(/^\s*<match\s+([^>]+)>/gm)].flatMap(([, patterns = '']) => patterns.trim().split(/\s+/))
  if (!matches.some((pattern) => pattern === '**' || pattern === '*' || matchesTag(pattern, 'k8s-audit')))
    return { because: 'none of its <match> sections outside a <label> takes the tag k8s-audit: give it one of its own' }
  const position = /^\s*pos_file\s+"?([^\s"]+)\/[^/\s"]+"?\s*$/m.exec(text)?.[1]
  if (position === undefined) return { because: 'it keeps no pos_file anywhere, so where a new one may lie is not known' }
  const input = fluentdInput(path, 'k8s-audit', position)
  // Whatever stands after a <match **> of the same file is still an input: sources are gathered first.
  return { text: appended(text, input), tag: 'k8s-audit' }
}
const fluentdInput = (path: string, tag: string, folder: string): string =>
  [
    '<source>',
    '  @type tail',
    `  path ${path}`,
    `  pos_file ${folder}/k8s-audit.pos`,
    `  tag ${tag}`,
    '  <parse>',
    '    @type json',
    '    time_key requestReceivedTimestamp',
    '    time_type string',
    '    time_format %Y-%m-%dT%H:%M:%S.%N%z',
    '    keep_time_key true',
    '  </parse>',
    '</source>',
    '',
  ].join('\n')

const appended = (text: string, more: string): string => `${text.replace(/\n*$/, '\n')}\n${more}`
