/** Whose node it is, by what lies on it: `--host` may lead to another one, whose files must not be taken for this one's. */
import { HostRefused } from '../hosts/host.ts'
import { certificatesIn } from '../objects/certificates.ts'
import type { KubeletPlaces } from './hosts-kubelet.ts'
import type { Asked } from './hosts-remembered.ts'
import type { StaticPodSeen } from './hosts-static-pods.ts'

const LOGS = '/var/log/pods'

/** The name of the node that it says it is, where that is not the one it was asked for as. Undefined also where nothing says so. */
export async function otherNode(
  host: Asked,
  { certificateDirectory }: Pick<KubeletPlaces, 'certificateDirectory'>,
  pods: readonly StaticPodSeen[],
): Promise<string | undefined> {
  // The API server has put the helper pod where it is; and each folder more would be one more that it must see.
  if (host.carrier === 'helper-pod') return undefined
  const names = [...(await kubeletNames(host, certificateDirectory)), ...(await podNames(host, pods))]
  return names.some((name) => name === host.node.toLowerCase()) ? undefined : names[0]
}

/** The kubelet logs in as `system:node:NAME` (Node authorizer). */
async function kubeletNames(host: Asked, directory: string): Promise<readonly string[]> {
  const path = `${directory}/kubelet-client-current.pem`
  const text = (await unlessRefused(() => host.read(path)))?.text ?? ''
  return certificatesIn(text).flatMap(({ subject }) => /(?:^|, )CN=system:node:([^,]+)/.exec(subject)?.[1] ?? [])
}

/** The logs of a static pod lie under its name, the node's name and the hash of its manifest; other pods have an id with dashes. */
async function podNames(host: Asked, pods: readonly StaticPodSeen[]): Promise<readonly string[]> {
  if (pods.length === 0) return []
  const directories = (await unlessRefused(() => host.list(LOGS))) ?? []
  return pods.flatMap(({ namespace, name }) => {
    const start = `${namespace}_${name}-`
    return directories.flatMap((one) => (one.startsWith(start) ? (/^(.+)_[0-9a-f]{32}$/.exec(one.slice(start.length))?.[1] ?? []) : []))
  })
}

async function unlessRefused<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof HostRefused) return undefined
    throw error
  }
}
