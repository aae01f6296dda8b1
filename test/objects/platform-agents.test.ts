import { describe, expect, test } from 'vitest'
import { isPlatformAgent } from '../../src/objects/platform-agents.ts'
import { workloads } from '../../src/objects/workloads.ts'
import { worldOf } from '../helpers/world.ts'

const isOne = (kind: string, spec: string): boolean => {
  const body = kind === 'Pod' ? `{${spec}}` : `{template: {spec: {${spec}}}}`
  const text = `apiVersion: ${kind === 'Pod' ? 'v1' : 'apps/v1'}\nkind: ${kind}\nmetadata: {name: kube-flannel, namespace: anywhere}\nspec: ${body}\n`
  return isPlatformAgent(workloads(worldOf(text).snapshot)[0]!)
}
const runs = (image: string, more = '') => `containers: [{name: a, image: '${image}'${more}}]`
const REGISTRAR = runs(
  'registry.k8s.io/sig-storage/csi-node-driver-registrar:v2',
  ", args: ['--kubelet-registration-path=/var/lib/kubelet/plugins/x/csi.sock']",
)
const REGISTRATION = 'volumes: [{name: r, hostPath: {path: /var/lib/kubelet/plugins_registry}}]'

describe('told by image and shape together', () => {
  test.each([
    ['Flannel', 'DaemonSet', `hostNetwork: true, ${runs('ghcr.io/flannel-io/flannel:v0.27.4')}`],
    ['Cilium from a mirror', 'DaemonSet', `hostNetwork: true, ${runs('mirror.example/cilium/cilium:v1.18')}`],
    ['kube-proxy', 'DaemonSet', `hostNetwork: true, ${runs('registry.k8s.io/kube-proxy:v1.37.2')}`],
    ['a volume driver', 'DaemonSet', `${REGISTRAR}, ${REGISTRATION}`],
  ])('%s', (_name, kind, spec) => expect(isOne(kind, spec)).toBe(true))

  test.each([
    ['the image in a bare pod', 'Pod', `hostNetwork: true, ${runs('ghcr.io/flannel-io/flannel:v0.27.4')}`],
    ['the image in a Deployment', 'Deployment', `hostNetwork: true, ${runs('registry.k8s.io/kube-proxy:v1.37.2')}`],
    ['the image off the network of the node', 'DaemonSet', runs('ghcr.io/flannel-io/flannel:v0.27.4')],
    ['a name only', 'DaemonSet', `hostNetwork: true, ${runs('registry.example/kube-flannel-tools:1')}`],
    ['a registrar that registers nothing', 'DaemonSet', REGISTRAR],
    ['no containers at all', 'DaemonSet', 'hostNetwork: true'],
  ])('not %s', (_name, kind, spec) => expect(isOne(kind, spec)).toBe(false))
})
