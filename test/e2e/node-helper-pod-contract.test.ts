import { mkdir } from 'node:fs/promises'
import { afterAll, beforeAll } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { HelperPodHost } from '../../src/hosts/helper-pod-host.ts'
import type { Host } from '../../src/hosts/host.ts'
import { helperPrograms, machineImage } from '../cluster/nodes/machine-image.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { freshDirectory, hostContract } from '../hosts/contract.ts'

const image = 'k8s-harden.test/programs:1'

describeNode('the contract of all carriers, through a helper pod', { audit: false }, (cluster) => {
  let client: ApiClient
  let host: HelperPodHost
  beforeAll(async () => {
    await cluster().nodes[0]!.addImages([machineImage(image, helperPrograms)])
    client = new ApiClient(pickContext({ kubeconfig: cluster().kubeconfig }))
    host = new HelperPodHost(client, 'node-0', { image })
  }, 60_000)
  afterAll(async () => {
    await host?.close()
    client?.close()
  }, 60_000)

  hostContract(
    async () => {
      const base = cluster().nodes[0]!.path('/etc/kubernetes/tests')
      await mkdir(base, { recursive: true })
      const here = await freshDirectory(base)
      return { spec: 'pod', open: () => keptOpen(host), here, on: here.replace(base, '/etc/kubernetes/tests') }
    },
    { programs: false, killed: false },
  )
})

/** One pod for all tests: each closes its host. */
const keptOpen = (host: HelperPodHost): Host => ({
  node: host.node,
  carrier: host.carrier,
  words: host.words,
  stat: (path) => host.stat(path),
  read: (path, limit) => host.read(path, limit),
  list: (path) => host.list(path),
  write: (path, text, options) => host.write(path, text, options),
  copy: (from, to) => host.copy(from, to),
  remove: (path, expected) => host.remove(path, expected),
  permit: (path, rights, expected) => host.permit(path, rights, expected),
  run: (command) => host.run(command),
  watch: (path, signal) => host.watch(path, signal),
  close: async () => {},
})
