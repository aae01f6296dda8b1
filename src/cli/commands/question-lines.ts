/** `--questions`: JSON lines in, one answer a line out, in the same order and in bounded memory. */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { asciiControls } from '../../objects/display.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'

/** Of one line, in characters: no question is longer. */
const LONGEST_LINE = 2 ** 20
/** Of what is kept to answer the next question faster. */
const MOST_KEPT = 20_000

export interface LinesIo {
  readonly stdout: NodeJS.WritableStream
  readonly stdin: NodeJS.ReadableStream
}
/** What is no question is answered in place with the number of its line, and makes the exit code 2. `from`: a file, or `-`. */
export async function answerLines(from: string, answer: (line: Line) => object, io: LinesIo): Promise<number> {
  const input = from === '-' ? io.stdin : createReadStream(from)
  let wrong = false
  let line = 0
  for await (const lines of linesOf(input, from)) {
    let out = ''
    for (const text of lines) {
      line++
      if (text !== TOO_LONG && text.trim() === '') continue
      try {
        out += `${asciiControls(JSON.stringify(answer(text)))}\n`
      } catch (error) {
        if (!(error instanceof NoQuestion) && !(error instanceof UsageError)) throw error
        wrong = true
        out += `${asciiControls(JSON.stringify({ line, error: error.message }))}\n`
      }
    }
    if (out !== '' && !io.stdout.write(out)) await once(io.stdout, 'drain')
  }
  return wrong ? EXIT.usage : EXIT.clean
}

export class NoQuestion extends Error {}
const TOO_LONG: unique symbol = Symbol('too long')
/** Text, or that there was more of it than a question has. */
export type Line = string | typeof TOO_LONG

/** Whole lines, as many as one read brought; so whoever writes line by line is answered line by line. */
async function* linesOf(input: NodeJS.ReadableStream, from: string): AsyncGenerator<readonly Line[]> {
  input.setEncoding('utf8')
  let rest = ''
  let isTooLong = false
  try {
    for await (const chunk of input as AsyncIterable<string>) {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop()!
      const lines: Line[] = parts
      if (isTooLong && lines.length > 0) {
        lines[0] = TOO_LONG
        isTooLong = false
      }
      if (lines.length > 0) yield lines
      if (rest.length > LONGEST_LINE) isTooLong = true
      if (isTooLong) rest = ''
    }
  } catch (error) {
    throw new UsageError(`the questions in ${from} cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`)
  }
  if (isTooLong || rest !== '') yield [isTooLong ? TOO_LONG : rest]
}

/** Remembers the last answers. */
export function kept<T>(compute: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>()
  return (key) => {
    let value = known.get(key)
    if (value === undefined) {
      if (known.size >= MOST_KEPT) known.clear()
      known.set(key, (value = compute(key)))
    }
    return value
  }
}

export type Fields = Readonly<Record<string, unknown>>

/** The object that a line holds. A misspelt field would make it another question, so it is refused. */
export function questionIn(text: Line, fields: readonly string[]): Fields {
  if (text === TOO_LONG) throw new NoQuestion('the line is longer than a million characters')
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    throw new NoQuestion('the line is no JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new NoQuestion('the line is no JSON object')
  const strange = Object.keys(value).filter((field) => !fields.includes(field))
  if (strange.length > 0)
    throw new NoQuestion(`there is no field ${strange.map((one) => JSON.stringify(one)).join(', ')}: a question has ${fields.join(', ')}`)
  return value as Fields
}

export function textIn(question: Fields, field: string): string | undefined {
  const value = question[field]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new NoQuestion(`"${field}" is no text`)
  return value
}
