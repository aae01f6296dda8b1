/** Needs that host names in configuration show: arguments, environment, ConfigMaps. What is compiled in, or stands in a Secret, stays unseen. */
import type { ConfigMapObject, ContainerSpec, PodSpec, ServiceObject, View } from '../model/index.ts'
import { wordsGiven, wordsOfSpec } from './container-words.ts'
import { eachContainer } from './containers.ts'
import { remembered } from './derived.ts'
import { ANYWHERE, type Edge, type Side } from './network-edges.ts'
import { hostsIn, keysNamed } from './network-host-names.ts'
import { aliasTarget, edgesTo } from './network-needs-services.ts'
import { REDIRECT_KINDS, redirects } from './network-redirects.ts'
import { distinct, namespaceOf, servicesByKey, TARGET_KINDS } from './network-service-targets.ts'
import { keyOf } from './ref.ts'
import { type Workload, workloads } from './workloads.ts'

export const NAME_NEED_KINDS = [...TARGET_KINDS, ...REDIRECT_KINDS, 'ConfigMap'] as const
type NameView = View<(typeof NAME_NEED_KINDS)[number]>

export function nameEdges(view: NameView): readonly Edge[] {
  const services = servicesByKey(view)
  const readers = readersOf(view)
  const named = (text: string, namespace: string): Named => {
    const found = new Map<string, number[]>()
    for (const { name, port } of hostsIn(text))
      for (const key of keysNamed(name, namespace, services))
        found.set(key, [...(found.get(key) ?? []), ...(port === undefined ? [] : [port])])
    return found
  }
  const edgesOf = (from: Side, keys: Named, because: string): readonly Edge[] =>
    [...keys].flatMap(([key, ports]) => edgesByName(view, from, key, because, ports))
  const edges = workloads(view).flatMap((workload) => {
    const { namespace, ref } = workload
    const words = wordsWithMaps(view, workload)
    const variables = variablesIn(words, namespace, services).map((key) => [key, []] as const)
    const keys: Named = new Map([...variables, ...named(words, namespace)])
    return edgesOf(sideOf(workload), keys, `${ref.kind} ${ref.name} in namespace ${namespace} names it`)
  })
  const fromMaps = view.all('ConfigMap').flatMap((map) => {
    const namespace = namespaceOf(map)
    const users = readers.get(keyOf(namespace, map.metadata.name)) ?? []
    // One that no pod mounts is read through the API, by whom cannot be told.
    const sides: readonly Side[] = users.length > 0 ? users.map(sideOf) : [{ is: 'namespace', name: namespace }]
    const keys = named(dataOf(map), namespace)
    return sides.flatMap((from) => edgesOf(from, keys, `ConfigMap ${map.metadata.name} in namespace ${namespace} names it`))
  })
  return [...edges, ...fromMaps]
}
/** Services by their keys, each with the ports that stand behind its name. */
type Named = ReadonlyMap<string, readonly number[]>

/** Pods of the host network call from the address of their node, or of a tunnel to it. */
const sideOf = (workload: Workload): Side => (workload.spec.hostNetwork === true ? ANYWHERE : { is: 'workloads', workloads: [workload] })

/** To the Service, and to where a mesh leads its callers. */
function edgesByName(view: NameView, from: Side, key: string, because: string, ports: readonly number[]): readonly Edge[] {
  const services = servicesByKey(view)
  const service = services.get(key)!
  return [
    ...edgesTo(view, from, service, because).map((edge) => withPorts(edge, aliasTarget(view, service) ?? service, ports)),
    ...(redirects(view).get(key) ?? []).flatMap(({ namespace, name, port, by }) =>
      edgesTo(view, from, services.get(keyOf(namespace, name)), `${because}, and ${by} leads on from there`, port),
    ),
  ]
}

/** A headless Service is no more than a name for its pods: they answer on ports that it does not list. */
const withPorts = (edge: Edge, { spec }: ServiceObject, ports: readonly number[]): Edge =>
  spec?.clusterIP === 'None' && edge.ports !== undefined
    ? { ...edge, ports: distinct([...edge.ports, ...ports.map((port) => ({ protocol: 'TCP', port }))]) }
    : edge

/** `$(ORDERS_DB_SERVICE_HOST)`: the kubelet sets it for every Service of the namespace. */
const variablesIn = (text: string, namespace: string, services: ReadonlyMap<string, ServiceObject>): readonly string[] =>
  [...text.matchAll(/(?<![A-Z0-9])([A-Z][A-Z0-9_]*?)_SERVICE_(?:HOST|PORT)/g)]
    .map(([, name]) => keyOf(namespace, name!.toLowerCase().replaceAll('_', '-')))
    .filter((key) => services.has(key))

/** Of the template, and of a live pod, into which a webhook may have put a sidecar. */
const wordsOf = ({ spec, pods }: Workload): string =>
  [spec, ...(pods[0]?.spec === undefined ? [] : [pods[0].spec])].map(wordsOfSpec).join('\n')
export const configurationOf = wordsOf

/** With the values of ConfigMaps in the place of variables, where there are any. */
function wordsWithMaps(view: NameView, workload: Workload): string {
  const words = wordsOf(workload)
  if (!words.includes('$') || mapsOf(workload.spec).length === 0) return words
  const data = (name: string | undefined) => Object.entries(view.find('ConfigMap', workload.namespace, name ?? '')?.data ?? {})
  const given = ({ env, envFrom }: ContainerSpec) =>
    new Map([
      ...(envFrom ?? []).flatMap((source) =>
        data(source?.configMapRef?.name).map(([key, value]) => [`${source?.prefix ?? ''}${key}`, value] as const),
      ),
      ...(env ?? []).flatMap((variable) => {
        const { name, key } = variable?.valueFrom?.configMapKeyRef ?? {}
        return data(name).flatMap(([one, value]) => (one === key ? [[variable.name, value] as const] : []))
      }),
    ])
  return `${words}\n${wordsGiven(workload.spec, given)}`
}

/** Enough of a ConfigMap to find host names in; certificates and dashboards are longer and hold none. */
const dataOf = remembered((map: ConfigMapObject): string =>
  Object.values(map.data ?? {})
    .filter((text) => text.length < 200_000)
    .join('\n'),
)

/** Who is given a ConfigMap, by `namespace/name`. */
function readersOf(view: NameView): ReadonlyMap<string, readonly Workload[]> {
  const pairs = workloads(view).flatMap((workload) =>
    mapsOf(workload.spec).map((name) => ({ key: keyOf(workload.namespace, name), workload })),
  )
  return new Map([...Map.groupBy(pairs, ({ key }) => key)].map(([key, list]) => [key, list.map(({ workload }) => workload)]))
}
const mapsOf = remembered((spec: PodSpec): readonly string[] => [
  ...new Set(
    [
      ...(spec.volumes ?? []).flatMap((volume) => [
        volume?.configMap?.name,
        ...(volume?.projected?.sources ?? []).map((source) => source?.configMap?.name),
      ]),
      ...eachContainer(spec).flatMap(({ container }) => [
        ...(container.env ?? []).map((variable) => variable?.valueFrom?.configMapKeyRef?.name),
        ...(container.envFrom ?? []).map((source) => source?.configMapRef?.name),
      ]),
    ].filter((name) => name !== undefined),
  ),
])
