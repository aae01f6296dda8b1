/** What annotations say of a load balancer, provider by provider: inside the provider's network or not, and who may come in. */
import type { NodeObject, ServiceObject, View } from '../model/index.ts'
import { addressClass } from './address.ts'

interface Provider {
  readonly id: string
  readonly name: string
  /** Of `spec.providerID` of its nodes. */
  readonly nodes?: RegExp
  /** Annotations that keep it inside, with the values that do (lower case); the first is the one to write. */
  readonly internal: readonly (readonly [annotation: string, ...values: string[]])[]
  /** How that value is written, where case matters. */
  readonly writes?: string
  /** Annotations that hold ranges, separated by commas. */
  readonly ranges?: readonly string[]
  /** Annotations that name an access list kept elsewhere, which is not seen from here. */
  readonly lists?: readonly string[]
  /** Why `loadBalancerSourceRanges` says nothing here. */
  readonly ignores?: string
}
const service = (name: string): string => `service.beta.kubernetes.io/${name}`

const PROVIDERS: readonly Provider[] = [
  {
    id: 'aws',
    name: 'AWS',
    nodes: /^aws:/,
    internal: [
      [service('aws-load-balancer-scheme'), 'internal'],
      [service('aws-load-balancer-internal'), 'true', '0.0.0.0/0'],
    ],
    lists: [service('aws-load-balancer-security-groups'), service('aws-load-balancer-security-group-prefix-lists')],
  },
  {
    id: 'gcp',
    name: 'Google Cloud',
    nodes: /^gce:/,
    writes: 'Internal',
    internal: [
      ['networking.gke.io/load-balancer-type', 'internal'],
      ['cloud.google.com/load-balancer-type', 'internal'],
    ],
  },
  {
    id: 'azure',
    name: 'Azure',
    nodes: /^azure:/,
    internal: [[service('azure-load-balancer-internal'), 'true']],
    ranges: [service('azure-allowed-ip-ranges')],
    lists: [service('azure-allowed-service-tags'), service('azure-shared-securityrule')],
  },
  {
    id: 'oci',
    name: 'Oracle Cloud',
    nodes: /^(oci:\/\/)?ocid1\./,
    internal: [
      [service('oci-load-balancer-internal'), 'true'],
      ['oci-network-load-balancer.oraclecloud.com/internal', 'true'],
    ],
    lists: ['oci.oraclecloud.com/oci-network-security-groups', 'oci-network-load-balancer.oraclecloud.com/oci-network-security-groups'],
  },
  {
    id: 'alibaba',
    name: 'Alibaba Cloud',
    internal: [
      [service('alibaba-cloud-loadbalancer-address-type'), 'intranet'],
      [service('alicloud-loadbalancer-address-type'), 'intranet'],
    ],
    lists: [service('alibaba-cloud-loadbalancer-acl-id'), service('alicloud-loadbalancer-acl-id')],
  },
  { id: 'baidu', name: 'Baidu Cloud', internal: [[service('cce-load-balancer-internal-vpc'), 'true']] },
  { id: 'openstack', name: 'OpenStack', nodes: /^openstack:/, internal: [[service('openstack-internal-load-balancer'), 'true']] },
  {
    id: 'digitalocean',
    name: 'DigitalOcean',
    nodes: /^digitalocean:/,
    writes: 'INTERNAL',
    internal: [[service('do-loadbalancer-network'), 'internal']],
    lists: [service('do-loadbalancer-allow-rules')],
  },
  {
    id: 'ibm',
    name: 'IBM Cloud',
    nodes: /^ibm:/,
    internal: [['service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type', 'private']],
  },
  { id: 'scaleway', name: 'Scaleway', nodes: /^scaleway:/, internal: [[service('scw-loadbalancer-private'), 'true']] },
  { id: 'yandex', name: 'Yandex Cloud', nodes: /^yandex:/, internal: [['yandex.cloud/load-balancer-type', 'internal']] },
  {
    id: 'hetzner',
    name: 'Hetzner Cloud',
    nodes: /^hcloud:/,
    internal: [['load-balancer.hetzner.cloud/disable-public-network', 'true']],
    ignores: 'load balancers of Hetzner Cloud know no access list',
  },
  {
    id: 'linode',
    name: 'Linode',
    nodes: /^linode:/,
    internal: [],
    lists: [service('linode-loadbalancer-firewall-id'), service('linode-loadbalancer-firewall-acl')],
    ignores: 'load balancers of Linode take their list from an annotation',
  },
  {
    id: 'vultr',
    name: 'Vultr',
    nodes: /^vultr:/,
    internal: [],
    lists: [service('vultr-loadbalancer-firewall-rules')],
  },
]
/** Any name of a subnet does. */
const TENCENT = 'service.kubernetes.io/qcloud-loadbalancer-internal-subnetid'
/** Read where the field is empty (k8s.io/cloud-provider/service/helpers). */
const LEGACY_RANGES = service('load-balancer-source-ranges')
const UNMANAGED: readonly (readonly [string, string])[] = [
  [service('oci-load-balancer-security-list-management-mode'), 'none'],
  ['oci.oraclecloud.com/security-rule-management-mode', 'none'],
]

type Annotations = Readonly<Record<string, string>>
const annotationsOf = ({ metadata }: ServiceObject): Annotations => metadata.annotations ?? {}
const has = (annotations: Annotations, name: string, ...values: string[]): boolean =>
  values.includes((annotations[name] ?? '').trim().toLowerCase())

/** Why its load balancer stands inside the provider's network, as the object asks for it; undefined where nothing says so. */
export function declaredInternal(one: ServiceObject): string | undefined {
  const annotations = annotationsOf(one)
  const { loadBalancerClass = '' } = one.spec ?? {}
  const by = PROVIDERS.flatMap(({ internal }) => internal).find(([name, ...values]) => has(annotations, name, ...values))
  if (by !== undefined) return `annotation ${by[0]}`
  if ((annotations[TENCENT] ?? '') !== '') return `annotation ${TENCENT}`
  if (/internal/i.test(loadBalancerClass)) return `class ${loadBalancerClass}`
  if (loadBalancerClass === 'tailscale' && annotations['tailscale.com/funnel'] !== 'true') return 'class tailscale'
  return undefined
}

/** As `declaredInternal`, or by the addresses that it was given. */
export function internalBecause(one: ServiceObject): string | undefined {
  const declared = declaredInternal(one)
  if (declared !== undefined) return declared
  const addresses = one.status?.loadBalancer?.ingress ?? []
  const isInside = ({ ip, hostname = '' }: (typeof addresses)[number]): boolean =>
    ip === undefined ? /^internal-.*\.elb\..*amazonaws\.com(\.cn)?$/.test(hostname) : INSIDE.has(addressClass(ip) ?? '')
  return addresses.length > 0 && addresses.every(isInside) ? 'its addresses are private' : undefined
}
const INSIDE = new Set(['private', 'loopback', 'link-local', 'carrier-grade'])

/** The AWS Load Balancer Controller takes `internal` where no scheme is named, unless it was started otherwise. */
export const isInternalByDefault = (one: ServiceObject): boolean => {
  const annotations = annotationsOf(one)
  const isLbc =
    one.spec?.loadBalancerClass === 'service.k8s.aws/nlb' || has(annotations, service('aws-load-balancer-type'), 'external', 'nlb-ip')
  return isLbc && annotations[service('aws-load-balancer-scheme')] === undefined
}

export interface Sources {
  readonly ranges: readonly string[]
  /** The field, or the annotation that holds them. */
  readonly from: string
  /** An access list that is kept elsewhere. */
  readonly elsewhere?: string
  /** Why the ranges may not be heeded. */
  readonly ignored?: string
}
/** Whom it lets in, as far as the object says. The field beats the annotations. */
export function sourcesOf(one: ServiceObject, provider: Provider | undefined): Sources {
  const annotations = annotationsOf(one)
  const field = one.spec?.loadBalancerSourceRanges ?? []
  const name = [LEGACY_RANGES, ...PROVIDERS.flatMap(({ ranges = [] }) => ranges)].find((key) => (annotations[key] ?? '').trim() !== '')
  const elsewhere = PROVIDERS.flatMap(({ lists = [] }) => lists).find((key) => (annotations[key] ?? '').trim() !== '')
  const unmanaged = UNMANAGED.find(([key, value]) => has(annotations, key, value))
  const ignored = unmanaged === undefined ? provider?.ignores : `annotation ${unmanaged[0]} says that no rules are made of it`
  const written = (text: string): string[] =>
    text
      .split(',')
      .map((range) => range.trim())
      .filter((range) => range !== '')
  return {
    ranges: field.length > 0 ? field : name === undefined ? [] : written(annotations[name]!),
    from: field.length > 0 || name === undefined ? 'spec.loadBalancerSourceRanges' : `annotation ${name}`,
    ...(elsewhere !== undefined && { elsewhere }),
    ...(ignored !== undefined && { ignored }),
  }
}

/** Whose load balancers these are: by what nodes say of themselves. */
export function providerOf(view: View<'Node'>): Provider | undefined {
  const id = view.all('Node').find((node: NodeObject) => node.spec?.providerID !== undefined)?.spec?.providerID ?? ''
  return PROVIDERS.find(({ nodes }) => nodes?.test(id) === true)
}
/** Annotation and value that keep a load balancer of this provider inside, as its documentation writes them. */
export function internalAnnotation(provider: Provider | undefined): readonly [name: string, value: string] | undefined {
  const [name, value] = provider?.internal[0] ?? []
  if (provider === undefined || name === undefined || value === undefined) return undefined
  return [name, provider.writes ?? value]
}
