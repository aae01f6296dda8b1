import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Site } from '../control-plane.ts'
import { toArguments } from '../flags.ts'
import { writeKubeconfig } from '../kubeconfig.ts'
import type { Running } from '../supervisor.ts'
import { runtimeEndpoint } from './containerd.ts'
import type { Namespaces } from './namespaces.ts'

const configFile = '/var/lib/kubelet/config.yaml'
const kubeconfigFile = '/etc/kubernetes/kubelet.conf'
export const manifestFolder = '/etc/kubernetes/manifests'

/** Writes what the kubelet needs, in the places that kubeadm uses. */
export async function prepareKubelet(site: Site, node: Namespaces, name: string, more: object): Promise<void> {
  for (const folder of ['/var/lib/kubelet/pki', manifestFolder, '/etc/kubernetes/pki']) await mkdir(node.path(folder), { recursive: true })
  const { authority } = site
  const server = await authority.issueServer([name], [node.address])
  await followApiServer(site, node, name, site.url)
  await writeFile(node.path('/etc/kubernetes/pki/ca.crt'), authority.certificate)
  await writeFile(node.path('/var/lib/kubelet/pki/kubelet.crt'), server.certificate)
  await writeFile(node.path('/var/lib/kubelet/pki/kubelet.key'), server.key, { mode: 0o600 })
  await writeFile(node.path('/etc/hosts'), `127.0.0.1 localhost\n${node.address} ${name}\n`)
  // JSON is YAML.
  await writeFile(node.path(configFile), JSON.stringify({ ...config(node), ...more }, null, 2))
}

/** Its kubeconfig for another API server, with a certificate of its own again. */
export async function followApiServer({ authority }: Site, node: Namespaces, name: string, url: string): Promise<void> {
  const credentials = await authority.issueClient({ user: `system:node:${name}`, groups: ['system:nodes'] })
  await writeKubeconfig(node.path(kubeconfigFile), { url, ca: authority.certificate, name, credentials })
}

export function startKubelet(node: Namespaces, name: string, bin: string): Running {
  const flags = { config: configFile, kubeconfig: kubeconfigFile, 'hostname-override': name, 'node-ip': node.address }
  return node.start('kubelet', ['env', `PATH=${bin}:${process.env['PATH']}`, join(bin, 'kubelet'), ...toArguments(flags)])
}

function config(node: Namespaces) {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: '/var/lib/kubelet/pki/kubelet.crt',
    tlsPrivateKeyFile: '/var/lib/kubelet/pki/kubelet.key',
    containerRuntimeEndpoint: runtimeEndpoint,
    staticPodPath: manifestFolder,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${node.name}`,
    // Machines for tests still have version 1.
    failCgroupV1: false,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    // A full disk of the developer's must not turn into an eviction.
    evictionHard: {
      'memory.available': '0%',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
      'imagefs.inodesFree': '0%',
    },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  }
}
