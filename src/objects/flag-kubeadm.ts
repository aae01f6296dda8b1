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

/** What a ClusterConfiguration says of a component itself. */
export const extraArgs = (configuration: Fields, component: Component): ReadonlyMap<string, string> =>
  readExtraArgs(EXTRA_ARGS[component].reduce<unknown>((here, key) => fieldsOf(here)[key as string], configuration))

/** The command line that kubeadm would write; undefined where it would not run the component (etcd outside the cluster). */
export function kubeadmFlags(configuration: Fields, component: Component): ReadonlyMap<string, string> | undefined {
  if (component === 'etcd' && fieldsOf(configuration['etcd'])['external'] !== undefined) return undefined
  const extra = extraArgs(configuration, component)
  const own = OWN[component](configuration, extra)
  return new Map([...Object.entries(own), ...extra])
}

/** Flags that kubeadm writes with values of the node or of other fields (getAPIServerCommand and its like of v1.37.2, and older ones). */
const BY_ITSELF: Readonly<Record<Component, readonly string[]>> = {
  'kube-apiserver': [
    ...[
      'advertise-address',
      'secure-port',
      'insecure-port',
      'service-cluster-ip-range',
      'kubelet-preferred-address-types',
      'feature-gates',
    ],
    ...['requestheader-username-headers', 'requestheader-group-headers', 'requestheader-extra-headers-prefix'],
    ...['proxy-client-cert-file', 'proxy-client-key-file'],
  ],
  'kube-controller-manager': [
    ...['leader-elect', 'kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig', 'requestheader-client-ca-file', 'port'],
    ...['cluster-signing-cert-file', 'cluster-signing-key-file', 'controllers', 'allocate-node-cidrs', 'cluster-cidr', 'cluster-name'],
    ...['service-cluster-ip-range', 'node-cidr-mask-size', 'feature-gates'],
  ],
  'kube-scheduler': ['leader-elect', 'kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig', 'port', 'feature-gates'],
  etcd: [
    ...['name', 'advertise-client-urls', 'listen-peer-urls', 'initial-advertise-peer-urls', 'data-dir', 'snapshot-count', 'feature-gates'],
    ...['initial-cluster', 'initial-cluster-state', 'watch-progress-notify-interval'],
    ...['experimental-initial-corrupt-check', 'experimental-watch-progress-notify-interval'],
  ],
}
/** Does kubeadm write this flag although no `extraArgs` name it? What it says may be another thing on each node. */
export const writesByItself = (configuration: Fields, component: Component, flag: string): boolean =>
  BY_ITSELF[component].includes(flag) || Object.hasOwn(OWN[component](configuration, new Map()), flag)

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
