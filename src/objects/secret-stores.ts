/** Add-ons that keep secrets outside of the cluster, and how they log in to where those are. */
import type { Json, KubeObject, Path, SpecObject, View } from '../model/index.ts'

/** By the API group of their CustomResourceDefinitions, or by their webhook where they have none. */
const GROUPS: readonly (readonly [group: string, name: string])[] = [
  ['external-secrets.io', 'External Secrets Operator'],
  ['secrets-store.csi.x-k8s.io', 'Secrets Store CSI driver'],
  ['secrets.hashicorp.com', 'Vault Secrets Operator'],
  ['bitnami.com', 'Sealed Secrets'],
]

/** Those that are installed: `External Secrets Operator`. */
export function secretStoreAddOns(view: View<'CustomResourceDefinition' | 'MutatingWebhookConfiguration'>): readonly string[] {
  const groups = new Set(view.all('CustomResourceDefinition').map(({ metadata }) => metadata.name.slice(metadata.name.indexOf('.') + 1)))
  const found = GROUPS.filter(([group]) => (group === 'bitnami.com' ? isSealed(view.all('CustomResourceDefinition')) : groups.has(group)))
  const injects = view
    .all('MutatingWebhookConfiguration')
    .some(({ metadata, webhooks = [] }) => `${metadata.name} ${webhooks.map(({ name }) => name).join(' ')}`.includes('vault'))
  return [...found.map(([, name]) => name), ...(injects ? ['Vault agent injector'] : [])]
}
const isSealed = (definitions: readonly KubeObject[]): boolean =>
  definitions.some(({ metadata }) => metadata.name === 'sealedsecrets.bitnami.com')

/**
 * Where a SecretStore takes a lasting credential from a Secret in order to log in, and the path of that. An account of a pod or of the
 * cloud (`serviceAccountRef`, workload identity) is none; nor is a client certificate beside another login.
 */
export function staticLogin(store: SpecObject): { readonly at: Path; readonly names: readonly string[] } | undefined {
  const provider = store.spec?.['provider']
  const found: { at: Path; name: string }[] = []
  const walk = (value: Json | undefined, at: Path): void => {
    if (Array.isArray(value)) for (const [index, item] of (value as readonly Json[]).entries()) walk(item, [...at, index])
    else if (value !== null && typeof value === 'object' && !Array.isArray(value))
      for (const [key, inner] of Object.entries(value as { readonly [key: string]: Json })) {
        if (key === 'caProvider' || key === 'tls') continue
        const name = inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? (inner as { name?: Json }).name : undefined
        if (/secretRef$/i.test(key) && typeof name === 'string') found.push({ at: [...at, key], name })
        else walk(inner, [...at, key])
      }
  }
  walk(provider, ['spec', 'provider'])
  return found.length === 0 ? undefined : { at: found[0]!.at, names: [...new Set(found.map(({ name }) => name))] }
}
