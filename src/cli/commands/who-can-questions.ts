/** `who-can --questions`: JSON lines in, one answer a line out, in the same order and in bounded memory. */
import { resourceNamed } from '../../objects/rbac-resource-name.ts'
import type { AccessRequest } from '../../objects/rbac-rules.ts'
import { universeOf } from '../../objects/rbac-served.ts'
import { type Asker, answerFor, askerOf, type Identity } from '../../objects/rbac-who-can.ts'
import { answerLines, type Fields, kept, type Line, NoQuestion, questionIn, textIn } from './question-lines.ts'
import { parseIdentity } from './who-can-identity.ts'
import type { RbacSeen, WhoCanIo } from './who-can-read.ts'

/** Each line is answered as a SubjectAccessReview of it would be; one that is no question is answered in place, and makes the exit code 2. */
export async function answerQuestions(
  seen: RbacSeen,
  from: string,
  as: Identity | undefined,
  asGroups: readonly string[],
  io: WhoCanIo,
): Promise<number> {
  return answerLines(from, answerer(seen, as, asGroups), io)
}

function answerer({ snapshot, known, blind }: RbacSeen, as: Identity | undefined, asGroups: readonly string[]) {
  const asker = kept((key: string): Asker => {
    const [who, groups] = JSON.parse(key) as [Identity, string[]]
    return askerOf(known, who, groups)
  })
  const complete = kept((namespace: string): boolean => blind(namespace).length === 0)
  const named = kept((text: string) => resourceNamed(text, universeOf(snapshot)))
  return (text: Line) => {
    const question = questionIn(text, FIELDS)
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

// ── reading one line ───────────────────────────────────────────────────────────────────────────
const FIELDS = ['as', 'groups', 'verb', 'resource', 'group', 'subresource', 'namespace', 'name', 'path']

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

function stringsIn(question: Fields, field: string): readonly string[] {
  const value = question[field] ?? []
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) throw new NoQuestion(`"${field}" is no list of texts`)
  return value
}
