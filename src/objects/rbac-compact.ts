/** The fewest plain rules that grant exactly these rights. */
import type { PolicyRule } from '../model/index.ts'
import { hasWildcard, STANDARD_VERBS } from './rbac-rules.ts'

/** One verb on one resource (`pods/exec` for a subresource); `names` absent: whatever the object's name. */
export interface Right {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly names?: readonly string[]
}

/** Resources and groups share a rule where every verb and name is the same for all of them; nothing is rounded up. */
export function compacted(rights: readonly Right[]): readonly PolicyRule[] {
  const unnamed = new Set(rights.filter(({ names }) => names === undefined).map(keyOf))
  const verbsOf = new Map<string, { readonly right: Right; readonly verbs: Set<string> }>()
  for (const right of rights) {
    if (right.names !== undefined && unnamed.has(keyOf(right))) continue
    const key = [right.group, right.resource, namesOf(right)].join('\0')
    const entry = verbsOf.get(key)
    if (entry === undefined) verbsOf.set(key, { right, verbs: new Set([right.verb]) })
    else entry.verbs.add(right.verb)
  }
  const rows = [...verbsOf.values()].map(({ right, verbs }) => ({ right, verbs: inOrder(verbs) }))
  const byGroup = [...Map.groupBy(rows, ({ right, verbs }) => [right.group, namesOf(right), ...verbs].join('\0')).values()].map((same) => ({
    ...same[0]!,
    resources: same.map(({ right }) => right.resource).sort(),
  }))
  const rules = [...Map.groupBy(byGroup, ({ right, verbs, resources }) => JSON.stringify([namesOf(right), verbs, resources])).values()].map(
    (same): PolicyRule => {
      const { right, verbs, resources } = same[0]!
      return {
        apiGroups: same.map((one) => one.right.group).sort(),
        resources,
        ...(right.names !== undefined && { resourceNames: [...right.names].sort() }),
        verbs,
      }
    },
  )
  return rules.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

const keyOf = ({ verb, group, resource }: Right): string => [verb, group, resource].join('\0')
const namesOf = ({ names }: Right): string => (names === undefined ? '*' : JSON.stringify([...names].sort()))

/** As people write them: get, list, watch, create, …; others after. */
const inOrder = (verbs: ReadonlySet<string>): readonly string[] => [
  ...STANDARD_VERBS.filter((verb) => verbs.has(verb)),
  ...[...verbs].filter((verb) => !STANDARD_VERBS.includes(verb)).sort(),
]

/** Paths with the same verbs share a rule. */
export function compactedPaths(asked: readonly { readonly verb: string; readonly path: string }[]): readonly PolicyRule[] {
  const verbsOf = Map.groupBy(asked, ({ path }) => path)
  const rows = [...verbsOf].map(([path, list]) => ({ path, verbs: [...new Set(list.map(({ verb }) => verb))].sort() }))
  return [...Map.groupBy(rows, ({ verbs }) => verbs.join()).values()].map((same) => ({
    nonResourceURLs: same.map(({ path }) => path).sort(),
    verbs: same[0]!.verbs,
  }))
}

/** Both, in the fewest rules; what has a wildcard in it stays as it is written. */
export function united(some: readonly PolicyRule[], more: readonly PolicyRule[]): readonly PolicyRule[] {
  const all = [...some, ...more]
  const plain = all.filter((rule) => !hasWildcard(rule))
  const names = new Map<string, { readonly right: Right; readonly names: Set<string> }>()
  const rights: Right[] = []
  for (const right of plain.flatMap(rightsOf)) {
    if (right.names === undefined) rights.push(right)
    else {
      const entry = names.get(keyOf(right)) ?? { right, names: new Set() }
      for (const name of right.names) entry.names.add(name)
      names.set(keyOf(right), entry)
    }
  }
  const named = [...names.values()].map((one): Right => ({ ...one.right, names: [...one.names] }))
  const paths = plain.flatMap(({ nonResourceURLs = [], verbs }) => nonResourceURLs.flatMap((path) => verbs.map((verb) => ({ verb, path }))))
  const wild = new Map(all.filter(hasWildcard).map((rule) => [JSON.stringify(rule), rule]))
  return [...compacted([...rights, ...named]), ...compactedPaths(paths), ...wild.values()]
}

const rightsOf = ({ verbs, apiGroups = [], resources = [], resourceNames = [] }: PolicyRule): readonly Right[] =>
  apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.map((verb): Right => ({ verb, group, resource, ...(resourceNames.length > 0 && { names: resourceNames }) })),
    ),
  )
