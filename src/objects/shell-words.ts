/** The words of a shell script that one of its programs is started with. */

/**
 * The words after the first that is the program, up to the end of its command: quotes honoured, redirections left out. Variables of the
 * container are filled in, `"$@"` by the arguments that the script is given; others stay as they stand. Undefined: it is not started there.
 */
export function wordsOfProgram(
  script: string,
  isProgram: (word: string) => boolean,
  given: readonly string[],
  values: ReadonlyMap<string, string>,
): readonly string[] | undefined {
  for (const command of commandsIn(script)) {
    const words = command.flatMap((raw) => wordsFor(raw, given, values))
    const start = words.findIndex(isProgram)
    if (start >= 0) return words.slice(start + 1)
  }
  return undefined
}

/** Of every command its raw words, quotes and all. */
export function commandsIn(script: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]]
  for (const [word] of script.replaceAll(/\\\r?\n/g, ' ').matchAll(WORD)) {
    if (/^[ \t\r]/.test(word) || /^[\d&]*[<>]/.test(word) || word.startsWith('#')) continue
    if (/^[\n;&|(){}]/.test(word)) commands.push([])
    else commands.at(-1)!.push(word)
  }
  return commands
}
/** Blanks, a comment (at the beginning of a word alone), a redirection with where to, what ends a command, a word. */
const WORD =
  /[ \t\r]+|#[^\n]*|(?:\d+|&)?[<>]+&?[ \t]*[^\s;&|<>()]*|[\n;&|()]+|(?:\$\{[^}]*\}|\$\([^)]*\)|`[^`]*`|\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s;&|<>()"'\\`])+/g

/** What a raw word comes to: more than one where a variable that is not quoted has more than one. */
function wordsFor(raw: string, given: readonly string[], values: ReadonlyMap<string, string>): readonly string[] {
  if (/^"?\$(?:[@*]|\{[@*]\})"?$/.test(raw)) return given
  const [, name] = /^\$\{?([A-Za-z_]\w*)\}?$/.exec(raw) ?? []
  const whole = name && values.get(name)
  if (whole !== undefined && whole !== '') return whole.split(/\s+/).filter((word) => word !== '')
  return [
    raw.replaceAll(PART, (part) =>
      part.startsWith("'") ? part.slice(1, -1) : filled(part.startsWith('"') ? part.slice(1, -1) : part, values),
    ),
  ]
}
/** A raw word without its quotes; variables are left as they stand. */
export const plainWord = (raw: string): string => wordsFor(raw, [], new Map())[0] ?? ''
const PART = /"(?:\\.|[^"\\])*"|'[^']*'|(?:\\.|[^"'\\])+/gs
const filled = (part: string, values: ReadonlyMap<string, string>): string =>
  part.replaceAll(
    /\\(.)|\$\{?([A-Za-z_]\w*)\}?/gs,
    (as, escaped: string | undefined, name: string | undefined) => escaped ?? values.get(name!) ?? as,
  )
