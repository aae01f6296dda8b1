import { readFile, rm, writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { type ApiClient, openApiClient } from '../api-client.ts'
import { type Site, waitFor } from '../control-plane.ts'
import { type Flags, toArguments } from '../flags.ts'
import { writeKubeconfig } from '../kubeconfig.ts'
import { kubernetesVersion, pollVariable } from '../recipe.ts'
import type { Running } from '../supervisor.ts'
import type { ImageOptions } from './image.ts'
import { manifestFolder } from './kubelet.ts'

/** An API server that the kubelet runs from a manifest, beside the cluster's own one and with the same etcd. */
export interface StaticApiServer {
  readonly url: string
  /** The administrator's client of this API server. */
  readonly api: ApiClient
  /** The administrator's kubeconfig for this API server. */
  readonly kubeconfig: string
  /** This machine's path of the manifest: the kubelet restarts the API server when the file changes. */
  readonly manifest: string
  /** The name of its mirror pod in kube-system. */
  readonly pod: string
  /** Takes the manifest away, on which the kubelet ends the API server. */
  remove(): Promise<void>
}

/** What the API server needs to know of its node. */
export interface Host {
  readonly name: string
  readonly address: string
  readonly kubelet: Running
  path(file: string): string
  addImages(images: readonly ImageOptions[]): Promise<void>
}

const pki = '/etc/kubernetes/pki'
const binary = '/usr/local/bin/kube-apiserver'
const imageName = `k8s-harden.test/kube-apiserver:${kubernetesVersion}`
const port = 6443

/**
 * Runs kube-apiserver as a static pod with the manifest, paths and flags that kubeadm writes, and waits until it is ready.
 * `flags` are added or win; null takes one away. The image is made of the built program, which must be static.
 */
export async function runStaticApiServer(site: Site, host: Host, flags: Flags): Promise<StaticApiServer> {
  await host.addImages([{ name: imageName, files: { [binary]: { copyOf: site.binaries.apiServer } } }])
  await writeKeys(site, host)
  const url = `https://${host.address}:${port}`
  const name = `static-apiserver-${host.name}`
  const ca = site.authority.certificate
  const kubeconfig = await writeKubeconfig(`${site.dir}/${name}.kubeconfig`, { url, ca, name, credentials: site.admin })
  const manifest = host.path(`${manifestFolder}/kube-apiserver.yaml`)
  await writeFile(manifest, stringify(pod(toArguments(flagsOf(site, host), flags), host.address)), { mode: 0o600 })
  const api = openApiClient(url, ca, site.admin)
  await waitFor('the static pod of the API server', host.kubelet, async () => (await api.request('GET', '/readyz')).status === 200)
  return {
    url,
    api,
    kubeconfig,
    manifest,
    pod: `kube-apiserver-${host.name}`,
    async remove() {
      api.close()
      await rm(manifest)
    },
  }
}

async function writeKeys({ dir, authority }: Site, host: Host): Promise<void> {
  const server = await authority.issueServer(['localhost', 'kubernetes.default.svc'], [host.address, '127.0.0.1'])
  const copied = { 'ca.crt': 'ca.crt', 'sa.key': 'sa.key', 'sa.pub': 'sa.pub' }
  const client = { 'apiserver-kubelet-client.crt': 'kubelet-client.crt', 'apiserver-kubelet-client.key': 'kubelet-client.key' }
  for (const [to, from] of Object.entries({ ...copied, ...client })) {
    await writeFile(host.path(`${pki}/${to}`), await readFile(`${dir}/${from}`), { mode: 0o600 })
  }
  await writeFile(host.path(`${pki}/apiserver.crt`), server.certificate)
  await writeFile(host.path(`${pki}/apiserver.key`), server.key, { mode: 0o600 })
}

function flagsOf({ etcdUrl }: Site, { address }: Host): Flags {
  return {
    'advertise-address': address,
    'allow-privileged': 'true',
    'authorization-mode': 'Node,RBAC',
    'client-ca-file': `${pki}/ca.crt`,
    'enable-admission-plugins': 'NodeRestriction',
    'enable-bootstrap-token-auth': 'true',
    // The Service of the API server stays the other one's.
    'endpoint-reconciler-type': 'none',
    'etcd-servers': etcdUrl,
    'kubelet-client-certificate': `${pki}/apiserver-kubelet-client.crt`,
    'kubelet-client-key': `${pki}/apiserver-kubelet-client.key`,
    'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
    'secure-port': String(port),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': `${pki}/sa.pub`,
    'service-account-signing-key-file': `${pki}/sa.key`,
    'service-cluster-ip-range': '10.96.0.0/16',
    'tls-cert-file': `${pki}/apiserver.crt`,
    'tls-private-key-file': `${pki}/apiserver.key`,
  }
}

function pod(flags: readonly string[], host: string) {
  const poll = process.env[pollVariable]
  const probe = (path: string) => ({ httpGet: { host, path, port, scheme: 'HTTPS' }, timeoutSeconds: 15 })
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      annotations: { 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': `${host}:${port}` },
      labels: { component: 'kube-apiserver', tier: 'control-plane' },
      name: 'kube-apiserver',
      namespace: 'kube-system',
    },
    spec: {
      containers: [
        {
          command: ['kube-apiserver', ...flags],
          ...(poll !== undefined && { env: [{ name: pollVariable, value: poll }] }),
          image: imageName,
          imagePullPolicy: 'Never',
          livenessProbe: { ...probe('/livez'), failureThreshold: 8, initialDelaySeconds: 10, periodSeconds: 10 },
          name: 'kube-apiserver',
          readinessProbe: { ...probe('/readyz'), failureThreshold: 3, periodSeconds: 1 },
          resources: { requests: { cpu: '250m' } },
          // kubeadm asks every 10 seconds, which each restart of a test would wait for.
          startupProbe: { ...probe('/livez'), failureThreshold: 120, periodSeconds: 2 },
          volumeMounts: [{ mountPath: pki, name: 'k8s-certs', readOnly: true }],
        },
      ],
      hostNetwork: true,
      // No admission plugin fills this in for a static pod.
      priority: 2_000_001_000,
      priorityClassName: 'system-node-critical',
      // It would wait for its watches first.
      terminationGracePeriodSeconds: 2,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [{ hostPath: { path: pki, type: 'DirectoryOrCreate' }, name: 'k8s-certs' }],
    },
  }
}
