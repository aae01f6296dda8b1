import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Image, writeImages } from './image.ts'
import type { Namespaces } from './namespaces.ts'

const socket = '/run/containerd/containerd.sock'
export const runtimeEndpoint = `unix://${socket}`

/** Configures containerd and the pod network on the node, and starts it; programs come from `bin`. */
export async function startContainerd(node: Namespaces, bin: string, sandboxImage: string): Promise<void> {
  await mkdir(node.path('/etc/containerd'), { recursive: true })
  await mkdir(node.path('/etc/cni/net.d'), { recursive: true })
  await writeFile(node.path('/etc/containerd/config.toml'), config(bin, sandboxImage))
  await writeFile(node.path('/etc/cni/net.d/10-pods.conflist'), JSON.stringify(podNetwork(node.podSubnet)))
  node.start('containerd', ['env', `PATH=${bin}:${process.env['PATH']}`, join(bin, 'containerd')])
}

/** Puts images into containerd's store, where the kubelet finds them without a registry. */
export async function importImages(node: Namespaces, bin: string, images: readonly Image[]): Promise<void> {
  const path = node.path('/var/lib/images.tar')
  await writeImages(path, images)
  await node.run([join(bin, 'ctr'), '-a', socket, '-n', 'k8s.io', 'images', 'import', '--local', '/var/lib/images.tar'])
  await rm(path)
}

/** True when containerd answers. */
export async function containerdAnswers(node: Namespaces, bin: string): Promise<boolean> {
  return (await node.run([join(bin, 'ctr'), '-a', socket, 'version'])) !== ''
}

function config(bin: string, sandboxImage: string): string {
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "${socket}"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${sandboxImage}"

[plugins."io.containerd.cri.v1.images"]
  # The kubelet's numbers about a container's writable layer are as old as this; 10 is the default.
  stats_collect_period = 1

[plugins."io.containerd.cri.v1.runtime"]
  # A machine whose root may not lower the score (CAP_SYS_RESOURCE) starts no container otherwise.
  restrict_oom_score_adj = true
  # Its profile would be loaded into the kernel of the machine, and stay there.
  disable_apparmor = true

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "${join(bin, 'runc')}"
  SystemdCgroup = false

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${bin}"]
  conf_dir = "/etc/cni/net.d"
`
}

/** Pods on a bridge with addresses of their own; no translation, because this machine has a route to them. */
function podNetwork(subnet: string) {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods',
        isGateway: true,
        ipMasq: false,
        ipam: { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
    ],
  }
}
