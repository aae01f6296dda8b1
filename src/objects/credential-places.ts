/** Where credentials stand in what is longer than one value: arguments, scripts, the text of configuration files. */
import { type Credential, credentialIn, formatIn, isLiteral, secretName } from './credentials.ts'
import { commandsIn, plainWord } from './shell-words.ts'

export interface NamedCredential {
  readonly name: string
  readonly credential: Credential
}

/** Credentials in command-line arguments: `--password=x`, `--password x`, `PASSWORD=x`, the same in a script; `-p`-style shorts only by format. */
export function* credentialsInArguments(args: readonly string[]): Iterable<NamedCredential> {
  for (const [index, argument] of args.entries()) {
    if (typeof argument !== 'string') continue
    if (/\s/.test(argument) && formatIn(argument) === undefined) yield* inScript(argument)
    const short = shortOf(args, index)
    if (short !== undefined) {
      yield short
      continue
    }
    const [, dashes, name, value] = /^(--?|)([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(argument) ?? []
    const isFlag = name !== undefined && (dashes !== '' || value !== undefined)
    const next = args[index + 1]
    // `--password x`: the value is the next argument, which is then looked at here and not again.
    const before = /^--?([A-Za-z][\w.-]*)$/.exec(args[index - 1] ?? '')?.[1]
    if (!isFlag && before !== undefined && secretName(before) !== undefined) continue
    const given = value ?? (isFlag && typeof next === 'string' && !next.startsWith('-') ? next : undefined)
    const credential =
      isFlag && given !== undefined
        ? credentialIn(name, value !== undefined || secretName(name) !== undefined ? given : '')
        : (formatIn(argument) ?? inHeader(argument))
    if (credential !== undefined) yield { name: isFlag ? `${dashes}${name}` : `argument ${index + 1}`, credential }
  }
}

/** `X-Api-Key: value`, as curl is given it. */
function inHeader(argument: string): Credential | undefined {
  const [, name, value] = /^([A-Za-z][\w-]{2,60}):[ \t]*(\S{8,2000})$/.exec(argument) ?? []
  return name === undefined ? undefined : credentialIn(name, value!)
}

/** Programs whose short flags take a password, and the text it stands in: after the flag, or in the same word (mysql -pVALUE). */
const SHORTS: readonly (readonly [programs: RegExp, flag: RegExp])[] = [
  [/^curl$/, /^(?:-[uU]|--(?:proxy-)?user)$/],
  [/^redis-cli$/, /^-a$/],
  [/^(?:mongo|mongosh|mongodump|mongorestore|mongoexport|sshpass)$/, /^-p$/],
  [/^ldap(?:search|add|modify|delete|whoami|passwd)$/, /^-w$/],
  [/^sqlcmd$/, /^-P$/],
  [/^(?:mysql\w*|mariadb(?:-\w+)?)$/, /^-p(?=.)/],
]

function shortOf(args: readonly string[], index: number): NamedCredential | undefined {
  const program = args[0]?.split('/').at(-1) ?? ''
  const [, flag] = SHORTS.find(([programs]) => programs.test(program)) ?? []
  const argument = args[index]!
  const attached = flag?.source.endsWith('(?=.)') === true
  if (index === 0 || flag === undefined || !flag.test(attached ? argument : (args[index - 1] ?? ''))) return undefined
  const given = attached ? argument.slice(2) : argument
  const value = program === 'curl' ? given.slice(given.indexOf(':') + 1 || given.length) : given
  if (value.length < 3 || !isLiteral(value) || value.startsWith('/')) return undefined
  return { name: attached ? '-p' : args[index - 1]!, credential: { by: 'format', format: `password for ${program}`, length: value.length } }
}

/** Of a script that runs other programs. */
function* inScript(script: string): Iterable<NamedCredential> {
  for (const command of commandsIn(script)) {
    // A word with blanks is text for somebody else.
    const words = command.map((raw) => (raw.includes('$') || raw.includes('`') ? '' : plainWord(raw)))
    yield* credentialsInArguments(words.map((word) => (/\s/.test(word) ? '' : word)).filter((word) => word !== 'export'))
  }
}

/** Credentials in the text of a configuration file: known formats, and settings whose name says it, in the ways that files write them. */
export function* credentialsInText(text: string): Iterable<NamedCredential> {
  const known = formatIn(text)
  if (known !== undefined) yield { name: known.format, credential: known }
  const said = new Set<string>()
  const lines = tellingLines(text)
  if (lines === '') return
  for (const [holds, pattern] of SETTINGS)
    for (const [, name, value] of lines.includes(holds) ? lines.matchAll(pattern) : []) {
      if (secretName(name!) === undefined || !isLiteral(value!)) continue
      const credential = credentialIn(name!, value!)
      if (credential === undefined || credential.by === 'format' || said.has(name!)) continue
      said.add(name!)
      yield { name: name!, credential }
    }
}

/** The lines that may name a credential, each with the one after it, where a value may stand: the rest is not worth looking at five times. */
function tellingLines(text: string): string {
  if (!TELLING.test(text)) return ''
  const lines = text.split('\n')
  return lines
    .filter((line, at) => TELLING.test(line) || (at > 0 && /\bname:/.test(lines[at - 1]!) && TELLING.test(lines[at - 1]!)))
    .join('\n')
}
/** What every rule of `secretName` has in it. */
const TELLING = /pass|pw|secret|token|key|auth|connection|dsn|credential/i

/** None of them repeats what it has repeated: they are linear. */
const SETTINGS: readonly (readonly [holds: string, pattern: RegExp])[] = [
  // `name: value`, `name = value # why`
  [
    '',
    /^[ \t]*(?:export[ \t]+)?["']?([A-Za-z][\w.-]{2,60})["']?[ \t]*[:=][ \t]*["']?([^\s"'#,]{4,200})["']?[ \t]*,?(?:[ \t]+[#;][^\n]*|[ \t]*)$/gm,
  ],
  // JSON in one line
  ['":', /"([A-Za-z][\w.-]{2,60})"[ \t]*:[ \t]*"([^"\\\s]{4,200})"/g],
  // npm's: //registry.example.com/:_authToken=value
  [':_', /:_(authToken|password|auth)[ \t]*=[ \t]*["']?([^\s"'#]{8,200})/g],
  // <entry key="name">value<, <property name="name" value="value"
  ['="', /(?:key|name)="([A-Za-z][\w.-]{2,60})"(?:[ \t]+value="|>)([^"<\s]{8,200})["<]/g],
  // <name>value</name>, name="value"
  ['</', /<([A-Za-z][\w.-]{2,60})>([^<\s]{8,200})<\//g],
  ['="', /[ \t<]([A-Za-z][\w.-]{2,60})="([^"\s]{8,200})"/g],
  // - name: NAME, and its value below
  ['value:', /\bname:[ \t]*["']?([A-Za-z][\w.-]{2,60})["']?[ \t]*\r?\n[ \t]*value:[ \t]*["']?([^\s"'#]{8,200})/g],
  // redis.conf
  ['', /^[ \t]*(requirepass|masterauth|passwd)[ \t]+["']?([^\s"'#]{8,200})/gm],
]
