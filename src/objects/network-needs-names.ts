/** Needs that host names in configuration show: arguments, environment, ConfigMaps. What is compiled in, or stands in a Secret, stays unseen. */
import type { ConfigMapObject, PodSpec, ServiceObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { remembered } from './derived.ts'
import { ANYWHERE, type Edge, type Side } from './network-edges.ts'
import { keysNamed, namesIn } from './network-host-names.ts'
import { edgesTo } from './network-needs-services.ts'
import { REDIRECT_KINDS, redirects } from './network-redirects.ts'
import { namespaceOf, servicesByKey, TARGET_KINDS } from './network-service-targets.ts'
import { keyOf } from './ref.ts'
import { type Workload, workloads } from './workloads.ts'

export const NAME_NEED_KINDS = [...TARGET_KINDS, ...REDIRECT_KINDS, 'ConfigMap'] as const
type NameView = View<(typeof NAME_NEED_KINDS)[number]>

export function nameEdges(view: NameView): readonly Edge[] {
  const services = servicesByKey(view)
  const readers = readersOf(view)
  const named = (text: string, namespace: string): readonly string[] =>
    namesIn(text).flatMap((host) => keysNamed(host, namespace, services))
  const edges = workloads(view).flatMap((workload) => {
    const keys = new Set([...named(wordsOf(workload), workload.namespace), ...variablesIn(wordsOf(workload), workload.namespace, services)])
    return [...keys].flatMap((key) =>
      edgesByName(view, sideOf(workload), key, `${workload.ref.kind} ${workload.ref.name} in namespace ${workload.namespace} names it`),
    )
  })
  const fromMaps = view.all('ConfigMap').flatMap((map) => {
    const namespace = namespaceOf(map)
    const users = readers.get(keyOf(namespace, map.metadata.name)) ?? []
    return [...new Set(named(dataOf(map), namespace))].flatMap((key) => {
      const because = `ConfigMap ${map.metadata.name} in namespace ${namespace} names it`
      // One that no pod mounts is read through the API, by whom cannot be told.
      const sides: readonly Side[] = users.length > 0 ? users.map(sideOf) : [{ is: 'namespace', name: namespace }]
      return sides.flatMap((from) => edgesByName(view, from, key, because))
    })
  })
  return [...edges, ...fromMaps]
}

/** Pods of the host network call from the address of their node, or of a tunnel to it. */
const sideOf = (workload: Workload): Side => (workload.spec.hostNetwork === true ? ANYWHERE : { is: 'workloads', workloads: [workload] })

/** `$(ORDERS_DB_SERVICE_HOST)`: the kubelet sets it for every Service of the namespace. */
const variablesIn = (text: string, namespace: string, services: ReadonlyMap<string, ServiceObject>): readonly string[] =>
  [...text.matchAll(/(?<![A-Z0-9])([A-Z][A-Z0-9_]*?)_SERVICE_(?:HOST|PORT)/g)]
    .map(([, name]) => keyOf(namespace, name!.toLowerCase().replaceAll('_', '-')))
    .filter((key) => services.has(key))

/** To the Service, and to where a mesh leads its callers. */
function edgesByName(view: NameView, from: Side, key: string, because: string): readonly Edge[] {
  const services = servicesByKey(view)
  return [
    ...edgesTo(view, from, services.get(key), because),
    ...(redirects(view).get(key) ?? []).flatMap(({ namespace, name, port, by }) =>
      edgesTo(view, from, services.get(keyOf(namespace, name)), `${because}, and ${by} leads on from there`, port),
    ),
  ]
}

/** Of the template, and of a live pod, into which a webhook may have put a sidecar. */
const wordsOf = ({ spec, pods }: Workload): string =>
  [spec, ...(pods[0]?.spec === undefined ? [] : [pods[0].spec])].map(wordsOfSpec).join('\n')
const wordsOfSpec = remembered((spec: PodSpec): string =>
  eachContainer(spec)
    .flatMap(({ container }) => [
      ...(container.command ?? []),
      ...(container.args ?? []),
      ...(container.env ?? []).map((variable) => variable?.value ?? ''),
    ])
    .join('\n'),
)
export const configurationOf = wordsOf

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
