/**
 * From the encryption that is there to the one that is wanted, in stages (controls.md 7(d)). Between two stages, and while API servers are
 * at different ones, each can read what any other writes and all that is stored; no key is let go of while a value may be stored with it.
 */
import type { EncryptionStageProvider, EncryptionStageRule } from '../model/index.ts'
import { covers, decidingRule, type EncryptionForm, formsOf, PLAIN, prefixOf, providersOf } from './encryption-forms.ts'

/** The rules that the API server of one node has loaded; none where it has no configuration. */
export interface NodeEncryption {
  readonly node: string
  readonly rules: readonly EncryptionStageRule[]
}
export type EncryptionGoal =
  /** Enabling, another provider, a new key, more resources. */
  | { readonly to: 'encrypt'; readonly with: EncryptionForm; readonly resources: readonly string[] }
  /** Everything back to plain text. */
  | { readonly to: 'plain' }
  /** As it is now: only what is not needed any more goes. */
  | { readonly to: 'same' }
export interface EncryptionWish {
  readonly goal: EncryptionGoal
  /** What may go at the end, when everything is stored anew. `identity`: plain text is refused from then on; older keys stay. */
  readonly drop: 'nothing' | 'identity' | 'all'
  /** What the API server serves, `deployments.apps`: only needed where a rule has wildcards. */
  readonly served?: readonly string[]
}

export type EncryptionStage =
  /** One node after the other; the next stage begins when all have loaded theirs. */
  | { readonly is: 'files'; readonly step: 'read' | 'write' | 'drop'; readonly files: readonly NodeEncryption[] }
  | { readonly is: 'rewrite'; readonly resources: readonly string[]; readonly prefix: string; readonly onlyUndo?: true }

/** Why there is no safe way: one clause. */
export class NoStages extends Error {}

/**
 * The stages, in order. First all learn to read the new form, then each writes it, then what is stored is stored anew, then the old goes.
 * A rewrite `onlyUndo` stands before the first write: taking the stages back passes through it before anything is unlearnt.
 */
export function encryptionStages(present: readonly NodeEncryption[], { goal, drop, served }: EncryptionWish): readonly EncryptionStage[] {
  const base = present.toSorted((a, b) => b.rules.length - a.rules.length)[0]?.rules ?? []
  const { shape, changed } = shapeFor(base, goal)
  const nodes = present.map(({ node, rules }) => ({
    node,
    before: rules,
    lists: shape.map((resources) => formsHere(rules, resources, node)),
  }))
  const targets = new Map<number, EncryptionForm>()
  const names = new Set(nodes.flatMap(({ lists }) => lists.flat()).flatMap((form) => (form.kind === 'kms' ? [form.name] : [])))
  for (const at of changed)
    targets.set(
      at,
      targetOf(
        goal,
        nodes.map(({ lists }) => lists[at]!),
        names,
      ),
    )

  /** The file of each node, with the rules that change arranged anew. */
  const filesOf = (
    step: 'read' | 'write' | 'drop',
    arrange: (target: EncryptionForm, own: EncryptionForm, all: readonly EncryptionForm[]) => readonly EncryptionForm[],
  ) => ({
    is: 'files' as const,
    step,
    files: nodes.map(({ node, lists, before }) => ({
      node,
      rules: shape.map((resources, at) => {
        const target = targets.get(at)
        // Its own, and what the others write. One that had no file at all reads whatever the others do.
        const all = [...lists[at]!, ...nodes.flatMap((one) => (before.length === 0 ? one.lists[at]! : one.lists[at]!.slice(0, 1)))]
        return { resources, providers: providersOf(target === undefined ? lists[at]! : arrange(target, lists[at]![0]!, all)) }
      }),
    })),
  })
  const read = filesOf('read', (target, own, all) => [own, target, ...all])
  const write = filesOf('write', (target, _own, all) => [target, ...all])
  const last = filesOf('drop', (target, _own, all) =>
    drop === 'all' ? [target] : [target, ...all.filter(({ kind }) => drop === 'nothing' || kind !== 'identity')],
  )

  const twice = read.files[0]?.rules.flatMap(({ providers }) => providers.flatMap((one) => (one.kind === 'kms' ? [one.name] : []))) ?? []
  if (new Set(twice).size < twice.length) throw new NoStages('a kms provider would have to stand in two entries, which no API server takes')

  const stages: EncryptionStage[] = []
  let now = present
  const add = (stage: typeof read) => {
    const files = stage.files.filter(({ rules }, index) => !sameRules(rules, now[index]!.rules))
    if (files.length > 0) stages.push({ ...stage, files })
    now = stage.files
    return files.length > 0
  }
  const anew = (rules: readonly number[], prefixAt: (at: number) => string) => rewrites(shape, rules, prefixAt, served)
  add(read)
  // Where nodes do not write alike, an interrupted run has a gate of its own to go back through.
  const writersNow = (at: number) => new Set(nodes.map(({ lists }) => prefixOf(lists[at]![0]!)))
  const alike = changed.filter((at) => writersNow(at).size === 1)
  const gate = anew(alike, (at) => [...writersNow(at)][0]!).map((rewrite) => ({ ...rewrite, onlyUndo: true as const }))
  const before = stages.length
  const isWritten = add(write)
  if (isWritten) stages.splice(before, 0, ...gate)
  const drops = nodes.some((_, index) => !sameRules(last.files[index]!.rules, write.files[index]!.rules))
  // Also where all write it already: an interrupted run may not have come to it, and what follows stands on it.
  if (goal.to !== 'same' || drops) stages.push(...anew(changed, (at) => prefixOf(targets.get(at)!)))
  add(last)
  return stages
}

/** The rules by what they cover, in order, and which of them change. */
function shapeFor(
  base: readonly EncryptionStageRule[],
  goal: EncryptionGoal,
): { readonly shape: readonly (readonly string[])[]; readonly changed: readonly number[] } {
  const shape = reached(base).map(({ resources }) => resources)
  if (goal.to !== 'encrypt') return { shape, changed: shape.map((_, at) => at) }
  const all = shape.map((resources) => ({ resources, providers: [] }))
  const added: string[] = []
  const split = new Map<number, string[]>()
  const whole = new Set<number>()
  for (const resource of goal.resources) {
    const at = decidingRule(all, resource)
    if (at < 0) added.push(resource)
    else if (shape[at]!.every((entry) => goal.resources.some((wanted) => covers(wanted, entry)))) whole.add(at)
    else split.set(at, [...(split.get(at) ?? []), resource])
  }
  const pieces = shape.flatMap((resources, at) => {
    const apart = split.get(at)
    const rest = { resources: apart === undefined ? resources : resources.filter((entry) => !apart.includes(entry)), change: whole.has(at) }
    return apart === undefined ? [rest] : [{ resources: apart, change: true }, rest]
  })
  const own = added.filter((resource) => !added.some((other) => other !== resource && covers(other, resource)))
  if (own.length > 0) pieces.push({ resources: own, change: true })
  const kept = reached(pieces)
  return { shape: kept.map(({ resources }) => resources), changed: kept.flatMap(({ change }, at) => (change ? [at] : [])) }
}

/** Without the entries that an earlier one covers: they decide nothing. */
function reached<T extends { readonly resources: readonly string[] }>(pieces: readonly T[]): readonly T[] {
  const before: string[] = []
  return pieces
    .map((piece) => {
      const resources = piece.resources.filter((entry) => !before.some((earlier) => covers(earlier, entry)))
      before.push(...resources)
      return { ...piece, resources }
    })
    .filter(({ resources }) => resources.length > 0)
}

/** What a node does now with the resources of one rule to be. */
function formsHere(rules: readonly EncryptionStageRule[], resources: readonly string[], node: string): readonly EncryptionForm[] {
  const deciding = new Set(resources.map((entry) => decidingRule(rules, entry)))
  const [at = -1] = deciding
  if (deciding.size > 1)
    throw new NoStages(
      `the file on ${node} covers ${resources.join(', ')} by different entries: make the files of all nodes cover the same first`,
    )
  return at < 0 ? [PLAIN] : formsOf(rules[at]!.providers)
}

/** A kms provider's name may stand only once in a file: every further rule gets one of its own, at the same socket. */
function targetOf(goal: EncryptionGoal, lists: readonly (readonly EncryptionForm[])[], names: Set<string>): EncryptionForm {
  if (goal.to === 'plain') return PLAIN
  if (goal.to === 'same') {
    const [first, ...others] = lists.map((list) => list[0]!)
    if (others.some((other) => prefixOf(other) !== prefixOf(first!))) throw new NoStages('the nodes do not write alike yet')
    return first!
  }
  const wanted: EncryptionStageProvider = goal.with
  const own = lists.flat().find((form) => prefixOf(form) === prefixOf(wanted))
  if (wanted.kind !== 'kms') return own ?? wanted
  const same = lists
    .flat()
    .find((form) => form.kind === 'kms' && form.apiVersion === wanted.apiVersion && form.endpoint === wanted.endpoint)
  if (same !== undefined) return same
  let name = wanted.name
  for (let count = 2; names.has(name); count++) name = `${wanted.name}-${count}`
  names.add(name)
  return { ...wanted, name }
}

/** One rewrite for each prefix; wildcards become what is served and not decided by an earlier rule. */
function rewrites(
  shape: readonly (readonly string[])[],
  changed: readonly number[],
  prefixAt: (at: number) => string,
  served: readonly string[] | undefined,
): readonly Extract<EncryptionStage, { is: 'rewrite' }>[] {
  const byPrefix = new Map<string, string[]>()
  const rules = shape.map((resources) => ({ resources, providers: [] }))
  for (const at of changed) {
    const entries = shape[at]!
    const isWild = entries.some((entry) => entry.startsWith('*.'))
    if (isWild && served === undefined)
      throw new NoStages(
        `${entries.join(', ')} stands for resources that are not known here: scan the live cluster, with list on apiservices allowed`,
      )
    const named = isWild ? served!.filter((resource) => decidingRule(rules, resource) === at) : entries
    byPrefix.set(prefixAt(at), [...(byPrefix.get(prefixAt(at)) ?? []), ...named])
  }
  return [...byPrefix].map(([prefix, resources]) => ({ is: 'rewrite', resources, prefix }))
}

const sameRules = (a: readonly EncryptionStageRule[], b: readonly EncryptionStageRule[]): boolean => plainly(a) === plainly(b)
const plainly = (rules: readonly EncryptionStageRule[]): string =>
  JSON.stringify(rules.map(({ resources, providers }) => [resources, providersOf(formsOf(providers))]))
