import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { ApiClient } from './api-client.ts'
import type { Cluster } from './cluster.ts'

export { generateLoad, type LoadOptions, type LoadSummary } from './load.ts'

/** An object that the server did not take. */
export interface Rejected {
  readonly file: string
  readonly object: string
  readonly reason: string
}

export interface Corpora {
  readonly applied: readonly string[]
  readonly rejected: readonly Rejected[]
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

interface Resource {
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
}

/**
 * Applies every YAML file below `dir` on the server, in namespaces that are made when needed.
 * What the server refuses is returned with its reason: deliberately bad manifests are expected to meet some refusals.
 */
export async function loadCorpora({ api }: Cluster, dir: string): Promise<Corpora> {
  const applied: string[] = []
  const rejected: Rejected[] = []
  const resources = resourceFinder(api)
  for (const file of await yamlFiles(dir)) {
    for (const manifest of await manifestsIn(join(dir, file))) {
      const object = `${manifest.kind}/${manifest.metadata.name}`
      const reason = await apply(api, resources, manifest)
      if (reason === undefined) applied.push(object)
      else rejected.push({ file, object, reason })
    }
  }
  return { applied, rejected }
}

async function yamlFiles(dir: string): Promise<string[]> {
  const files = await readdir(dir, { recursive: true })
  return files.filter((file) => /\.ya?ml$/.test(file)).sort()
}

async function manifestsIn(path: string): Promise<Manifest[]> {
  const documents = parseAllDocuments(await readFile(path, 'utf8'))
  if (!Array.isArray(documents)) return []
  const objects = documents.map((document) => document.toJS() as (Manifest & { items?: Manifest[] }) | null)
  return objects.flatMap((object) => (object?.kind === 'List' ? (object.items ?? []) : object?.kind ? [object] : []))
}

/** Applies one object; returns why it was refused, if it was. */
async function apply(api: ApiClient, find: ResourceFinder, manifest: Manifest): Promise<string | undefined> {
  const { apiVersion, kind, metadata } = manifest
  const resource = await find(apiVersion, kind)
  if (!resource) return `the server serves no ${apiVersion} ${kind}`
  const namespace = metadata.namespace ?? 'default'
  if (resource.namespaced) await ensureNamespace(api, namespace)
  const scope = resource.namespaced ? `/namespaces/${namespace}` : ''
  const path = `${root(apiVersion)}${scope}/${resource.name}/${metadata.name}?fieldManager=test-corpora&force=true`
  const { status, text } = await api.request('PATCH', path, { body: manifest, contentType: 'application/apply-patch+yaml' })
  return status < 400 ? undefined : messageOf(text)
}

/** Makes a namespace unless it is there, and waits for nothing. */
async function ensureNamespace(api: ApiClient, name: string): Promise<void> {
  if ((await api.request('GET', `/api/v1/namespaces/${name}`)).status === 200) return
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
}

type ResourceFinder = (apiVersion: string, kind: string) => Promise<Resource | undefined>

/** Looks kinds up in the server's discovery, each group version once. */
function resourceFinder(api: ApiClient): ResourceFinder {
  const known = new Map<string, Promise<Resource[]>>()
  const load = async (apiVersion: string) => {
    const { status, text } = await api.request('GET', root(apiVersion))
    return status === 200 ? (JSON.parse(text) as { resources: Resource[] }).resources : []
  }
  return async (apiVersion, kind) => {
    const list = known.get(apiVersion) ?? load(apiVersion)
    known.set(apiVersion, list)
    // Subresources repeat the kind under a name with a slash.
    return (await list).find((resource) => resource.kind === kind && !resource.name.includes('/'))
  }
}

function root(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message: string }).message
  } catch {
    return text
  }
}
