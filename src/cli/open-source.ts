import { join } from 'node:path'
import type { ApiClient } from '../apiserver/client.ts'
import type { Host } from '../hosts/host.ts'
import type { ClusterSource, Json } from '../model/index.ts'
import { stateDirectory } from '../writers/journal.ts'
import { withCloudIamOf } from './cloud-iam-option.ts'
import { withHostsOf } from './hosts-option.ts'
import { withImagesOf } from './images-option.ts'
import { withAuditLogsOf, withFlowsOf } from './log-options.ts'
import { sizeNursery } from './nursery.ts'
import { checkSource, type SourceOptions } from './options.ts'

export interface OpenOptions extends SourceOptions {
  readonly namespace?: readonly string[]
}
export interface Opened {
  readonly source: ClusterSource
  /** Where applying writes, in words. */
  readonly writesTo: string
  /** Root of the files, for the manifests writer; absent on a live cluster. */
  readonly root?: string
  /** The client of a live cluster. */
  readonly client?: ApiClient
  /** Nodes whose files can be reached, as the operator said (`--host`). */
  readonly hosts?: readonly Host[]
  /** Enough to open it again for an undo: goes into the journal, so it holds no credentials. */
  readonly location: Json
}

/** Opens what the operator named; the current kube-context by default. Each kind is loaded only when it is the one. */
export async function openSource(options: OpenOptions): Promise<Opened> {
  checkSource(options)
  sizeNursery()
  const opened = await openNamed(options)
  const { images, auditLog, flows, cloudIam } = options
  let { source } = opened
  if (images !== undefined) source = await withImagesOf(source, images)
  if (auditLog !== undefined) source = await withAuditLogsOf(source, auditLog)
  if (flows !== undefined) source = await withFlowsOf(source, flows)
  if (cloudIam !== undefined) source = await withCloudIamOf(source, cloudIam, opened.client?.context)
  if (options.host === undefined || opened.client === undefined) return { ...opened, source }
  return withHostsOf({ ...opened, source, client: opened.client }, options.host)
}

async function openNamed(options: OpenOptions): Promise<Opened> {
  if (options.sample) return openSample()
  if (options.manifests !== undefined) return openManifests(options.manifests, options.namespace)
  return openLive(options)
}

async function openSample(): Promise<Opened> {
  const { sampleSource } = await import('../sources/sample.ts')
  const root = join(stateDirectory(), 'sample')
  return { source: await sampleSource(root), root, writesTo: `a working copy of the sample in ${root}`, location: { kind: 'sample' } }
}

async function openManifests(path: string, namespaces: readonly string[] | undefined): Promise<Opened> {
  const { manifestsSource } = await import('../sources/manifests.ts')
  const source = manifestsSource(path, namespaces === undefined ? {} : { namespaces })
  return {
    source,
    ...(path !== '-' && { root: path }),
    writesTo: path === '-' ? 'nowhere: standard input cannot be written' : `the files in ${path}`,
    location: { kind: 'manifests', path },
  }
}

async function openLive({ context: name, kubeconfig, namespace: namespaces }: OpenOptions): Promise<Opened> {
  const { pickContext } = await import('../apiserver/context.ts')
  const { ApiClient } = await import('../apiserver/client.ts')
  const { liveSource } = await import('../sources/live.ts')
  const context = pickContext({ ...(name !== undefined && { context: name }), ...(kubeconfig !== undefined && { kubeconfig }) })
  const client = new ApiClient(context)
  return {
    source: liveSource({ client, context: context.name, ...(namespaces !== undefined && { namespaces }) }),
    client,
    writesTo: `the live cluster of context ${context.name}`,
    location: { kind: 'live', context: context.name, ...(kubeconfig !== undefined && { kubeconfig }) },
  }
}

/** The options that open again what a run was made on; its `location` is what openSource gave for the journal. */
export function optionsOfLocation(location: Json): SourceOptions {
  const {
    kind,
    context,
    kubeconfig,
    path = '',
    host,
  } = location as {
    readonly kind?: string
    readonly context?: string
    readonly kubeconfig?: string
    readonly path?: string
    host?: string[]
  }
  if (kind === 'sample') return { sample: true }
  if (kind === 'manifests') return { manifests: path }
  return {
    ...(context !== undefined && { context }),
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(host !== undefined && { host }),
  }
}
