/** Two nodes that are folders, each with the files of one real API server, and what the stages of encryption do to them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { EncryptionAction, RunId, StepId } from '../../src/model/index.ts'
import { configurationIn } from '../../src/objects/encryption-file.ts'
import { stageRules } from '../../src/objects/encryption-forms.ts'
import type { NodeEncryption } from '../../src/objects/encryption-stages.ts'
import { performEncryption } from '../../src/writers/host-encryption.ts'
import type { HostWorld } from '../../src/writers/host-performer.ts'

export const PATH = '/etc/kubernetes/enc/encryption-config.yaml'
export const FLAG = 'encryption-provider-config'

/** `roots`: where the `/` of each node is on this machine. */
export function worldOf(kubeconfig: string, roots: Readonly<Record<string, string>>, run = 'run-1'): HostWorld {
  return {
    client: new ApiClient(pickContext({ kubeconfig })),
    host: (node) => new LocalHost(node, roots[node]!),
    run: run as RunId,
    tell: () => {},
    signal: new AbortController().signal,
    patienceMs: 60_000,
  }
}

/** The static pod's manifest, as far as the stages look at it. */
export function manifest(root: string, url: string, path?: string): void {
  const file = join(root, 'etc/kubernetes/manifests/kube-apiserver.yaml')
  mkdirSync(dirname(file), { recursive: true })
  const { hostname, port } = new URL(url)
  const flags = [`--advertise-address=${hostname}`, `--secure-port=${port}`, ...(path === undefined ? [] : [`--${FLAG}=${path}`])]
  writeFileSync(
    file,
    `spec:\n  containers:\n    - command:\n        - kube-apiserver\n${flags.map((flag) => `        - ${flag}\n`).join('')}`,
  )
}

/** What the nodes' files say now. */
export async function presentOn(world: HostWorld, nodes: readonly string[]): Promise<readonly NodeEncryption[]> {
  return Promise.all(
    nodes.map(async (node) => {
      const text = (await world.host(node).read(PATH))?.text
      const rules = text === undefined ? [] : stageRules(configurationIn(text))
      if (typeof rules === 'string') throw new Error(rules)
      return { node, rules }
    }),
  )
}

let steps = 0
/** One step from rehearsal to proof. */
export async function perform(action: EncryptionAction, world: HostWorld) {
  const { diff, warnings, prepared } = await performEncryption.rehearse(action, world)
  const written = await performEncryption.intent(action, prepared, `step-${++steps}` as StepId, world)
  const told = await performEncryption.commit(action, prepared, written, world)
  return { diff, warnings: [...warnings, ...told], written }
}
