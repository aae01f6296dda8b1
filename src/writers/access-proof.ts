/**
 * Proves on the API server what was foretold of other people's access: asked before and after a change, by SubjectAccessReview, what
 * they were recorded to do and what they keep is still allowed, and what they lose is refused.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { canThey, type Identity } from '../apiserver/access-review.ts'
import type { Verdict } from '../apiserver/permissions.ts'
import type { ObservedRequest, RbacSubject, Snapshot, Step } from '../model/index.ts'
import { grants, mayI, serviceAccountGroups, serviceAccountUser } from '../objects/rbac-grants.ts'
import { observedAs, questionOf } from '../objects/rbac-observed.ts'
import { type AccessRequest, ruleAllows, STANDARD_VERBS } from '../objects/rbac-rules.ts'
import { type AccessImpact, accessImpact, changesGrants, type ScopedRule } from '../plan/access-impact.ts'
import { requestText } from '../plan/access-words.ts'
import { aggregated } from '../plan/aggregated.ts'
import { applyPlan } from '../plan/in-memory.ts'
import type { Watchman } from '../plan/run.ts'
import type { ClusterApi } from './cluster-api.ts'

export interface AccessProofOptions {
  /** What is there now; asked anew for every step. */
  readonly snapshot: () => Snapshot
  /** For the API server's authorizer to have seen a change; default 5 s. */
  readonly patienceMs?: number
}

interface Question {
  readonly who: string
  readonly identity: Identity
  readonly request: AccessRequest
  /** `kept` must go on being allowed; `lost` should be refused then. */
  readonly is: 'kept' | 'lost'
}

/** Reviews of one step, of each kind. */
const MOST_QUESTIONS = 200
const AT_ONCE = 8
/** The authorizer sees a change within moments: what is allowed for longer than this is given by something else. */
const LOST_PATIENCE_MS = 3_000

export class AccessProof implements Watchman {
  readonly #api: ClusterApi
  readonly #snapshot: () => Snapshot
  readonly #patienceMs: number
  #asked: readonly Question[] = []
  #note: string | undefined

  constructor(api: ClusterApi, { snapshot, patienceMs = 5_000 }: AccessProofOptions) {
    this.#api = api
    this.#snapshot = snapshot
    this.#patienceMs = patienceMs
  }

  async before(): Promise<undefined> {
    this.#asked = []
    this.#note = undefined
  }

  /** Only once the step is approved: a review is a POST, if one that stores nothing (safety law 1). */
  async measure(step: Step): Promise<void> {
    this.#asked = []
    this.#note = undefined
    if (step.carriedOut !== 'live' || !changesGrants(step)) return
    const now = this.#snapshot()
    const questions = foretold(now, step)
    const chosen = (['kept', 'lost'] as const).flatMap((is) => questions.filter((one) => one.is === is).slice(0, MOST_QUESTIONS))
    if (chosen.length === 0) return
    const [first] = chosen
    const { refusal, because } = await canThey(this.#api, first!.identity, first!.request)
    if (refusal !== undefined) {
      this.#note = `not proved by access reviews: ${because}`
      return
    }
    // What is not allowed now proves nothing afterwards.
    const answers = await this.#answers(chosen)
    this.#asked = chosen.filter((one) => answers.get(one) === 'allowed')
  }

  /** A recorded or kept right that is gone is taken back; one that somebody else gives all the same is only told. */
  async after(): Promise<string | undefined> {
    if (this.#asked.length === 0) return undefined
    // What is refused shows that the authorizer has seen the change: only then does an answer about what is kept prove anything.
    const left = await this.#unlike('lost', Math.min(this.#patienceMs, LOST_PATIENCE_MS))
    const [gone] = (await this.#unlike('kept', this.#patienceMs)).keys()
    if (gone !== undefined) return `${gone.who} may no longer ${ask(gone.request)}, which it was to keep`
    this.#note = this.#told(left)
    return undefined
  }

  /** Said with a step that holds. */
  note(): string | undefined {
    return this.#note
  }

  #told(left: ReadonlyMap<Question, Answer>): string | undefined {
    const count = (is: Question['is']) => this.#asked.filter((one) => one.is === is).length
    const [kept, lost] = [count('kept'), count('lost')]
    const parts = [
      kept > 0 ? `${kept} of ${kept} recorded or kept requests still allowed` : undefined,
      lost > 0 ? `${lost - left.size} of ${lost} lost ones refused` : undefined,
    ].filter((part) => part !== undefined)
    const [still] = [...left].find(([, answer]) => answer === 'allowed') ?? []
    const silent = [...left.values()].filter((answer) => answer === 'unknown').length
    const doubts = [
      still && `${still.who} may still ${ask(still.request)}: another authorizer, or a binding made since, gives it`,
      silent > 0 && `${silent} had no answer`,
    ].filter(Boolean)
    return parts.length === 0 ? undefined : `access reviews: ${parts.join(', ')}${doubts.length > 0 ? ` (${doubts.join('; ')})` : ''}`
  }

  /** Those that are not answered as they should be, once patience is at its end. No answer is not the one that should be. */
  async #unlike(is: Question['is'], patienceMs: number): Promise<ReadonlyMap<Question, Answer>> {
    const until = Date.now() + patienceMs
    let open = this.#asked.filter((one) => one.is === is)
    for (;;) {
      const answers = await this.#answers(open)
      open = open.filter((one) => answers.get(one) !== (is === 'lost' ? 'denied' : 'allowed'))
      if (open.length === 0 || Date.now() >= until) return new Map(open.map((one) => [one, answers.get(one)!]))
      await sleep(100)
    }
  }

  async #answers(questions: readonly Question[]): Promise<ReadonlyMap<Question, Answer>> {
    const answers = new Map<Question, Answer>()
    const queue = [...questions]
    const work = async (): Promise<void> => {
      for (let one = queue.shift(); one !== undefined; one = queue.shift())
        answers.set(one, (await canThey(this.#api, one.identity, one.request)).is)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return answers
  }
}
type Answer = Verdict['is']

/** What RBAC itself says will be allowed, and refused, after the step: a right that another binding gives all the same is not lost. */
function foretold(now: Snapshot, step: Step): readonly Question[] {
  try {
    const then = grants(aggregated(applyPlan(now, [step])))
    return accessImpact(now, [step])
      .flatMap((impact) => questionsOf(impact, now))
      .filter(({ identity: { user = '', groups }, request, is }) => mayI(then, user, groups, request) === (is === 'kept'))
  } catch {
    // What it changes is gone: the write will say so itself.
    return []
  }
}

function questionsOf({ subject, text, loses, keeps, replay }: AccessImpact, now: Snapshot): readonly Question[] {
  const identity = identityOf(subject)
  const refused = new Set(replay?.refused.map(({ request }) => request))
  const observed = now.fact('ObservedRequests')
  const recorded =
    observed === undefined
      ? []
      : observedAs(observed, subject, subject.namespace).flatMap(({ user, groups, requests }) =>
          requests
            .filter((one: ObservedRequest) => one.was === 'allowed' && !refused.has(one))
            .map((one): Question => ({ who: user, identity: { user, groups }, request: questionOf(one), is: 'kept' })),
        )
  const concrete = (list: readonly ScopedRule[], is: Question['is']) =>
    list.flatMap((one) => examplesOf(one)).map((request): Question => ({ who: text, identity, request, is }))
  // A wildcard is lost although much of what it stood for is spelled out and kept.
  const isKept = ({ request }: Question): boolean =>
    keeps.some(
      ({ namespace, rule }) =>
        (namespace === undefined || ('resource' in request && request.namespace === namespace)) && ruleAllows(rule, request),
    )
  return [...recorded, ...concrete(keeps, 'kept'), ...concrete(loses, 'lost').filter((question) => !isKept(question))]
}

function identityOf({ kind, name, namespace = '' }: RbacSubject): Identity {
  if (kind === 'Group') return { groups: [name] }
  if (kind === 'ServiceAccount') return { user: serviceAccountUser(namespace, name), groups: serviceAccountGroups(namespace) }
  return { user: name, groups: [name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated'] }
}

/** Questions that this very rule answers with yes; a wildcard by an example of what it stands for. */
function examplesOf({ namespace, rule }: ScopedRule): readonly AccessRequest[] {
  const verbs = rule.verbs.includes('*') ? STANDARD_VERBS : rule.verbs
  if ((rule.nonResourceURLs?.length ?? 0) > 0)
    return rule.nonResourceURLs!.flatMap((url) =>
      verbs.slice(0, 1).map((verb) => ({ verb, path: url === '*' ? '/k8s-harden' : url.replace(/\*+$/, 'k8s-harden') })),
    )
  const [group = ''] = rule.apiGroups ?? []
  return (rule.resources ?? []).slice(0, 20).flatMap((pattern) => {
    const [resource = '', subresource] = (
      pattern === '*' ? 'secrets' : pattern.startsWith('*/') ? `pods${pattern.slice(1)}` : pattern
    ).split('/')
    return verbs.map(
      (verb): AccessRequest => ({
        verb,
        group: group === '*' ? '' : group,
        resource,
        ...(subresource !== undefined && { subresource }),
        ...(namespace !== undefined && { namespace }),
        ...(rule.resourceNames?.[0] !== undefined && { name: rule.resourceNames[0] }),
      }),
    )
  })
}

const ask = (request: AccessRequest): string => requestText({ ...request, count: 1, last: '', was: 'allowed' })
