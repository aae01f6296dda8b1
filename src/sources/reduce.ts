/**
 * What is kept of an object as it arrives, kind by kind: what model/kube.ts declares, and of equal parts one copy. Everything
 * else (managedFields above all: half the bytes) is garbage at once. Secrets come as metadata; whatever else a server might
 * send of one is dropped here.
 */
import type { Kind, KubeObject, Metadata } from '../model/index.ts'
import { caExpiry } from '../objects/ca-bundle.ts'
import { reduceRequest } from '../objects/certificate-request.ts'
import { credentialsInText } from '../objects/credential-places.ts'
import { keyOf } from '../objects/ref.ts'
import { newestTime } from '../objects/secret-content.ts'
import { served } from '../objects/served.ts'
import { reducePod, shareTemplate } from './reduce-pod.ts'
import { alike, alikeByField, deepEqual, type Family, type Sharing } from './sharing.ts'
import { isWire, listOf, textOf, type Wire } from './wire.ts'

export { Sharing } from './sharing.ts'

export interface Reduced {
  readonly key: string
  readonly object: KubeObject
}
/** `of`: apiVersion and kind of list items, which come without their own. Undefined where this is no Kubernetes object. */
export type Reduce = (wire: unknown, of?: { readonly apiVersion: string; readonly kind: string }) => Reduced | undefined

type Parts = (wire: Wire, family: Family, sharing: Sharing) => object

/** A reducer for one kind. `sharing` may be common to all kinds of one cluster. `type`: of Secrets, known from the request's field selector. */
export function reducerOf(kind: Kind, sharing: Sharing, type?: string): Reduce {
  const { group, version, kind: wireKind = kind, metadataOnly = false } = served(kind)
  const usual = sharing.text(group === '' ? version : `${group}/${version}`)
  const parts = metadataOnly ? undefined : (PARTS[kind] ?? generic)
  return (wire, of) => {
    if (!isWire(wire) || !isWire(wire['metadata']) || typeof wire['metadata']['name'] !== 'string') return undefined
    const owner = controllerOf(wire['metadata'])
    const family = sharing.family(owner === undefined ? kind : `${kind} ${owner}`)
    const apiVersion = metadataOnly ? usual : sharing.text(textOf(wire['apiVersion']) ?? of?.apiVersion ?? usual)
    const metadata = reduceMetadata(kind, wire['metadata'], family, sharing)
    const typed = type === undefined ? undefined : { type }
    const object = Object.assign({ apiVersion, kind: wireKind, metadata }, typed, parts?.(wire, family, sharing)) as KubeObject
    return { key: keyOf(metadata.namespace, metadata.name), object }
  }
}

/** Equal but for the version: nothing a control could see has changed. */
export function sameButVersion(a: KubeObject, b: KubeObject): boolean {
  const { resourceVersion: _a, ...before } = a.metadata
  const { resourceVersion: _b, ...after } = b.metadata
  return deepEqual(before, after) && deepEqual({ ...a, metadata: null }, { ...b, metadata: null })
}

// ── metadata ───────────────────────────────────────────────────────────────────────────────────

/** Copies of the object, or heartbeats: no control may judge by them. */
const NOISE = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'control-plane.alpha.kubernetes.io/leader',
  'endpoints.kubernetes.io/last-change-trigger-time',
])
const LONGEST_TEXT = 64 * 1024

function reduceMetadata(kind: Kind, wire: Wire, family: Family, sharing: Sharing): Metadata {
  const { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, labels, ownerReferences, managedFields } = wire
  const namespace = sharing.text(textOf(wire['namespace']))
  const annotations = isWire(wire['annotations']) ? reduceAnnotations(kind, wire['annotations']) : undefined
  const managers = Array.isArray(managedFields) ? [...new Set(listOf(managedFields).map((field) => String(field['manager'])))] : undefined
  const written = kind === 'Secret' && Array.isArray(managedFields) ? newestTime(listOf(managedFields)) : undefined
  // Field by field: there are very many of these, and a literal of a dozen spreads takes several times as long.
  const metadata: { -readonly [K in keyof Metadata]: Metadata[K] } = { name: wire['name'] as string }
  if (namespace !== undefined && namespace !== '') metadata.namespace = namespace
  if (typeof uid === 'string') metadata.uid = uid
  if (typeof resourceVersion === 'string') metadata.resourceVersion = resourceVersion
  if (typeof generation === 'number') metadata.generation = generation
  if (typeof creationTimestamp === 'string') metadata.creationTimestamp = alike(family, 'created', creationTimestamp)
  if (typeof deletionTimestamp === 'string') metadata.deletionTimestamp = deletionTimestamp
  if (isWire(labels)) metadata.labels = alike(family, 'labels', labels) as Record<string, string>
  if (annotations !== undefined) metadata.annotations = alike(family, 'annotations', annotations)
  if (Array.isArray(ownerReferences)) metadata.ownerReferences = alike(family, 'owners', listOf(ownerReferences).map(reduceOwner))
  if (managers !== undefined && managers.length > 0) metadata.managers = alike(family, 'managers', managers)
  if (written !== undefined) metadata.written = written
  return metadata
}

/** Of a Secret the copy kubectl leaves holds the values themselves: that it is there is a finding, so its key stays, empty. */
function reduceAnnotations(kind: Kind, wire: Wire): Record<string, string> | undefined {
  const kept = Object.entries(wire).flatMap(([key, value]): [string, string][] => {
    if (!NOISE.has(key)) return [[key, cut(String(value))]]
    return kind === 'Secret' && key === 'kubectl.kubernetes.io/last-applied-configuration' ? [[key, '']] : []
  })
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

const reduceOwner = ({ apiVersion, kind, name, uid, controller }: Wire) => ({
  apiVersion: String(apiVersion),
  kind: String(kind),
  name: String(name),
  uid: String(uid),
  ...(controller === true && { controller: true }),
})

function controllerOf(metadata: Wire): string | undefined {
  return textOf(listOf(metadata['ownerReferences']).find((owner) => owner['controller'] === true)?.['uid'])
}

const cut = (value: string): string =>
  value.length <= LONGEST_TEXT ? value : `${value.slice(0, LONGEST_TEXT)}\n[cut here: ${value.length} characters in all]`

/** A long text whose end holds a credential is kept whole: what was cut off would pass. */
const cutUnlessTelling = (value: string): string =>
  value.length > LONGEST_TEXT && holdsCredential(value.slice(LONGEST_TEXT - OVERLAP)) ? value : cut(value)
const OVERLAP = 4096
const holdsCredential = (text: string): boolean => [...credentialsInText(text)].length > 0

// ── the rest, by kind ──────────────────────────────────────────────────────────────────────────

const keep =
  (...fields: string[]): Parts =>
  (wire, family) =>
    pick(wire, fields, family)
function pick(wire: Wire, fields: readonly string[], family?: Family): object {
  return Object.fromEntries(
    fields
      .filter((field) => wire[field] !== undefined)
      .map((field) => [field, family === undefined ? wire[field] : alike(family, field, wire[field])]),
  )
}

const controller: Parts = (wire, _family, sharing) => {
  const { spec, status, metadata } = wire
  // A Deployment and its ReplicaSets share one template.
  const templates = sharing.family(`template ${controllerOf(metadata) ?? textOf(metadata.uid) ?? ''}`)
  return {
    ...(isWire(spec) && { spec: { ...spec, ...(isWire(spec['template']) && { template: shareTemplate(spec['template'], templates) }) } }),
    ...(status !== undefined && { status }),
  }
}

/** Free-form objects: any depth, any size. */
const generic: Parts = (wire) => ({ ...pick(shallower(pick(wire, ['spec', 'specs']), 0) as Wire, ['spec', 'specs']) })

const PARTS: Partial<Record<Kind, Parts>> = {
  Namespace: ({ status }) => (isWire(status) ? { status: pick(status, ['phase']) } : {}),
  Node: ({ spec, status }, family) => ({
    ...(isWire(spec) && { spec: pick(spec, ['providerID', 'podCIDR', 'unschedulable', 'taints']) }),
    ...(isWire(status) && {
      status: {
        ...pick(status, ['addresses', 'images']),
        ...(isWire(status['nodeInfo']) && {
          nodeInfo: alikeByField(
            family,
            'nodeInfo',
            pick(status['nodeInfo'], [
              'kubeletVersion',
              'kubeProxyVersion',
              'osImage',
              'kernelVersion',
              'containerRuntimeVersion',
              'operatingSystem',
              'architecture',
            ]),
          ),
        }),
        conditions: alike(
          family,
          'conditions',
          listOf(status['conditions']).map((one) => pick(one, ['type', 'status'])),
        ),
      },
    }),
  }),
  Pod: reducePod,
  Deployment: controller,
  ReplicaSet: controller,
  StatefulSet: controller,
  DaemonSet: controller,
  ReplicationController: controller,
  Job: controller,
  CronJob: keep('spec'),
  PodTemplate: keep('template'),
  Service: ({ spec, status }) => ({
    ...(isWire(spec) && { spec }),
    ...(isWire(status) && isWire(status['loadBalancer']) && { status: pick(status, ['loadBalancer']) }),
  }),
  EndpointSlice: (wire, family) => ({
    ...pick(wire, ['addressType', 'ports'], family),
    ...(Array.isArray(wire['endpoints']) && {
      endpoints: listOf(wire['endpoints']).map(({ addresses, targetRef }) => ({
        addresses: addresses ?? [],
        ...(isWire(targetRef) && { targetRef: pick(targetRef, ['kind', 'name', 'namespace']) }),
      })),
    }),
  }),
  Ingress: keep('spec'),
  NetworkPolicy: keep('spec'),
  LimitRange: keep('spec'),
  ResourceQuota: keep('spec'),
  PersistentVolume: ({ spec }) => ({
    ...(isWire(spec) && { spec: pick(spec, ['hostPath', 'local', 'claimRef', 'storageClassName', 'accessModes']) }),
  }),
  PersistentVolumeClaim: ({ spec }) => ({
    ...(isWire(spec) && { spec: pick(spec, ['volumeName', 'storageClassName', 'accessModes', 'selector']) }),
  }),
  PodDisruptionBudget: keep('spec'),
  RuntimeClass: keep('handler', 'scheduling'),
  HTTPRoute: generic,
  TLSRoute: generic,
  APIService: ({ spec }) =>
    isWire(spec) ? { spec: { ...pick(spec, ['group', 'version', 'service']), ...expiryOf(spec['caBundle']) } } : {},
  ServiceAccount: keep('automountServiceAccountToken', 'secrets', 'imagePullSecrets'),
  Role: keep('rules', 'aggregationRule'),
  ClusterRole: keep('rules', 'aggregationRule'),
  RoleBinding: keep('roleRef', 'subjects'),
  ClusterRoleBinding: keep('roleRef', 'subjects'),
  ConfigMap: ({ data, binaryData }, _family, sharing) => ({
    // kube-root-ca.crt stands in every namespace: a value equal to the last one under the same key is kept once.
    ...(isWire(data) && {
      data: Object.fromEntries(
        Object.entries(data).map(([key, value]) => [
          key,
          alike(sharing.family('values of ConfigMaps'), key, cutUnlessTelling(String(value))),
        ]),
      ),
    }),
    ...(isWire(binaryData) && { binaryKeys: Object.keys(binaryData) }),
  }),
  CertificateSigningRequest: (wire) => reduceRequest(wire),
  MutatingWebhookConfiguration: webhooks,
  ValidatingWebhookConfiguration: webhooks,
}

/** Of the CA bundle, which is most of it, only when it expires. */
function webhooks(wire: Wire): object {
  return {
    webhooks: listOf(wire['webhooks']).map((webhook) => {
      const { clientConfig, ...rest } = webhook
      return {
        ...pick(rest, ['name', 'rules', 'failurePolicy', 'namespaceSelector', 'objectSelector', 'timeoutSeconds', 'matchConditions']),
        ...(isWire(clientConfig) && { clientConfig: { ...pick(clientConfig, ['url', 'service']), ...expiryOf(clientConfig['caBundle']) } }),
      }
    }),
  }
}

function expiryOf(caBundle: unknown): { caNotAfter?: string } {
  const caNotAfter = typeof caBundle === 'string' ? caExpiry(caBundle) : undefined
  return caNotAfter === undefined ? {} : { caNotAfter }
}

const DEEPEST = 64
const MOST_ITEMS = 10_000
/** A copy whose depth and breadth have an end; where something was left out it says so. */
function shallower(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cut(value)
  if (value === null || typeof value !== 'object') return value
  if (depth >= DEEPEST) return '[left out: nested too deeply]'
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => shallower(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MOST_ITEMS)
      .map(([key, item]) => [key, shallower(item, depth + 1)]),
  )
}
