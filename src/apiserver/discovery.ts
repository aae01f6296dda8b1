/** Which kinds are served, under which versions. */
import type { ApiClient } from './client.ts'
import type { Refusal } from './refusal.ts'

export interface ServedResource {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  /** `exec`, `status`, … */
  readonly subresources: readonly string[]
}

/** What an API server serves. Groups whose own server did not answer are `silent`: nothing is known of them. */
export class Discovery {
  readonly #resources: readonly ServedResource[]
  readonly #silent: ReadonlySet<string>

  constructor(resources: readonly ServedResource[], silent: ReadonlySet<string>) {
    this.#resources = resources
    this.#silent = silent
  }

  get resources(): readonly ServedResource[] {
    return this.#resources
  }

  /** By plural; the version asked for where it is served, else the one the server prefers. */
  resource(group: string, plural: string, version?: string): ServedResource | undefined {
    const found = this.#resources.filter((one) => one.group === group && one.plural === plural)
    return found.find((one) => one.version === version) ?? found[0]
  }

  /** By wire apiVersion and kind, as an object names itself. */
  find(apiVersion: string, kind: string): ServedResource | undefined {
    const slash = apiVersion.indexOf('/')
    const group = slash < 0 ? '' : apiVersion.slice(0, slash)
    const found = this.#resources.filter((one) => one.group === group && one.kind === kind)
    return found.find((one) => one.version === apiVersion.slice(slash + 1)) ?? found[0]
  }

  serves(group: string): boolean {
    return this.#resources.some((one) => one.group === group)
  }
  get silent(): ReadonlySet<string> {
    return this.#silent
  }
  isSilent(group: string): boolean {
    return this.#silent.has(group)
  }
}

/** A server keeps objects of it somewhere: unlike reviews and bindings, which are only answered, and metrics, which are only shown. */
export const isKept = (verbs: readonly string[]): boolean => ['list', 'get', 'patch'].every((verb) => verbs.includes(verb))

/** `/api/v1/namespaces/shop/pods/cart`; without a name the collection, without a namespace all of them. */
export function pathOf(
  { group, version, plural }: Pick<ServedResource, 'group' | 'version' | 'plural'>,
  namespace?: string,
  name?: string,
  subresource?: string,
): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const parts = [
    ...(namespace === undefined || namespace === '' ? [] : ['namespaces', namespace]),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ]
  return `${root}/${parts.map(encodeURIComponent).join('/')}`
}

const AGGREGATED =
  'application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList,application/json;v=v2beta1;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList,application/json'

interface AggregatedList {
  readonly kind: 'APIGroupDiscoveryList'
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string }
    readonly versions?: readonly {
      readonly version: string
      readonly freshness?: string
      readonly resources?: readonly {
        readonly resource: string
        readonly responseKind?: { readonly kind?: string }
        readonly scope?: string
        readonly verbs?: readonly string[]
        readonly subresources?: readonly { readonly subresource: string }[]
      }[]
    }[]
  }[]
}
interface GroupList {
  readonly kind: 'APIGroupList'
  readonly groups?: readonly {
    readonly name: string
    readonly versions: readonly { readonly version: string }[]
    readonly preferredVersion?: { readonly version: string }
  }[]
}
interface CoreVersions {
  readonly kind: 'APIVersions'
  readonly versions?: readonly string[]
}
interface ResourceList {
  readonly resources?: readonly {
    readonly name: string
    readonly kind: string
    readonly namespaced: boolean
    readonly verbs?: readonly string[]
  }[]
}
type Root = AggregatedList | GroupList | CoreVersions

/** Two requests where the server aggregates (1.26 and later), else one more per group version. */
export async function discover(client: ApiClient, signal?: AbortSignal): Promise<Discovery | Refusal> {
  const options = { accept: AGGREGATED, verb: 'get', resource: 'API discovery', ...(signal && { signal }) }
  const roots = await Promise.all([client.get<Root>('/api', options), client.get<Root>('/apis', options)])
  const resources: ServedResource[] = []
  const silent = new Set<string>()
  for (const root of roots) {
    if (!root.ok) return root.refusal
    if (root.body?.kind === 'APIGroupDiscoveryList') takeAggregated(root.body, resources, silent)
    else await Promise.all(groupVersionsOf(root.body).map((one) => readGroupVersion(client, one, resources, silent, signal)))
  }
  return new Discovery(resources, silent)
}

function takeAggregated({ items = [] }: AggregatedList, resources: ServedResource[], silent: Set<string>): void {
  for (const { metadata, versions = [] } of items) {
    const group = metadata?.name ?? ''
    for (const { version, freshness, resources: list = [] } of versions) {
      // Stale: the group's own server is down, and what is listed may be old or nothing.
      if (freshness === 'Stale') silent.add(group)
      for (const { resource, responseKind, scope, verbs = [], subresources = [] } of list) {
        resources.push({
          group,
          version,
          plural: resource,
          kind: responseKind?.kind ?? '',
          namespaced: scope === 'Namespaced',
          verbs,
          subresources: subresources.map(({ subresource }) => subresource),
        })
      }
    }
  }
}

function groupVersionsOf(root: GroupList | CoreVersions): { group: string; version: string }[] {
  if (root?.kind === 'APIVersions') return (root.versions ?? []).map((version) => ({ group: '', version }))
  return (root?.groups ?? []).flatMap(({ name, versions, preferredVersion }) => {
    const order = versions
      .map(({ version }) => version)
      .sort((a, b) => Number(b === preferredVersion?.version) - Number(a === preferredVersion?.version))
    return order.map((version) => ({ group: name, version }))
  })
}

async function readGroupVersion(
  client: ApiClient,
  { group, version }: { group: string; version: string },
  resources: ServedResource[],
  silent: Set<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const leave = await client.lists.enter(signal)
  try {
    const answer = await client.get<ResourceList>(group === '' ? `/api/${version}` : `/apis/${group}/${version}`, {
      ...(signal && { signal }),
    })
    if (!answer.ok) return void silent.add(group)
    const list = answer.body.resources ?? []
    for (const { name, kind, namespaced, verbs = [] } of list) {
      if (name.includes('/')) continue
      const subresources = list.filter((other) => other.name.startsWith(`${name}/`)).map((other) => other.name.slice(name.length + 1))
      resources.push({ group, version, plural: name, kind, namespaced, verbs, subresources })
    }
  } finally {
    leave()
  }
}
