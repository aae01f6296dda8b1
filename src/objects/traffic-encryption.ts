/** What encrypts traffic between pods: the network plugin, from node to node, or a mesh, from pod to pod. */
import type { Json, SpecObject, View } from '../model/index.ts'
import { nodeArguments } from './flag-k3s.ts'
import { parsed } from './flag-kubeadm.ts'
import { mapping } from './spec-fields.ts'

export const ENCRYPTION_KINDS = ['ConfigMap', 'CalicoFelixConfiguration', 'IstioPeerAuthentication', 'Deployment', 'Node'] as const
type EncryptionView = View<(typeof ENCRYPTION_KINDS)[number]>

/** How the network plugin encrypts what goes from node to node, in words. */
export function wireEncryption(view: EncryptionView): readonly string[] {
  const cilium = view.find('ConfigMap', 'kube-system', 'cilium-config')?.data ?? {}
  const isOn = (key: string): boolean => cilium[key] === 'true'
  const felix = view.all('CalicoFelixConfiguration').find(({ metadata }) => metadata.name === 'default')?.spec ?? {}
  const antrea = view.all('ConfigMap').find(({ metadata }) => /^antrea-config/.test(metadata.name) && metadata.namespace === 'kube-system')
  const antreaMode = String(parsed(antrea?.data?.['antrea-agent.conf'])?.['trafficEncryptionMode'] ?? 'none').toLowerCase()
  const flannel = view.all('ConfigMap').find(({ metadata }) => metadata.name === 'kube-flannel-cfg')?.data?.['net-conf.json']
  const backend = parsed(flannel)?.['Backend'] as { readonly Type?: unknown } | null | undefined
  const k3s = view.all('Node').some((node) => (nodeArguments(node)?.args ?? []).join(' ').match(/--flannel-backend[= ]wireguard/) !== null)
  return [
    ...(isOn('enable-wireguard') ? ['Cilium with WireGuard'] : []),
    ...(isOn('enable-ipsec') ? ['Cilium with IPsec'] : []),
    ...(isOn('enable-ztunnel') ? ['Cilium with ztunnel, for namespaces that are enrolled'] : []),
    ...(felix['wireguardEnabled'] === true || felix['wireguardEnabledV6'] === true ? ['Calico with WireGuard'] : []),
    ...(antreaMode === 'wireguard' || antreaMode === 'ipsec' ? [`Antrea with ${antreaMode}`] : []),
    ...(/^wireguard/.test(String(backend?.Type)) || k3s ? ['Flannel with WireGuard'] : []),
  ]
}

// ── Linkerd ────────────────────────────────────────────────────────────────────────────────────
/** Its proxies speak TLS with each other; whether they take plain text from others is their default policy. */
export function linkerd(view: EncryptionView): { readonly isStrict: boolean; readonly policy: string } | undefined {
  const config = view.find('ConfigMap', 'linkerd', 'linkerd-config')
  const runs = view
    .all('Deployment')
    .some(({ spec }) =>
      (spec?.template?.spec?.containers ?? []).some(({ image = '' }) => /(^|\/)linkerd\/(controller|proxy)(:|@|$)/.test(image)),
    )
  if (config === undefined && !runs) return undefined
  const values = parsed(config?.data?.['values'])
  const proxy = (values?.['proxy'] ?? {}) as { readonly defaultInboundPolicy?: unknown }
  const policy = String(proxy.defaultInboundPolicy ?? 'all-unauthenticated')
  return { isStrict: /^(all|cluster)-authenticated$|^deny$/.test(policy), policy }
}

// ── Istio ──────────────────────────────────────────────────────────────────────────────────────
export interface Istio {
  readonly root: string
  /** Of the whole mesh; absent where none is written, which means PERMISSIVE. */
  readonly meshWide?: SpecObject
  readonly mode: Mode
  /** Those of namespaces and workloads, the narrower ones last. */
  readonly others: readonly SpecObject[]
}
export type Mode = 'STRICT' | 'PERMISSIVE' | 'DISABLE'

/** Undefined where no Istio is seen. */
export function istio(view: EncryptionView): Istio | undefined {
  const policies = view.all('IstioPeerAuthentication')
  const runs = view
    .all('Deployment')
    .some(({ spec }) => (spec?.template?.spec?.containers ?? []).some(({ image = '' }) => /(^|\/)(istio\/)?pilot(:|@|$)/.test(image)))
  if (policies.length === 0 && !runs) return undefined
  const config = view.all('ConfigMap').find(({ metadata }) => metadata.name === 'istio' && metadata.namespace === 'istio-system')
  const root = String(parsed(config?.data?.['mesh'])?.['rootNamespace'] ?? 'istio-system')
  const isOfAll = (one: SpecObject): boolean => Object.keys(mapping(mapping(one.spec?.['selector'])['matchLabels'])).length === 0
  // Of several the oldest counts.
  const [meshWide] = policies
    .filter((one) => one.metadata.namespace === root && isOfAll(one))
    .toSorted((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1))
  return {
    root,
    ...(meshWide !== undefined && { meshWide }),
    mode: modeOf(meshWide) ?? 'PERMISSIVE',
    others: policies.filter((one) => one !== meshWide && !(one.metadata.namespace === root && isOfAll(one))),
  }
}
const ageOf = ({ metadata: { creationTimestamp = '9', name } }: SpecObject): string => `${creationTimestamp} ${name}`

const asMode = (value: Json | undefined): Mode | undefined =>
  value === 'STRICT' || value === 'PERMISSIVE' || value === 'DISABLE' ? value : undefined
/** Undefined: as what stands above it. */
export const modeOf = (one: SpecObject | undefined): Mode | undefined => asMode(mapping(one?.spec?.['mtls'])['mode'])

/** Ports that are let out of it. */
export const looserPorts = (one: SpecObject): readonly { readonly port: string; readonly mode: Mode }[] =>
  Object.entries(mapping(one.spec?.['portLevelMtls'])).flatMap(([port, mtls]) => {
    const mode = asMode(mapping(mtls)['mode'])
    return mode === undefined || mode === 'STRICT' ? [] : [{ port, mode }]
  })
