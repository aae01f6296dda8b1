/** The static pod of a component on a node: its manifest there, and the mirror pod by which the cluster shows what runs. */
import { type Host, HostRefused, type ReadFile } from '../hosts/host.ts'
import type { ContainerSpec, ControlPlaneComponent, PodObject } from '../model/index.ts'
import { commandLineOf } from '../objects/flag-parse.ts'
import { YamlProblem, yamlValue } from '../objects/yaml-dialect.ts'
import { documentsIn } from '../objects/yaml-documents.ts'
import { sameJson } from '../plan/canonical.ts'
import { WriteRefused } from '../plan/writer.ts'
import type { HostWorld } from './host-performer.ts'
import { readForChange } from './host-placing.ts'

export interface StaticPod {
  readonly path: string
  readonly file: ReadFile
  readonly pod: PodObject
  /** The one that runs the component. */
  readonly container: ContainerSpec
  /** Index of the manifest among the documents of its file. */
  readonly document: number
  readonly namespace: string
  /** Of the mirror pod. */
  readonly name: string
}
/** A mirror pod; `hash` changes with its manifest. */
export type MirrorPod = PodObject & { readonly hash: string }

const KUBELET_CONFIG = '/var/lib/kubelet/config.yaml'
const MANIFESTS = '/etc/kubernetes/manifests'
const OWNERS: readonly (readonly [path: string, words: string])[] = [
  ['/var/lib/rancher/rke2', 'RKE2 writes its static pods itself: set the flag in /etc/rancher/rke2/config.yaml'],
  ['/var/lib/rancher/k3s', 'k3s runs no static pods: set the flag in /etc/rancher/k3s/config.yaml'],
  ['/etc/kubernetes/static-pod-resources', "OpenShift's operators write its static pods: change their configuration instead"],
  ['/system/state', 'Talos writes its static pods itself: change the machine configuration instead'],
]

/** The one manifest of the component. Throws `WriteRefused` where there is none, more than one, or one that is not to be edited. */
export async function staticPodOf(host: Host, component: ControlPlaneComponent): Promise<StaticPod> {
  for (const [path, words] of OWNERS) if ((await host.stat(path)) !== undefined) throw new WriteRefused(host.node, words)
  const directory = await manifestsOn(host)
  const found: StaticPod[] = []
  // The kubelet runs every file whose name does not begin with a dot, whatever it is called.
  for (const name of (await host.list(directory)) ?? []) {
    if (name.startsWith('.')) continue
    const path = `${directory}/${name}`
    const file = await readForChange(host, path).catch((error: unknown) => {
      if (name === `${component}.yaml` || !(error instanceof WriteRefused || error instanceof HostRefused)) throw error
      return undefined
    })
    const own = file && parsedAs(file, path, component, host)
    if (own !== undefined) found.push(own)
  }
  const [one, other] = found
  if (one === undefined) throw new WriteRefused(host.node, `no manifest in ${directory} runs ${component}`)
  if (other !== undefined)
    throw new WriteRefused(
      host.node,
      `${one.path} and ${other.path} both run ${component}: move the one that is a copy out of ${directory}`,
    )
  return one
}

/** Where the kubelet looks for them. */
export async function manifestsOn(host: Host): Promise<string> {
  const config = await host.read(KUBELET_CONFIG)
  try {
    const { staticPodPath } = (config === undefined ? {} : (yamlValue(config.text) ?? {})) as { readonly staticPodPath?: unknown }
    return typeof staticPodPath === 'string' && /^\/[^\0-\x1f]+$/.test(staticPodPath) ? staticPodPath.replace(/(?<=.)\/+$/, '') : MANIFESTS
  } catch {
    return MANIFESTS
  }
}

function parsedAs(file: ReadFile, path: string, component: ControlPlaneComponent, host: Host): StaticPod | undefined {
  const isNamed = path.endsWith(`/${component}.yaml`)
  const refuse = (because: string): undefined => {
    if (isNamed) throw new WriteRefused(host.node, because)
    return undefined
  }
  const spans = [...documentsIn(file.text)]
  const full = spans.filter(({ blank }) => !blank)
  if (full.length !== 1) return refuse(`${path} holds ${full.length === 0 ? 'no object' : `${full.length} objects`}: it is not edited`)
  let pod: PodObject
  try {
    pod = yamlValue(file.text.slice(full[0]!.start, full[0]!.end)) as PodObject
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error
    return refuse(`${path} cannot be parsed: ${error.message}`)
  }
  const containers = Array.isArray(pod?.spec?.containers) ? pod.spec.containers : []
  if (pod?.kind !== 'Pod' || typeof pod.metadata?.name !== 'string') return refuse(`${path} is no Pod`)
  const container = containers.find((one) => commandLineOf(one, component) !== undefined)
  if (container === undefined) return refuse(`${path} does not run ${component}`)
  const namespace = pod.metadata.namespace ?? 'default'
  return {
    path,
    file,
    pod,
    container,
    document: spans.indexOf(full[0]!),
    namespace,
    name: `${pod.metadata.name}-${host.node.toLowerCase()}`,
  }
}

/** The mirror pod as whatever API server answers shows it; `gone` where it says there is none, undefined where none answers. */
export async function mirrorOf(
  { client }: Pick<HostWorld, 'client'>,
  { namespace, name }: Pick<StaticPod, 'namespace' | 'name'>,
): Promise<MirrorPod | 'gone' | { readonly refused: string } | undefined> {
  const answer = await client.get<PodObject>(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`, {
    limitMs: 5_000,
  })
  if (answer.ok) return { ...answer.body, hash: answer.body.metadata.annotations?.['kubernetes.io/config.hash'] ?? '' }
  const { kind, message } = answer.refusal
  if (kind === 'not-found') return 'gone'
  return kind === 'forbidden' || kind === 'unauthorized' ? { refused: message } : undefined
}

/** What runs there must be what the file says, or the host is another machine than the node. Throws `WriteRefused`. */
export async function mirrored(world: HostWorld, host: Host, own: StaticPod): Promise<MirrorPod> {
  const mirror = await mirrorOf(world, own)
  const pod = `pod ${own.namespace}/${own.name}`
  if (mirror === undefined) throw new WriteRefused('the API server', `it does not answer for ${pod}`)
  if (mirror === 'gone')
    throw new WriteRefused(
      host.node,
      `the cluster shows no ${pod}: the kubelet has not taken up ${own.path}, or ${host.words} is not that node`,
    )
  if ('refused' in mirror) throw new WriteRefused('the API server', mirror.refused)
  if (mirror.spec.nodeName !== undefined && mirror.spec.nodeName !== host.node)
    throw new WriteRefused(host.node, `${pod} runs on ${mirror.spec.nodeName}`)
  const shown = mirror.spec.containers.find(({ name }) => name === own.container.name)
  const differs = (['command', 'args'] as const).find((list) => !sameJson(shown?.[list] ?? [], own.container[list] ?? []))
  if (differs !== undefined)
    throw new WriteRefused(
      host.node,
      `${own.path} says another ${differs} than ${pod} shows: the kubelet has not taken it up, or ${host.words} is not that node`,
    )
  return mirror
}
