/** Who names a Secret: pods by volume, variable and pull secret, accounts, entries, and whatever else we read that speaks of Secrets. */
import type { IngressObject, Kind, PodSpec, ServiceAccountObject, SpecObject, View } from '../model/index.ts'
import { lasting, remembered } from './derived.ts'
import { settingsOf } from './workload-settings.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

/** Kinds with a free spec that name Secrets; of a namespaced one in its own namespace, or in the one they say. */
const SPEAKING = [
  'Gateway',
  'IstioGateway',
  'ServiceMonitor',
  'PodMonitor',
  'SecretStore',
  'ClusterSecretStore',
  'SecretProviderClass',
] as const satisfies readonly Kind[]
export const SECRET_USERS = [...WORKLOAD_KINDS, 'ServiceAccount', 'Ingress', ...SPEAKING] as const
type Users = (typeof SECRET_USERS)[number]

/** `namespace/name` of every Secret that is named, and bare names that are named without saying where. */
export interface SecretUses {
  has(namespace: string, name: string): boolean
}

export const secretUses: (view: View<Users>) => SecretUses = lasting(SECRET_USERS, (view) => {
  const named = new Set<string>()
  const anywhere = new Set<string>()
  const add = (namespace: string | undefined, names: Iterable<string>) => {
    for (const name of names) {
      const [first, second] = name.split('/') as [string, string?]
      if (second !== undefined) named.add(`${first}/${second}`)
      else if (namespace === undefined) anywhere.add(name)
      else named.add(`${namespace}/${name}`)
    }
  }
  for (const workload of workloads(view)) {
    add(workload.namespace, namesInSpec(workload.spec))
    for (const pod of workload.pods) add(workload.namespace, namesInSpec(pod.spec))
    // Told by name: it reads it through the API, in its own namespace unless it says another.
    add(workload.namespace, toldOf(workload))
  }
  for (const account of view.all('ServiceAccount')) add(account.metadata.namespace, namesInAccount(account))
  for (const ingress of view.all('Ingress')) add(ingress.metadata.namespace, namesInIngress(ingress))
  // A credential of Istio's gateway lies beside its pods, wherever those are; a store may say a namespace apart.
  for (const kind of SPEAKING) for (const object of view.all(kind)) add(undefined, namesInFree(object))
  return { has: (namespace, name) => named.has(`${namespace}/${name}`) || anywhere.has(name) }
})

/** Every way in which a pod spec names a Secret, those of volume plugins (CSI, Ceph, iSCSI, …) included. */
export const namesInSpec = remembered((spec: PodSpec): readonly string[] => {
  const names = new Set<string>()
  for (const volume of spec.volumes ?? []) gather(volume, '', names)
  for (const { name } of spec.imagePullSecrets ?? []) if (name) names.add(name)
  for (const list of [spec.containers, spec.initContainers, spec.ephemeralContainers])
    for (const { env, envFrom } of list ?? []) {
      for (const one of env ?? []) if (one.valueFrom?.secretKeyRef?.name) names.add(one.valueFrom.secretKeyRef.name)
      for (const one of envFrom ?? []) if (one.secretRef?.name) names.add(one.secretRef.name)
    }
  return [...names]
})

/** By the words that types of Kubernetes and of its add-ons use: too many count as used rather than too few. */
function gather(value: unknown, key: string, into: Set<string>): void {
  if (typeof value === 'string') {
    if (/^(secretName|credentialName|authSecret)$/.test(key)) into.add(value)
  } else if (Array.isArray(value)) for (const item of value) gather(item, key, into)
  else if (value !== null && typeof value === 'object') {
    const { name } = value as { readonly name?: unknown }
    if (typeof name === 'string' && SPEAKS.test(key)) into.add(name)
    for (const inner of Object.keys(value)) gather((value as Record<string, unknown>)[inner], inner, into)
  }
}
/** `secretRef`, `secret`, `nodePublishSecretRef`, `certificateRefs`, `passwordSecretRef`. */
const SPEAKS = /secret|^(certificateRefs|caCertificateRefs|password|username|token|credentials|key|cert|ca)$/i

const namesInFree = remembered((object: SpecObject): readonly string[] => {
  const names = new Set<string>()
  gather(object.spec, '', names)
  return [...names]
})
const namesInAccount = remembered((account: ServiceAccountObject): readonly string[] =>
  [...(account.secrets ?? []), ...(account.imagePullSecrets ?? [])].flatMap(({ name }) => name || []),
)
/** Annotations of controllers: nginx's auth-secret and auth-tls-secret, Traefik's, Kong's. */
const namesInIngress = remembered(({ metadata, spec }: IngressObject): readonly string[] => [
  ...(spec?.tls ?? []).flatMap(({ secretName }) => secretName || []),
  ...Object.entries(metadata.annotations ?? {}).flatMap(([key, value]) =>
    /secret/i.test(key) ? value.split(',').map((one) => one.trim()) : [],
  ),
])

const TELLS = /secret|certificate|credential/i
const toldOf = remembered((workload: Workload): readonly string[] =>
  settingsOf(workload).flatMap(({ name, value }) => (TELLS.test(name) && /^[a-z0-9][a-z0-9./-]*$/.test(value) ? [value] : [])),
)
