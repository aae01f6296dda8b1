/** What kubeadm makes of a ClusterConfiguration: its own arguments, overlaid by `extraArgs`. */
import type { Path } from '../model/index.ts'
import { addFlag } from './flag-kinds.ts'
import type { Component } from './flag-parse.ts'
import { fieldsIn } from './yaml-file.ts'

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {})

/** Where a component's `extraArgs` stand in a ClusterConfiguration. */
export const EXTRA_ARGS: Readonly<Record<Component, Path>> = {
  'kube-apiserver': ['apiServer', 'extraArgs'],
  'kube-controller-manager': ['controllerManager', 'extraArgs'],
  'kube-scheduler': ['scheduler', 'extraArgs'],
  etcd: ['etcd', 'local', 'extraArgs'],
}

/** `extraArgs`: a map up to v1beta3, a list of `{name, value}` from v1beta4, which may name a flag twice. Values may be numbers or booleans in a careless file. */
export function readExtraArgs(value: unknown): ReadonlyMap<string, string> {
  const flags = new Map<string, string>()
  const items: readonly (readonly [unknown, unknown])[] = Array.isArray(value)
    ? value.map(fieldsOf).map(({ name, value: one }) => [name, one])
    : Object.entries(fieldsOf(value))
  for (const [name, one] of items) if (typeof name === 'string') addFlag(flags, name.replaceAll('_', '-'), text(one))
  return flags
}
const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value))

/** The command line that kubeadm would write; undefined where it would not run the component (etcd outside the cluster). */
export function kubeadmFlags(configuration: Fields, component: Component): ReadonlyMap<string, string> | undefined {
  if (component === 'etcd' && fieldsOf(configuration['etcd'])['external'] !== undefined) return undefined
  const path = EXTRA_ARGS[component]
  const extra = readExtraArgs(path.reduce<unknown>((here, key) => fieldsOf(here)[key as string], configuration))
  const own = OWN[component](configuration, extra)
  return new Map([...Object.entries(own), ...extra])
}

const OWN: Readonly<Record<Component, (configuration: Fields, extra: ReadonlyMap<string, string>) => Record<string, string>>> = {
  'kube-apiserver': (configuration, extra) => {
    const pki = pkiOf(configuration)
    return {
      'enable-admission-plugins': 'NodeRestriction',
      'service-account-key-file': `${pki}/sa.pub`,
      'service-account-signing-key-file': `${pki}/sa.key`,
      'service-account-issuer': `https://kubernetes.default.svc.${fieldsOf(configuration['networking'])['dnsDomain'] ?? 'cluster.local'}`,
      'client-ca-file': `${pki}/ca.crt`,
      'tls-cert-file': `${pki}/apiserver.crt`,
      'tls-private-key-file': `${pki}/apiserver.key`,
      'kubelet-client-certificate': `${pki}/apiserver-kubelet-client.crt`,
      'kubelet-client-key': `${pki}/apiserver-kubelet-client.key`,
      'enable-bootstrap-token-auth': 'true',
      'allow-privileged': 'true',
      'requestheader-client-ca-file': `${pki}/front-proxy-ca.crt`,
      'requestheader-allowed-names': 'front-proxy-client',
      ...etcdClient(configuration, pki),
      ...(!extra.has('authorization-config') && { 'authorization-mode': 'Node,RBAC' }),
    }
  },
  'kube-controller-manager': (configuration) => {
    const pki = pkiOf(configuration)
    return {
      'bind-address': '127.0.0.1',
      'client-ca-file': `${pki}/ca.crt`,
      'root-ca-file': `${pki}/ca.crt`,
      'service-account-private-key-file': `${pki}/sa.key`,
      'use-service-account-credentials': 'true',
    }
  },
  'kube-scheduler': () => ({ 'bind-address': '127.0.0.1' }),
  etcd: (configuration) => {
    const pki = `${pkiOf(configuration)}/etcd`
    return {
      'listen-client-urls': 'https://127.0.0.1:2379',
      'listen-metrics-urls': 'http://127.0.0.1:2381',
      'cert-file': `${pki}/server.crt`,
      'key-file': `${pki}/server.key`,
      'trusted-ca-file': `${pki}/ca.crt`,
      'client-cert-auth': 'true',
      'peer-cert-file': `${pki}/peer.crt`,
      'peer-key-file': `${pki}/peer.key`,
      'peer-trusted-ca-file': `${pki}/ca.crt`,
      'peer-client-cert-auth': 'true',
    }
  },
}

const pkiOf = (configuration: Fields): string =>
  typeof configuration['certificatesDir'] === 'string' && configuration['certificatesDir'] !== ''
    ? configuration['certificatesDir']
    : '/etc/kubernetes/pki'

function etcdClient(configuration: Fields, pki: string): Record<string, string> {
  const external = fieldsOf(configuration['etcd'])['external']
  if (external === undefined) {
    return {
      'etcd-servers': 'https://127.0.0.1:2379',
      'etcd-cafile': `${pki}/etcd/ca.crt`,
      'etcd-certfile': `${pki}/apiserver-etcd-client.crt`,
      'etcd-keyfile': `${pki}/apiserver-etcd-client.key`,
    }
  }
  const { endpoints, caFile, certFile, keyFile } = fieldsOf(external)
  const both = text(certFile) !== '' && text(keyFile) !== ''
  return {
    'etcd-servers': Array.isArray(endpoints) ? endpoints.join(',') : '',
    ...(text(caFile) !== '' && { 'etcd-cafile': text(caFile) }),
    ...(both && { 'etcd-certfile': text(certFile), 'etcd-keyfile': text(keyFile) }),
  }
}

/** What kubeadm and the kubelet make of a text: a ClusterConfiguration in a ConfigMap, a manifest; undefined where it is not understood. */
export const parsed = fieldsIn
