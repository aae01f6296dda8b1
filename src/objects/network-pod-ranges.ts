/** Ranges of addresses that the pods of the cluster have. */
import ipaddr from 'ipaddr.js'
import type { View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import { cidrHolds, networkOf } from './network-addresses.ts'
import { END_KINDS, nodeEnds } from './network-ends.ts'
import { workloads } from './workloads.ts'

export const POD_RANGE_KINDS = [...END_KINDS, 'ConfigMap'] as const
type RangeView = View<(typeof POD_RANGE_KINDS)[number]>

/** That hold the pods and, as far as is seen, nothing else. Empty where nothing says it (Amazon VPC CNI: pods have addresses of the network of nodes). */
export const podRanges = (view: RangeView): readonly string[] => derived(view, findRanges)

function findRanges(view: RangeView): readonly string[] {
  const named = [...ofComponents(view), ...ofMaps(view)].filter((cidr) => ipaddr.isValidCIDR(cidr))
  const byNode = view.all('Node').flatMap(({ spec }) => {
    const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = (spec ?? {}) as {
      podCIDR?: string
      podCIDRs?: readonly string[]
    }
    return podCIDRs
  })
  const others = byNode.filter((cidr) => ipaddr.isValidCIDR(cidr) && !named.some((range) => holds(range, cidr)))
  if (others.length <= FEW_NODES) return [...new Set([...named, ...others])].sort()
  // A list of every node's own range would not be read, and one that grows with the cluster would not stay true.
  const [four, six] = [others.filter((cidr) => !cidr.includes(':')), others.filter((cidr) => cidr.includes(':'))]
  const taken = nodeEnds(view).flatMap(({ ips }) => ips)
  const whole = [four, six].flatMap((list) => rangeAround(list) ?? []).filter((range) => !taken.some((ip) => cidrHolds(range, [], ip)))
  return [...new Set([...named, ...whole])].sort()
}
const FEW_NODES = 16
const holds = (range: string, cidr: string) => cidrHolds(range, [], cidr.split('/')[0]!)

/** Flags of the controller manager, and what Calico makes its first pool of. */
function ofComponents(view: RangeView): readonly string[] {
  const here = workloads(view).filter(({ namespace }) => /^(kube-system|calico-system|kube-flannel)$/.test(namespace))
  const containers = here.flatMap(({ spec }) => eachContainer(spec)).map(({ container }) => container)
  const flags = containers
    .flatMap(({ command = [], args = [] }) => [...command, ...args])
    .flatMap((word) => /^--cluster-cidr=(.+)$/.exec(String(word))?.[1]?.split(',') ?? [])
  const pools = containers.flatMap(({ env }) => (env ?? []).filter(({ name }) => /^CALICO_IPV[46]POOL_CIDR$/.test(name)))
  return [...flags, ...pools.flatMap(({ value }) => value ?? [])]
}

function ofMaps(view: RangeView): readonly string[] {
  const text = (name: string, key: string, namespace = 'kube-system') => view.find('ConfigMap', namespace, name)?.data?.[key] ?? ''
  const found = (from: string, pattern: RegExp) => [...from.matchAll(pattern)].flatMap(([, list]) => list!.split(','))
  const flannel = [text('kube-flannel-cfg', 'net-conf.json', 'kube-flannel'), text('kube-flannel-cfg', 'net-conf.json')].join('\n')
  return [
    ...['cluster-pool-ipv4-cidr', 'cluster-pool-ipv6-cidr'].flatMap((key) => text('cilium-config', key).split(/[ ,]+/)),
    ...found(text('kubeadm-config', 'ClusterConfiguration'), /^\s+podSubnet:\s*["']?([0-9a-fA-F.:/,]+)/gm),
    ...found(text('kube-proxy', 'config.conf'), /^clusterCIDR:\s*["']?([0-9a-fA-F.:/,]+)/gm),
    ...found(flannel, /"(?:IPv6)?Network":\s*"([0-9a-fA-F.:/]+)"/g),
  ]
}

/** The narrowest range that holds all; none that is wider than a cluster is given. */
function rangeAround(cidrs: readonly string[]): string | undefined {
  if (cidrs.length === 0) return undefined
  const [widest, least] = cidrs[0]!.includes(':') ? [32, 128] : [10, 32]
  const first = Math.min(least, ...cidrs.map((cidr) => Number(cidr.split('/')[1])))
  for (let bits = first; bits >= widest; bits--) {
    const range = networkOf(cidrs[0]!.split('/')[0]!, bits)
    if (range !== undefined && cidrs.every((cidr) => holds(range, cidr))) return range
  }
  return undefined
}
