/**
 * Writes src/objects/rbac-bootstrap.gen.ts from the source of Kubernetes: the default RBAC objects that the API server of each
 * supported minor creates, and the resources that the newest serves. Run it by hand when the newest supported minor moves; its
 * output is committed and no check needs Go. One folder for each minor, the oldest first:
 *
 *   for version in 1.28.15 … 1.37.2; do go mod download k8s.io/kubernetes@v$version; done
 *   node bin/gen-rbac-bootstrap.ts "$(go env GOMODCACHE)"/k8s.io/kubernetes@v1.{28.15,…,37.2}
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { load } from 'js-yaml'

interface Rule {
  verbs: string[]
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
  nonResourceURLs?: string[]
}
interface Item {
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  rules?: Rule[] | null
  aggregationRule?: { clusterRoleSelectors: { matchLabels: Record<string, string> }[] }
  roleRef?: { kind: string; name: string }
  subjects?: { kind: string; name: string; namespace?: string }[]
}
interface Discovery {
  items: { metadata: { name?: string }; versions: { resources: { resource: string; subresources?: { subresource: string }[] }[] }[] }[]
}
interface Release {
  readonly minor: number
  readonly version: string
  readonly root: string
}

const releases: readonly Release[] = process.argv.slice(2).map((root) => {
  const version = basename(root).split('@')[1] ?? ''
  return { root, version, minor: Number(version.split('.')[1]) }
})
const newest = releases.at(-1)
if (newest === undefined) throw new Error('usage: node bin/gen-rbac-bootstrap.ts FOLDER_OF_THE_MODULE_k8s.io/kubernetes ...')

function items({ root }: Release, ...files: string[]): Item[] {
  const paths = files.map((file) => join(root, 'plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata', `${file}.yaml`))
  return paths.filter((path) => existsSync(path)).flatMap((path) => (load(readFileSync(path, 'utf8')) as { items: Item[] }).items)
}

const ruleRow = (rule: Rule) =>
  rule.nonResourceURLs
    ? [rule.verbs.join(' '), null, rule.nonResourceURLs.join(' ')]
    : [
        rule.verbs.join(' '),
        (rule.apiGroups ?? []).join(' '),
        (rule.resources ?? []).join(' '),
        ...(rule.resourceNames ? [rule.resourceNames.join(' ')] : []),
      ]
const key = (item: Item): string =>
  item.metadata.namespace === undefined ? item.metadata.name : `${item.metadata.namespace}/${item.metadata.name}`
const aggregates = (item: Item): string[] =>
  (item.aggregationRule?.clusterRoleSelectors ?? []).flatMap((selector) => Object.keys(selector.matchLabels))
const aggregatedTo = (item: Item): string[] => Object.keys(item.metadata.labels ?? {}).filter((label) => label.includes('aggregate-to-'))
const bindingRow = ({ roleRef, subjects = [] }: Item) => [
  `${roleRef!.kind} ${roleRef!.name}`,
  ...subjects.map(({ kind, name, namespace }) => `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`),
]

/** By minor: true with the gates that are on by default, false only with more of them. */
type Presence = Map<number, boolean>
interface Seen<Row> {
  readonly at: Presence
  readonly rows: Map<string, { readonly row: Row; readonly at: Presence }>
}
function noted<Row>(known: Map<string, Seen<Row>>, name: string, rows: readonly Row[], minor: number, byDefault: boolean): void {
  const seen = known.get(name) ?? { at: new Map(), rows: new Map() }
  known.set(name, seen)
  if (!seen.at.has(minor)) seen.at.set(minor, byDefault)
  for (const row of rows) {
    const entry = seen.rows.get(JSON.stringify(row)) ?? { row, at: new Map() }
    seen.rows.set(JSON.stringify(row), entry)
    if (!entry.at.has(minor)) entry.at.set(minor, byDefault)
  }
}
const isAlways = (at: Presence, whole: Presence): boolean =>
  whole.size === at.size && [...whole].every(([minor, by]) => at.get(minor) === by)
/** `28-31 33 35-37?`: the question mark says that a feature gate, off by default, has to be on. */
function span(at: Presence): string {
  const runs: { from: number; to: number; byDefault: boolean }[] = []
  for (const { minor } of releases) {
    const byDefault = at.get(minor)
    const last = runs.at(-1)
    if (byDefault === undefined) continue
    if (last?.to === minor - 1 && last.byDefault === byDefault) last.to = minor
    else runs.push({ from: minor, to: minor, byDefault })
  }
  return runs.map(({ from, to, byDefault }) => `${from}${to === from ? '' : `-${to}`}${byDefault ? '' : '?'}`).join(' ')
}
const everywhere: Presence = new Map(releases.map(({ minor }) => [minor, true]))

const [roles, bindings] = [new Map<string, Seen<ReturnType<typeof ruleRow>>>(), new Map<string, Seen<string>>()]
const labels = new Map<string, { from: Set<string>; to: Set<string> }>()
for (const release of releases) {
  for (const byDefault of [true, false]) {
    const files = byDefault ? ['cluster-roles', 'controller-roles', 'namespace-roles'] : ['cluster-roles-featuregates']
    for (const role of items(release, ...files)) {
      noted(roles, key(role), (role.aggregationRule ? [] : (role.rules ?? [])).map(ruleRow), release.minor, byDefault)
      const { from, to } = labels.get(key(role)) ?? { from: new Set(), to: new Set() }
      labels.set(key(role), { from: new Set([...from, ...aggregates(role)]), to: new Set([...to, ...aggregatedTo(role)]) })
    }
  }
  for (const binding of items(release, 'cluster-role-bindings', 'controller-role-bindings', 'namespace-role-bindings'))
    noted(bindings, key(binding), bindingRow(binding), release.minor, true)
}

function roleRow(name: string, { at, rows }: Seen<ReturnType<typeof ruleRow>>) {
  const always = [...rows.values()].filter((entry) => isAlways(entry.at, at))
  const some = Map.groupBy(
    [...rows.values()].filter((entry) => !isAlways(entry.at, at)),
    (entry) => span(entry.at),
  )
  const { from, to } = labels.get(name)!
  return {
    ...(!isAlways(at, everywhere) && { in: span(at) }),
    ...(always.length > 0 && { rules: always.map(({ row }) => row) }),
    ...(some.size > 0 && { some: Object.fromEntries([...some].map(([minors, list]) => [minors, list.map(({ row }) => row)])) }),
    ...(from.size > 0 && { from: [...from] }),
    ...(to.size > 0 && { to: [...to] }),
  }
}
const past = new Map<string, string>()
/** The role, then every subject of any minor. */
function withSubjects(name: string, { at, rows }: Seen<string>): string[] {
  if (!isAlways(at, everywhere)) past.set(name, span(at))
  for (const entry of rows.values()) if (!isAlways(entry.at, at)) past.set(`${name} ${entry.row}`, span(entry.at))
  return [...rows.values()].map(({ row }) => row)
}

const resources = new Map<string, Set<string>>()
for (const file of ['api/discovery/aggregated_v2.json', 'api/discovery/api.json']) {
  const text = readFileSync(join(newest.root, file), 'utf8')
  for (const { metadata, versions } of (JSON.parse(text) as Partial<Discovery>).items ?? []) {
    const served = resources.get(metadata.name ?? '') ?? new Set<string>()
    resources.set(metadata.name ?? '', served)
    for (const { resource, subresources = [] } of versions.flatMap((version) => version.resources)) {
      served.add(resource)
      for (const { subresource } of subresources) served.add(`${resource}/${subresource}`)
    }
  }
}
const core = JSON.parse(readFileSync(join(newest.root, 'api/discovery/api__v1.json'), 'utf8')) as { resources: { name: string }[] }
resources.set('', new Set(core.resources.map(({ name }) => name)))

const row = (value: unknown): string => JSON.stringify(value)
const entries = (pairs: (readonly [string, unknown])[]): string => pairs.map(([name, value]) => `  ${row(name)}: ${row(value)},`).join('\n')
const byName = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
writeFileSync(
  new URL('../src/objects/rbac-bootstrap.gen.ts', import.meta.url),
  `// Generated by bin/gen-rbac-bootstrap.ts from k8s.io/kubernetes ${releases.map(({ version }) => version).join(', ')}. Do not edit.
/** Minors of Kubernetes 1 that the tables hold: the oldest and the newest. */
export const BOOTSTRAP_MINORS = [${releases[0]!.minor}, ${newest.minor}] as const
/** [verbs, groups (null: paths), resources or paths, names]; words apart by spaces, '' is the core group. */
export type RuleRow = readonly [verbs: string, groups: string | null, resources: string, names?: string]
export interface RoleRow {
  /** Minors that have it, as \`28-31 33 35-37?\`; the question mark: only with a feature gate that is off by default. Absent: all. */
  readonly in?: string
  /** What it grants wherever it is there. */
  readonly rules?: readonly RuleRow[]
  /** What it grants in some minors only, by these. */
  readonly some?: Readonly<Record<string, readonly RuleRow[]>>
  /** Labels by which it is aggregated. */
  readonly from?: readonly string[]
  /** Labels it is aggregated by. */
  readonly to?: readonly string[]
}
/** By \`name\`, or \`namespace/name\` of a Role. */
export const BOOTSTRAP_ROLES: Readonly<Record<string, RoleRow>> = {
${entries(byName(roles).map(([name, seen]) => [name, roleRow(name, seen)]))}
}
/** [kind and name of the role, subjects as \`Kind name\` or \`ServiceAccount namespace/name\`]. */
export type BindingRow = readonly [role: string, ...subjects: string[]]
export const BOOTSTRAP_BINDINGS: Readonly<Record<string, BindingRow>> = {
${entries(byName(bindings).map(([name, seen]) => [name, withSubjects(name, seen)]))}
}
/** Minors that have a binding (by its key), or a subject of one (by the key, a space and the subject), where not all have it. */
export const BINDING_MINORS: Readonly<Record<string, string>> = {
${entries(byName(past))}
}
/** What the API server itself serves, by group, every version and subresource. */
export const BUILT_IN_RESOURCES: Readonly<Record<string, string>> = {
${entries(
  [...resources]
    .filter(([, served]) => served.size > 0)
    .map(([group, served]) => [group, [...served].sort().join(' ')] as const)
    .sort(([a], [b]) => a.localeCompare(b)),
)}
}
`,
)
