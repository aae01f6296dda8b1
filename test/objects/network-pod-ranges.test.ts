import { describe, expect, it } from 'vitest'
import { podRanges } from '../../src/objects/network-pod-ranges.ts'
import { worldOf } from '../helpers/world.ts'

const node = (name: string, cidrs: string, ip = '10.0.0.5') =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}}\nspec: {podCIDRs: [${cidrs}]}\nstatus: {addresses: [{type: InternalIP, address: ${ip}}]}\n`
const map = (name: string, key: string, text: string, namespace = 'kube-system') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: ${namespace}}\ndata: {${key}: ${JSON.stringify(text)}}\n`
const ranges = (...documents: string[]) => podRanges(worldOf(documents.join('---\n')).snapshot)
const nodes = (count: number, ip?: string) =>
  Array.from({ length: count }, (_, n) => node(`n${n}`, `10.244.${n}.0/24, "fd00:10:244:${n}::/64"`, ip))

describe('the ranges of pods', () => {
  it('are those of the nodes, while they are few', () => {
    expect(ranges(...nodes(2))).toEqual(['10.244.0.0/24', '10.244.1.0/24', 'fd00:10:244:0::/64', 'fd00:10:244:1::/64'])
    expect(ranges('apiVersion: v1\nkind: Node\nmetadata: {name: n}\n')).toEqual([])
  })

  it('are one around those of many nodes, unless a node lies in it', () => {
    expect(ranges(...nodes(17))).toEqual(['10.244.0.0/19', 'fd00:10:244::/59'])
    expect(ranges(...nodes(17, '10.244.31.9'))).toEqual(['fd00:10:244::/59'])
  })

  it('are not guessed where they lie far apart', () =>
    expect(ranges(...nodes(17), node('far', '192.168.7.0/24'))).toEqual(['fd00:10:244::/59']))

  it.each([
    [
      'kubeadm',
      map('kubeadm-config', 'ClusterConfiguration', 'networking:\n  podSubnet: 10.1.0.0/16,fd00::/48\n'),
      ['10.1.0.0/16', 'fd00::/48'],
    ],
    ['kube-proxy', map('kube-proxy', 'config.conf', 'clusterCIDR: "10.2.0.0/16"\nmode: nftables\n'), ['10.2.0.0/16']],
    ['Flannel', map('kube-flannel-cfg', 'net-conf.json', '{"Network": "10.3.0.0/16"}', 'kube-flannel'), ['10.3.0.0/16']],
    ['Cilium', map('cilium-config', 'cluster-pool-ipv4-cidr', '10.4.0.0/16'), ['10.4.0.0/16']],
    [
      'Calico',
      'apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: calico-node, namespace: kube-system}\nspec: {template: {spec: {containers: [{name: n, image: c, env: [{name: CALICO_IPV4POOL_CIDR, value: 10.5.0.0/16}]}]}}}\n',
      ['10.5.0.0/16'],
    ],
  ])('are what %s was told', (_who, document, expected) => expect(ranges(document)).toEqual(expected))

  it('hold those of the nodes that lie in them', () =>
    expect(ranges(map('kube-proxy', 'config.conf', 'clusterCIDR: 10.244.0.0/16\n'), node('n', '10.244.3.0/24'))).toEqual(['10.244.0.0/16']))
})
