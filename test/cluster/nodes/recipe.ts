/**
 * What a real node is made of: versions and how each program is built.
 *
 * A cache key of its own: a change here builds no API server anew, and a change there no node.
 */
import { createHash } from 'node:crypto'
import { type Build, type BuildModule, goEnv, kubernetes, kubernetesLdflags, kubernetesVersion } from '../recipe.ts'

/** One program of a node; the last three are the plugins of the pod network. */
export type NodeProgram = 'kubelet' | 'containerd' | 'containerd-shim-runc-v2' | 'ctr' | 'runc' | 'bridge' | 'host-local' | 'loopback'

const containerd: BuildModule = { name: 'containerd', requires: ['github.com/containerd/containerd/v2', 'v2.4.2'] }
const runc: BuildModule = { name: 'runc', requires: ['github.com/opencontainers/runc', 'v1.4.0'] }
const plugins: BuildModule = { name: 'cni', requires: ['github.com/containernetworking/plugins', 'v1.9.1'] }

const stripped = '-s -w'

function containerdBuild(program: NodeProgram): Build<NodeProgram> {
  const tags = 'no_btrfs,no_devmapper,no_zfs'
  return { program, module: containerd, package: `${containerd.requires[0]}/cmd/${program}`, ldflags: stripped, tags }
}

function pluginBuild(program: NodeProgram, kind: 'main' | 'ipam'): Build<NodeProgram> {
  return { program, module: plugins, package: `${plugins.requires[0]}/plugins/${kind}/${program}`, ldflags: stripped }
}

export const nodeBuilds: readonly Build<NodeProgram>[] = [
  { program: 'kubelet', module: kubernetes, package: 'k8s.io/kubernetes/cmd/kubelet', ldflags: kubernetesLdflags },
  containerdBuild('containerd'),
  containerdBuild('containerd-shim-runc-v2'),
  containerdBuild('ctr'),
  {
    program: 'runc',
    module: runc,
    package: runc.requires[0],
    // Static like all others, so that a cache works on a machine without libseccomp.
    ldflags: `${stripped} -extldflags -static`,
    // Without seccomp runc refuses every pod whose profile is RuntimeDefault.
    tags: 'seccomp,netgo,osusergo',
    cgo: true,
  },
  pluginBuild('bridge', 'main'),
  pluginBuild('loopback', 'main'),
  pluginBuild('host-local', 'ipam'),
]

/** Names the cache folder beside the control plane's. */
export const nodeRecipeKey = `node-${kubernetesVersion}-${createHash('sha256')
  .update(JSON.stringify([nodeBuilds, goEnv, process.platform, process.arch]))
  .digest('hex')
  .slice(0, 12)}`
