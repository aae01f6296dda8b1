import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { componentKubeconfig, type Site, waitFor } from './control-plane.ts'
import { toArguments } from './flags.ts'
import { kubernetesVersion } from './recipe.ts'

const kwokStages = ['pod-complete.yaml', 'pod-delete.yaml', 'node-initialize.yaml', 'node-heartbeat.yaml']
const ownStages = ['fails-crash-loop', 'fails-container-config', 'refuses-root'].map((name) =>
  fileURLToPath(new URL(`./stages/${name}.yaml`, import.meta.url)),
)

// kwok must leave real nodes alone.
const fakeLabel = 'k8s-harden.test/fake'

/** Starts kwok and makes `count` nodes that it plays the kubelet of, and no others; returns when all take pods. */
export async function startFakeNodes(site: Site, count: number): Promise<void> {
  const { supervisor, api } = site
  const { kwok, stages: stageDir } = site.binaries
  if (!kwok || !stageDir) throw new Error('no kwok among the binaries')
  const kubeconfig = await componentKubeconfig(site, { user: 'kwok', groups: ['system:masters'] })
  const stages = [...kwokStages.map((name) => join(stageDir, name)), ...ownStages, await podReadyStage(site, stageDir)]
  const program = supervisor.start(
    'kwok',
    kwok,
    toArguments({ kubeconfig, 'manage-all-nodes': 'false', 'manage-nodes-with-label-selector': fakeLabel, config: stages }),
  )
  const names = Array.from({ length: count }, (_, index) => `fake-node-${index}`)
  await Promise.all(names.map((name) => api.create('/api/v1/nodes', fakeNode(name))))
  for (const name of names) await waitFor(name, program, () => takesPods(site, name))
}

/** kwok's stage that makes a pod Ready, told to leave alone a pod that one of our stages lets fail. */
async function podReadyStage({ dir }: Site, stageDir: string): Promise<string> {
  const stage = parse(await readFile(join(stageDir, 'pod-ready.yaml'), 'utf8'))
  stage.spec.selector.matchExpressions.push({
    key: '.status.containerStatuses.[].state.waiting.reason',
    operator: 'DoesNotExist',
  })
  const path = join(dir, 'pod-ready.json')
  await writeFile(path, JSON.stringify(stage))
  return path
}

interface NodeState {
  spec: { taints?: { key: string }[] }
  status: { conditions?: { type: string; status: string }[] }
}

/** True when a node is Ready and has no taint. */
export async function takesPods({ api, supervisor }: Site, name: string): Promise<boolean> {
  const node = await api.get<NodeState>(`/api/v1/nodes/${name}`)
  if (!node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return false
  if (!node.spec.taints?.length) return true
  // The controller manager takes the taint of a new node away; without one it would stay for ever.
  if (!supervisor.runs('kube-controller-manager')) {
    const contentType = 'application/merge-patch+json'
    await api.request('PATCH', `/api/v1/nodes/${name}`, { contentType, body: { spec: { taints: null } } })
  }
  return false
}

/** A plain worker of ordinary size. */
export function fakeNode(name: string) {
  const resources = { cpu: '32', memory: '256Gi', pods: '1000', 'ephemeral-storage': '500Gi' }
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        [fakeLabel]: '',
      },
    },
    status: {
      allocatable: resources,
      capacity: resources,
      nodeInfo: {
        architecture: 'amd64',
        bootID: '',
        containerRuntimeVersion: 'containerd://2.4.2',
        kernelVersion: '6.12.0',
        kubeProxyVersion: '',
        kubeletVersion: kubernetesVersion,
        machineID: '',
        operatingSystem: 'linux',
        osImage: 'Debian GNU/Linux 13 (trixie)',
        systemUUID: '',
      },
    },
  }
}
