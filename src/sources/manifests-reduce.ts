/** What is not kept of an object: secret values first of all (safety law 9), and what no control reads. */
import type { Kind, KubeObject } from '../model/index.ts'
import { caExpiry } from '../objects/ca-bundle.ts'
import { reduceRequest } from '../objects/certificate-request.ts'
import { standIn } from '../objects/key-stand-in.ts'
import { reduceKubeconfig } from '../objects/kubeconfig-user.ts'
import { contentOf, newestTime } from '../objects/secret-content.ts'
import { served } from '../objects/served.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

type Writable = { -readonly [key in keyof KubeObject]: KubeObject[key] } & Record<string, unknown>

export function reduce(kind: Kind, object: KubeObject): KubeObject {
  const kept = { ...object, metadata: withManagers(object) } as Writable
  if (kind === 'Secret') return withoutValues(kept)
  if (kind === 'EncryptionConfiguration') return withoutKeys(kept)
  if (kind === 'CertificateSigningRequest')
    return { apiVersion: kept.apiVersion, kind: kept.kind, metadata: kept.metadata, ...reduceRequest(kept) } as KubeObject
  if (kind === 'Kubeconfig')
    return {
      apiVersion: kept.apiVersion,
      kind: kept.kind,
      metadata: { name: kept.metadata.name ?? '' },
      ...reduceKubeconfig(kept),
    } as KubeObject
  if (kind === 'ConfigMap' && kept.binaryData !== undefined) {
    const { binaryData, ...rest } = kept
    return { ...rest, binaryKeys: Object.keys(binaryData as object) } as unknown as KubeObject
  }
  if (served(kind).metadataOnly === true)
    return { apiVersion: kept.apiVersion, kind: kept.kind, metadata: kept.metadata, ...conversionEnd(kept.spec) } as KubeObject
  return kept
}

/** managedFields are kept as the names in them. */
function withManagers({ kind, metadata }: KubeObject): KubeObject['metadata'] {
  const { managedFields, ...rest } = (metadata ?? {}) as KubeObject['metadata'] & {
    managedFields?: readonly { readonly manager?: string; readonly time?: string }[]
  }
  if (managedFields === undefined) return rest
  const written = kind === 'Secret' ? newestTime(managedFields) : undefined
  return {
    ...rest,
    managers: [...new Set(managedFields.map(({ manager }) => manager).filter((manager) => manager !== undefined))],
    ...(written !== undefined && { written }),
  }
}

function withoutValues(secret: Writable): KubeObject {
  const { apiVersion, kind, metadata, type, data, stringData } = secret
  const keys = [data, stringData].flatMap((values) => (values !== null && typeof values === 'object' ? Object.keys(values) : []))
  const { [LAST_APPLIED]: lastApplied, ...annotations } = metadata.annotations ?? {}
  const kept =
    metadata.annotations === undefined
      ? metadata
      : { ...metadata, annotations: lastApplied === undefined ? annotations : { ...annotations, [LAST_APPLIED]: '' } }
  return {
    apiVersion,
    kind,
    metadata: kept,
    ...(type !== undefined && { type }),
    keys: [...new Set(keys)],
    ...contentOf(type, data, stringData),
  } as KubeObject
}

/** Every encryption key becomes one that is none, and is judged as it would be. */
function withoutKeys(configuration: Writable): KubeObject {
  const hide = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(hide)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        key === 'secret' && typeof inner === 'string' ? standIn(inner.trim()) : hide(inner),
      ]),
    )
  }
  return hide(configuration) as KubeObject
}

/** Of the conversion webhook of a CustomResourceDefinition. */
function conversionEnd(spec: unknown): { readonly caNotAfter?: string } {
  type Conversion = { conversion?: { webhook?: { clientConfig?: { caBundle?: unknown } } } }
  const bundle = (spec as Conversion | undefined)?.conversion?.webhook?.clientConfig?.caBundle
  const caNotAfter = typeof bundle === 'string' ? caExpiry(bundle) : undefined
  return caNotAfter === undefined ? {} : { caNotAfter }
}
