/** How pods identify themselves to a cloud: by an identity of their service account, by a key that was handed to them, or not at all. */
import type { ContainerSpec, EnvVar, NodeObject, PodSpec, ServiceAccountObject, Volume } from '../model/index.ts'
import { remembered, rememberedText } from './derived.ts'

export type Cloud = 'aws' | 'gcp' | 'azure' | 'oci'
export const CLOUD_NAMES: Readonly<Record<Cloud, string>> = { aws: 'AWS', gcp: 'Google Cloud', azure: 'Azure', oci: 'OCI' }

/** Annotations that give a service account an identity of a cloud; OKE and EKS Pod Identity keep theirs outside of the cluster. */
export const IDENTITY_ANNOTATIONS: Readonly<Record<string, Cloud>> = {
  'eks.amazonaws.com/role-arn': 'aws',
  'iam.gke.io/gcp-service-account': 'gcp',
  'azure.workload.identity/client-id': 'azure',
}
/** The Azure webhook passes over pods without it (azure-workload-identity, from v1.0). */
export const AZURE_POD_LABEL = 'azure.workload.identity/use'

/** The annotation that names an identity, where there is one that is not empty. */
export function identityOf(account: ServiceAccountObject | undefined): { readonly cloud: Cloud; readonly annotation: string } | undefined {
  const annotations = account?.metadata.annotations ?? {}
  const annotation = Object.keys(IDENTITY_ANNOTATIONS).find((key) => (annotations[key] ?? '') !== '')
  return annotation === undefined ? undefined : { cloud: IDENTITY_ANNOTATIONS[annotation]!, annotation }
}

const PROVIDERS: readonly (readonly [prefix: RegExp, Cloud])[] = [
  [/^aws:\/\//, 'aws'],
  [/^gce:\/\//, 'gcp'],
  [/^azure:\/\//, 'azure'],
  [/^(oci:\/\/)?ocid1\./, 'oci'],
]
export const cloudOf = (node: NodeObject): Cloud | undefined => PROVIDERS.find(([prefix]) => prefix.test(node.spec?.providerID ?? ''))?.[1]

/** GKE's own metadata server answers pods there: it never hands out what the node is. */
export const hidesNodeIdentity = ({ metadata }: NodeObject): boolean =>
  metadata.labels?.['iam.gke.io/gke-metadata-server-enabled'] === 'true'

// ── keys ───────────────────────────────────────────────────────────────────────────────────────
/** Names as tools of the clouds read them, of variables and of the keys of Secrets. An id of a key is no key. */
const KEY_NAMES: readonly (readonly [name: RegExp, Cloud])[] = [
  [/^aws[_-]?secret([_-]?access)?[_-]?key$|^aws[_-]session[_-]token$/i, 'aws'],
  [/^(google|gcloud|gcp)[_-](cloud[_-])?(credentials|keyfile([_-]json)?|service[_-]account[_-]key)$/i, 'gcp'],
  [/^(azure|arm)[_-]client[_-]secret$|^azure[_-]client[_-]certificate[_-]password$/i, 'azure'],
  [/^oci[_-](cli[_-])?(private[_-])?key([_-]content)?$/i, 'oci'],
]
/** Which cloud's key a variable or a key of a Secret is called. */
export const keyNamed = rememberedText((name): Cloud | undefined => KEY_NAMES.find(([pattern]) => pattern.test(name))?.[1])

/** Files of keys, by the name under which they usually lie in a Secret: for a human to look at. */
export const couldBeKeyFile = (name: string): boolean =>
  /^((gcp|gcs|google)[\w-]*|service[_-]?account|sa|key|credentials|application_default_credentials)\.json$|^oci_api_key\.pem$/i.test(name)

export interface StaticKey {
  readonly cloud: Cloud
  /** The variable, or the volume. */
  readonly name: string
  /** Where it comes from, `Secret s3`; a value that stands there is never handed on. */
  readonly from: string
}

/** Variables that name a file, and directories in which the tools of the clouds look for one: a key only where a Secret lies there. */
const FILE_VARIABLES: Readonly<Record<string, Cloud>> = {
  GOOGLE_APPLICATION_CREDENTIALS: 'gcp',
  AWS_SHARED_CREDENTIALS_FILE: 'aws',
  AZURE_CLIENT_CERTIFICATE_PATH: 'azure',
  OCI_CLI_KEY_FILE: 'oci',
}
const DIRECTORIES: readonly (readonly [path: RegExp, Cloud])[] = [
  [/\/\.aws(\/|$)/, 'aws'],
  [/\/\.config\/gcloud(\/|$)/, 'gcp'],
  [/\/\.azure(\/|$)/, 'azure'],
  [/\/\.oci(\/|$)/, 'oci'],
]

/** Keys of clouds that reach one container, as far as its spec shows by names. */
export const keysOf = (container: ContainerSpec, spec: PodSpec): readonly StaticKey[] => [
  ...(container.env ?? []).flatMap((variable) => keyIn(variable, container, spec)),
  ...(container.volumeMounts ?? []).flatMap(({ mountPath }): StaticKey[] => {
    const cloud = DIRECTORIES.find(([path]) => path.test(mountPath))?.[1]
    const secret = secretAt(mountPath, container, spec)
    return cloud === undefined || secret === undefined ? [] : [{ cloud, name: mountPath, from: `Secret ${secret}` }]
  }),
]

function keyIn({ name, value = '', valueFrom }: EnvVar, container: ContainerSpec, spec: PodSpec): readonly StaticKey[] {
  const file = Object.hasOwn(FILE_VARIABLES, name) ? secretAt(value, container, spec) : undefined
  if (file !== undefined) return [{ cloud: FILE_VARIABLES[name]!, name, from: `Secret ${file}` }]
  const { secretKeyRef, configMapKeyRef } = valueFrom ?? {}
  const cloud = keyNamed(name) ?? keyNamed(secretKeyRef?.key ?? '')
  if (cloud === undefined) return []
  if (secretKeyRef !== undefined) return [{ cloud, name, from: `Secret ${secretKeyRef.name ?? ''}` }]
  if (configMapKeyRef !== undefined) return [{ cloud, name, from: `ConfigMap ${configMapKeyRef.name ?? ''}` }]
  return value.trim() === '' ? [] : [{ cloud, name, from: 'its value' }]
}

/** The Secret that a path in a container lies in; a token that the kubelet projects, or a ConfigMap, is none. */
function secretAt(path: string, { volumeMounts }: ContainerSpec, { volumes }: PodSpec): string | undefined {
  const mount = (volumeMounts ?? [])
    .filter(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath.replace(/\/$/, '')}/`))
    .toSorted((a, b) => b.mountPath.length - a.mountPath.length)[0]
  const volume = mount && (volumes ?? []).find(({ name }) => name === mount.name)
  return volume === undefined ? undefined : secretOf(volume)
}
const secretOf = ({ secret, projected }: Volume): string | undefined =>
  secret?.secretName ?? projected?.sources?.find((source) => source.secret !== undefined)?.secret?.name

/** Variables by which a webhook or the kubelet hands an identity to a pod: IRSA, EKS Pod Identity, Azure. */
const INJECTED = new Set(['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_CREDENTIALS_FULL_URI', 'AZURE_FEDERATED_TOKEN_FILE'])
export const isGivenIdentity = ({ containers }: PodSpec): boolean =>
  (containers ?? []).some(({ env }) => (env ?? []).some(({ name }) => INJECTED.has(name)))

/** Secrets of which a pod takes every key as a variable: which keys those are, only the Secret says. */
export const wholesale = remembered((spec: PodSpec): readonly string[] => [
  ...new Set(
    [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ envFrom }) =>
      (envFrom ?? []).flatMap(({ secretRef }) => (secretRef?.name ? [secretRef.name] : [])),
    ),
  ),
])
