import { describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/model/index.ts'
import { distribution } from '../../src/objects/distribution.ts'
import { worldOf } from '../helpers/world.ts'

const node = (metadata: object = {}, providerID?: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n', ...metadata },
  spec: { providerID },
})
const talos = (metadata: object, providerID?: string) => ({
  ...node(metadata, providerID),
  status: { nodeInfo: { osImage: 'Talos (v1.9.1)' } },
})
const apiServer = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'kube-apiserver-n', namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
  spec: { containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', '--a=1'] }] },
}
const kubeadm = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubeadm-config', namespace: 'kube-system' } }
const of = (objects: readonly object[], world: { kubernetes?: string; server?: string } = {}) => {
  const { snapshot } = worldOf(
    [{ apiVersion: 'k8s-harden.test/v1', kind: 'World', kubernetes: world.kubernetes ?? 'v1.37.2' }, ...objects]
      .map((one) => JSON.stringify(one))
      .join('\n---\n'),
  )
  return distribution({ ...snapshot, source: { ...snapshot.source, ...(world.server && { server: world.server }) } } as Snapshot)
}

describe('who built the cluster', () => {
  test.each([
    ['EKS by version', of([], { kubernetes: 'v1.33.1-eks-1de2ab1' }), { name: 'eks', managed: true, certain: true }],
    ['GKE by version', of([], { kubernetes: 'v1.33.4-gke.1100000' }), { name: 'gke', managed: true, certain: true }],
    ['EKS by host', of([], { server: 'https://ABC.gr7.eu-west-1.eks.amazonaws.com' }), { name: 'eks', managed: true, certain: true }],
    ['AKS by host', of([], { server: 'https://x.hcp.westeurope.azmk8s.io:443' }), { name: 'aks', managed: true, certain: true }],
    [
      'AKS by label',
      of([node({ labels: { 'kubernetes.azure.com/cluster': 'x' } }, 'azure:///subscriptions/1')]),
      { name: 'aks', managed: true, certain: true },
    ],
    [
      'GKE by label',
      of([node({ labels: { 'cloud.google.com/gke-nodepool': 'x' } }, 'gce://p/z/n')]),
      { name: 'gke', managed: true, certain: true },
    ],
    [
      'OKE by label',
      of([node({ labels: { 'oke.oraclecloud.com/node.info.private_subnet': 'true' } }, 'ocid1.instance.oc1..x')]),
      { name: 'oke', managed: true, certain: true },
    ],
    ['DOKS by host', of([], { server: 'https://x.k8s.ondigitalocean.com' }), { name: 'doks', managed: true, certain: true }],
    ['Talos', of([talos({})]), { name: 'talos', managed: false, certain: true }],
    ['Talos on a cloud', of([talos({}, 'aws:///eu-west-1a/i-1'), apiServer]), { name: 'talos', managed: false }],
    ['a cloud without a promise', of([node({}, 'aws:///eu-west-1a/i-1')]), { name: 'eks', managed: true, certain: false }],
    ['kubeadm on a cloud', of([node({}, 'aws:///eu-west-1a/i-1'), apiServer, kubeadm]), { name: 'kubeadm', managed: false }],
    [
      'something else on a cloud, with its own control plane',
      of([node({}, 'aws:///eu-west-1a/i-1'), apiServer]),
      { name: 'unknown', managed: false },
    ],
    ['kubeadm', of([kubeadm]), { name: 'kubeadm', managed: false }],
    [
      'k3s',
      of([node({ annotations: { 'k3s.io/node-args': '["server"]' } }, 'k3s://n')], { kubernetes: 'v1.34.3+k3s1' }),
      { name: 'k3s', managed: false },
    ],
    ['k3s on a cloud', of([node({ annotations: { 'k3s.io/node-args': '["server"]' } }, 'aws:///x')]), { name: 'k3s', managed: false }],
    ['RKE2', of([], { kubernetes: 'v1.34.3+rke2r1' }), { name: 'rke2', managed: false }],
    ['kind', of([node({}, 'kind://docker/kind/n'), apiServer, kubeadm]), { name: 'kind', managed: false }],
    ['OpenShift', of([node({ labels: { 'node.openshift.io/os_id': 'rhcos' } })]), { name: 'openshift', managed: false }],
    [
      'OpenShift on nodes of a provider',
      of([node({ labels: { 'node.openshift.io/os_id': 'rhel', 'ibm-cloud.kubernetes.io/zone': 'x' } })]),
      { name: 'openshift', managed: false },
    ],
    ['LKE by host', of([], { server: 'https://0a1b.eu-central-1.linodelke.net:443' }), { name: 'lke', managed: true, certain: true }],
    ['LKE by label', of([node({ labels: { 'lke.linode.com/pool-id': '1' } })]), { name: 'lke', managed: true, certain: true }],
    ['IKS by version', of([], { kubernetes: 'v1.33.4+IKS' }), { name: 'iks', managed: true, certain: true }],
    ['IKS by host', of([], { server: 'https://c1.us-south.containers.cloud.ibm.com:30000' }), { name: 'iks', managed: true }],
    ['ACK by version', of([], { kubernetes: 'v1.33.3-aliyun.1' }), { name: 'ack', managed: true, certain: true }],
    ['TKE by version', of([], { kubernetes: 'v1.32.2-tke.5' }), { name: 'tke', managed: true, certain: true }],
    ['OVHcloud by host', of([], { server: 'https://x.c1.gra7.k8s.ovh.net' }), { name: 'ovh', managed: true, certain: true }],
    ['Scaleway by host', of([], { server: 'https://x.api.k8s.fr-par.scw.cloud:6443' }), { name: 'scaleway', managed: true }],
    ['Vultr by label', of([node({ labels: { 'vke.vultr.com/node-pool': 'x' } })]), { name: 'vke', managed: true }],
    [
      'Gardener',
      of([node({ labels: { 'worker.gardener.cloud/pool': 'x' } }, 'aws:///x')]),
      { name: 'gardener', managed: true, certain: true },
    ],
    [
      'kops, whose pods are not seen',
      of([node({ labels: { 'kops.k8s.io/instancegroup': 'x' } }, 'aws:///x')]),
      { name: 'kops', managed: false },
    ],
    ['MicroK8s on a cloud', of([node({ labels: { 'microk8s.io/cluster': 'true' } }, 'aws:///x')]), { name: 'microk8s', managed: false }],
    ['k0s on a cloud', of([node({}, 'aws:///x')], { kubernetes: 'v1.34.1+k0s.0' }), { name: 'k0s', managed: false }],
    ['minikube', of([node({ labels: { 'minikube.k8s.io/name': 'minikube' } }), apiServer, kubeadm]), { name: 'minikube', managed: false }],
    [
      'nodes that only have the names of others',
      of([{ ...node(), metadata: { name: 'talos-k3s-gke-minikube' } }]),
      { name: 'unknown', managed: false, certain: false },
    ],
    ['nothing to go by', of([node()]), { name: 'unknown', managed: false, certain: false }],
  ])('%s', (_what, seen, expected) => expect(seen).toMatchObject(expected))

  test("a host that only looks like a provider's is none", () => {
    expect(of([], { server: 'https://eks.amazonaws.com.evil.example' }).name).toBe('unknown')
  })
})
