/** `who-can --questions`: JSON lines in, one answer a line out, in the same order and in bounded memory. */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { asciiControls } from '../../objects/display.ts'
import { resourceNamed } from '../../objects/rbac-resource-name.ts'
import type { AccessRequest } from '../../objects/rbac-rules.ts'
import { universeOf } from '../../objects/rbac-served.ts'
import { type Asker, answerFor, askerOf, type Identity } from '../../objects/rbac-who-can.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { parseIdentity } from './who-can-identity.ts'
import type { RbacSeen, WhoCanIo } from './who-can-read.ts'

/** Of one line, in characters: no question is longer. */
const LONGEST_LINE = 2 ** 20
/** Of what is kept to answer the next question faster. */
const MOST_KEPT = 20_000

/** Each line is answered as a SubjectAccessReview of it would be; one that is no question is answered in place, and makes the exit code 2. */
export async function answerQuestions(
  seen: RbacSeen,
  from: string,
  as: Identity | undefined,
  asGroups: readonly string[],
  io: WhoCanIo,
): Promise<number> {
  const answer = answerer(seen, as, asGroups)
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

class NoQuestion extends Error {}
const TOO_LONG = Symbol('too long')

/** Whole lines, as many as one read brought; so whoever writes line by line is answered line by line. */
async function* linesOf(input: NodeJS.ReadableStream, from: string): AsyncGenerator<readonly (string | typeof TOO_LONG)[]> {
  input.setEncoding('utf8')
  let rest = ''
  let isTooLong = false
  try {
    for await (const chunk of input as AsyncIterable<string>) {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop()!
      const lines: (string | typeof TOO_LONG)[] = parts
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

function answerer({ snapshot, known, blind }: RbacSeen, as: Identity | undefined, asGroups: readonly string[]) {
  const asker = kept((key: string): Asker => {
    const [who, groups] = JSON.parse(key) as [Identity, string[]]
    return askerOf(known, who, groups)
  })
  const complete = kept((namespace: string): boolean => blind(namespace).length === 0)
  const named = kept((text: string) => resourceNamed(text, universeOf(snapshot)))
  return (text: string | typeof TOO_LONG) => {
    const question = questionIn(text)
    const who = question['as'] === undefined ? as : identityIn(question['as'])
    if (who === undefined) throw new NoQuestion('"as" is missing: who is it that asks?')
    const groups = [...(question['as'] === undefined ? asGroups : []), ...stringsIn(question, 'groups')]
    const request = requestIn(question, named)
    const namespace = 'path' in request ? '' : (request.namespace ?? '')
    const { allowed, via } = answerFor(
      asker(JSON.stringify([{ kind: who.kind, name: who.name, namespace: who.namespace }, groups])),
      request,
    )
    return { allowed, via, complete: complete(namespace) }
  }
}

/** Remembers the last answers. */
function kept<T>(compute: (key: string) => T): (key: string) => T {
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

// ── reading one line ───────────────────────────────────────────────────────────────────────────
type Fields = Readonly<Record<string, unknown>>
const FIELDS = ['as', 'groups', 'verb', 'resource', 'group', 'subresource', 'namespace', 'name', 'path']

function questionIn(text: string | typeof TOO_LONG): Fields {
  if (text === TOO_LONG) throw new NoQuestion('the line is longer than a million characters')
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    throw new NoQuestion('the line is no JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new NoQuestion('the line is no JSON object')
  // A misspelt field would make it another question.
  const strange = Object.keys(value).filter((field) => !FIELDS.includes(field))
  if (strange.length > 0)
    throw new NoQuestion(`there is no field ${strange.map((one) => JSON.stringify(one)).join(', ')}: a question has ${FIELDS.join(', ')}`)
  return value as Fields
}

function identityIn(as: unknown): Identity {
  if (typeof as === 'string') return parseIdentity(as)
  if (typeof as !== 'object' || as === null || Array.isArray(as)) throw new NoQuestion('"as" is neither text nor an object')
  const { kind, name, namespace } = as as Fields
  const parts = [kind, ...(namespace === undefined || namespace === '' ? [] : [namespace]), name]
  if (!parts.every((part) => typeof part === 'string' && part !== ''))
    throw new NoQuestion('"as" needs kind and name as text, and a namespace for a ServiceAccount')
  if (typeof kind === 'string' && /^(user|group)$/i.test(kind) && parts.length > 2) throw new NoQuestion(`"as": a ${kind} has no namespace`)
  return parseIdentity(parts.join(':'))
}

function requestIn(question: Fields, named: (text: string) => ReturnType<typeof resourceNamed>): AccessRequest {
  const verb = textIn(question, 'verb')
  if (verb === undefined || verb === '') throw new NoQuestion('"verb" is missing')
  const [path, resource] = [textIn(question, 'path'), textIn(question, 'resource')]
  if ((path === undefined) === (resource === undefined)) throw new NoQuestion('give "resource" or "path", and not both')
  if (path !== undefined) return { verb, path }
  const [group, subresource] = [textIn(question, 'group'), textIn(question, 'subresource')]
  const rest = { namespace: textIn(question, 'namespace') ?? '', name: textIn(question, 'name') ?? '' }
  const full = subresource ? `${resource}/${subresource}` : resource!
  // With a group it is told exactly; without one, it is a name as operators type it.
  if (group === undefined) {
    const found = named(full)
    return { verb, group: found.group, resource: found.resource, subresource: found.subresource, ...rest }
  }
  const slash = full.indexOf('/')
  return { verb, group, resource: slash < 0 ? full : full.slice(0, slash), subresource: slash < 0 ? '' : full.slice(slash + 1), ...rest }
}

function textIn(question: Fields, field: string): string | undefined {
  const value = question[field]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new NoQuestion(`"${field}" is no text`)
  return value
}
function stringsIn(question: Fields, field: string): readonly string[] {
  const value = question[field] ?? []
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) throw new NoQuestion(`"${field}" is no list of texts`)
  return value
}
