/**
 * `node test/cluster/keep-control-plane.ts [NODES]`: a control plane as kubeadm makes it, on real nodes, kept until it is interrupted. For
 * looking at the wizard with `--host '*=docker:{node}'` by hand; it prints how to reach it.
 */
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { startCluster } from './cluster.ts'
import { makeContainerProgram } from './nodes/container-program.ts'
import { images } from './nodes/images.ts'
import { makePod } from './nodes/run-pod.ts'

const CONFIGURATION = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n'

const cluster = await startCluster({
  nodes: Number(process.argv[2] ?? 1),
  controllerManager: true,
  scheduler: true,
  kubeletConfig: { tlsCertFile: undefined, tlsPrivateKeyFile: undefined },
  flags: { 'kubelet-certificate-authority': null },
})
const ended = new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
try {
  const servers = await Promise.all(cluster.nodes.map((node) => node.runApiServer()))
  const [first] = servers
  const [node] = cluster.nodes
  if (first === undefined || node === undefined) throw new Error('no node')
  await node.runComponent('kube-controller-manager', first)
  await node.runComponent('kube-scheduler', first)
  await node.addImages([images.root])
  await makePod(cluster, 'before', { image: images.root.name, args: ['serve=:8080'] })
  for (let index = 0; index < 20; index++) {
    const name = `secret-${index}`
    await cluster.api.create('/api/v1/namespaces/default/secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      stringData: { password: name },
    })
  }
  await first.api.create('/api/v1/namespaces/kube-system/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kubeadm-config' },
    data: { ClusterConfiguration: CONFIGURATION },
  })
  const program = await makeContainerProgram(await mkdtemp(join(cluster.dir, 'docker-')), cluster.nodes)
  console.info(`export KUBECONFIG=${first.kubeconfig} PATH=${program.folder}:$PATH`)
  console.info(`node bin/k8s-harden.js --host '*=docker:{node}'`)
  for (const one of cluster.nodes) console.info(`${one.name}: ${one.path('/')}`)
  await ended
  await program.close()
} finally {
  await cluster.stop()
}
