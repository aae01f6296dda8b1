import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Site, waitFor } from '../control-plane.ts'
import { takesPods } from '../fake-nodes.ts'
import type { Flags } from '../flags.ts'
import type { Supervisor } from '../supervisor.ts'
import { containerdAnswers, importImages, startContainerd } from './containerd.ts'
import { type Image, type ImageOptions, image } from './image.ts'
import { followApiServer, prepareKubelet, startKubelet } from './kubelet.ts'
import { makeNamespaces, type Namespaces } from './namespaces.ts'
import { enforcePolicies } from './policies.ts'
import { type NodePrograms, nodePrograms } from './programs.ts'
import { runStaticApiServer, type StaticApiServer } from './static-apiserver.ts'
import { runStaticComponent, type StaticComponent } from './static-component.ts'

/** A node with a real kubelet. */
export interface RealNode {
  readonly name: string
  /** This machine's address on the link to the node: where its pods reach the API server. */
  readonly hostAddress: string
  readonly address: string
  /** Makes images of our static program and gives them to the node; pods name them with `imagePullPolicy: Never`. */
  addImages(images: readonly ImageOptions[]): Promise<void>
  /** This machine's path of the node's file, for those under /etc, /var/lib and /var/log. */
  path(file: string): string
  /** Runs a command of this machine on the node and returns what it printed. */
  run(command: readonly string[]): Promise<string>
  /** What goes before a command of this machine so that it runs on the node, with its input and output as they are. */
  readonly enter: readonly string[]
  /** Restarts the kubelet; the fields of its configuration replace those of the last start. */
  restartKubelet(config?: object): Promise<void>
  /** As systemd would: the kubelet ends and starts anew from the files that are there, whether or not it then comes to run. */
  serviceRestart(): Promise<void>
  /** Restarts the kubelet with another API server, which must be ready. */
  followApiServer(url: string): Promise<void>
  /** The process of the kubelet is there. */
  kubeletRuns(): boolean
  /** From here on NetworkPolicies cut what they say; only where `whyNoPolicies` finds nothing. */
  enforcePolicies(): Promise<void>
  /** Runs an API server as a static pod of this node; see `StaticApiServer`. */
  runApiServer(flags?: Flags): Promise<StaticApiServer>
  /** Runs the controller manager or the scheduler as a static pod of this node, in place of the cluster's own one. */
  runComponent(component: 'kube-controller-manager' | 'kube-scheduler', server: StaticApiServer): Promise<StaticComponent>
  stop(): Promise<void>
}

/** A node whose network is there, so that an API server can be bound where the node reaches it. */
export interface PreparedNode {
  readonly name: string
  readonly namespaces: Namespaces
  readonly programs: NodePrograms
}

const pause: ImageOptions = { name: 'k8s-harden.test/pause:1', steps: ['pause='] }

/** Makes the namespaces and networks of `count` nodes, before the control plane starts. */
export async function prepareNodes(dir: string, supervisor: Supervisor, count: number): Promise<PreparedNode[]> {
  if (count === 0) return []
  const programs = await nodePrograms(console.warn)
  const prepared: PreparedNode[] = []
  for (let index = 0; index < count; index++) {
    const name = `node-${index}`
    await mkdir(join(dir, name))
    prepared.push({ name, programs, namespaces: await makeNamespaces(join(dir, name), supervisor) })
  }
  return prepared
}

/** Flags of an API server that speaks to kubelets; their certificates come from the cluster's authority. */
export function kubeletFlags(dir: string): Flags {
  return {
    'kubelet-client-certificate': join(dir, 'kubelet-client.crt'),
    'kubelet-client-key': join(dir, 'kubelet-client.key'),
    'kubelet-certificate-authority': join(dir, 'ca.crt'),
    'kubelet-preferred-address-types': 'InternalIP',
  }
}

/** Starts containerd and the kubelet on a prepared node; returns when it takes pods. */
export async function startNode(site: Site, { name, namespaces, programs }: PreparedNode, kubeletConfig: object): Promise<RealNode> {
  const { bin, workload } = programs
  const make = (options: ImageOptions): Image => image(workload, options)
  const addImages = (images: readonly ImageOptions[]) => importImages(namespaces, bin, images.map(make))
  let config = kubeletConfig
  await startContainerd(namespaces, bin, pause.name)
  await prepareKubelet(site, namespaces, name, config)
  while (!(await containerdAnswers(namespaces, bin).catch(() => false))) await sleep(50)
  await addImages([pause])
  let kubelet = startKubelet(namespaces, name, bin)
  await waitFor(`the kubelet of ${name}`, kubelet, () => takesPods(site, name))

  return {
    name,
    hostAddress: namespaces.hostAddress,
    address: namespaces.address,
    addImages,
    path: namespaces.path,
    run: namespaces.run,
    enter: namespaces.enter,
    async restartKubelet(more = {}) {
      config = { ...config, ...more }
      await namespaces.end('kubelet')
      await prepareKubelet(site, namespaces, name, config)
      kubelet = startKubelet(namespaces, name, bin)
      await waitFor(`the kubelet of ${name}`, kubelet, () => kubeletAnswers(site, name))
    },
    async serviceRestart() {
      await namespaces.end('kubelet')
      kubelet = startKubelet(namespaces, name, bin)
    },
    async followApiServer(url) {
      await followApiServer(site, namespaces, name, url)
      await namespaces.end('kubelet')
      kubelet = startKubelet(namespaces, name, bin)
    },
    kubeletRuns: () => kubelet.ended() === undefined,
    enforcePolicies: () => enforcePolicies(site, namespaces, name),
    runApiServer: (flags = {}) =>
      runStaticApiServer(site, { name, address: namespaces.address, kubelet, path: namespaces.path, addImages }, flags),
    runComponent: (component, { url }) =>
      runStaticComponent(site, { name, address: namespaces.address, kubelet, path: namespaces.path, addImages }, component, url),
    stop: namespaces.stop,
  }
}

async function kubeletAnswers({ api }: Site, name: string): Promise<boolean> {
  return (await api.request('GET', `/api/v1/nodes/${name}/proxy/healthz`)).status === 200
}
