/** How the kubelet of a node was started, and what that says of its files. */
import { kubeletProcesses } from '../hosts/commands.ts'
import { HostRefused } from '../hosts/host.ts'
import type { KubeletStart, RancherSeen } from '../model/index.ts'
import { parseFlags } from '../objects/flag-parse.ts'
import { kubeletFlagsIn } from '../objects/kubelet-flags.ts'
import { valueAt } from '../objects/path.ts'
import { fieldsIn } from '../objects/yaml-file.ts'
import { kubeletWordsOfK3s } from './hosts-rancher.ts'
import type { Asked } from './hosts-remembered.ts'

export interface KubeletPlaces {
  readonly configFile: string | undefined
  readonly dropIns: string | undefined
  readonly kubeconfig: string
  readonly staticPods: string
  readonly certificates: readonly string[]
  readonly keys: readonly string[]
  readonly certificateDirectory: string
  /** Undefined where its arguments are not known. */
  readonly start: KubeletStart | undefined
  /** Why its arguments are not known; then the places are those of kubeadm. */
  readonly guessed?: string
}

const MOST_KUBELETS = 16
const KUBEADM_CONFIG = '/var/lib/kubelet/config.yaml'

/** Throws HostUnreachable where nobody answers. */
export async function kubeletPlaces(host: Asked, rancher?: RancherSeen): Promise<KubeletPlaces> {
  const started = rancher?.program === 'k3s' ? await kubeletWordsOfK3s(host, rancher) : await argumentsOf(host)
  const flags = typeof started === 'string' ? undefined : parseFlags(started)
  const configFile = flags === undefined ? KUBEADM_CONFIG : flags.get('config')
  const config = configFile === undefined ? {} : (fieldsIn(await readable(host, configFile)) ?? {})
  const dropIns = flags?.get('config-dir')
  const configs = [config, ...(dropIns === undefined ? [] : await dropInsIn(host, dropIns.replace(/\/+$/, '')))]
  const text = (path: readonly string[], flag: string): string | undefined => {
    const value = flags?.get(flag) ?? configs.map((one) => valueAt(one, path)).findLast((one) => one !== undefined)
    return typeof value === 'string' && value.startsWith('/') ? value : undefined
  }
  const present = (...paths: readonly (string | undefined)[]): string[] => paths.filter((path) => path !== undefined)
  const certificateDirectory = flags?.get('cert-dir') ?? '/var/lib/kubelet/pki'
  return {
    configFile,
    dropIns,
    kubeconfig: flags?.get('kubeconfig') ?? '/etc/kubernetes/kubelet.conf',
    staticPods: text(['staticPodPath'], 'pod-manifest-path') ?? '/etc/kubernetes/manifests',
    certificates: present(text(['authentication', 'x509', 'clientCAFile'], 'client-ca-file'), text(['tlsCertFile'], 'tls-cert-file')),
    keys: present(text(['tlsPrivateKeyFile'], 'tls-private-key-file')),
    certificateDirectory,
    start: flags && startOf(flags),
    ...(typeof started === 'string' && { guessed: started }),
  }
}

/** In the order of their names, which is the one they are merged in; those of directories below are among them. */
async function dropInsIn(host: Asked, directory: string, depth = 0): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const found: Readonly<Record<string, unknown>>[] = []
  for (const name of ((await unless(host.list(directory))) ?? []).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    const path = `${directory}/${name}`
    if (/[\0-\x1f\x7f]/.test(name)) continue
    if ((await unless(host.stat(path)))?.is === 'directory') {
      if (depth < MOST_DEPTH) found.push(...(await dropInsIn(host, path, depth + 1)))
    } else if (name.endsWith('.conf')) found.push(fieldsIn(await readable(host, path)) ?? {})
  }
  return found
}
const MOST_DEPTH = 8

function startOf(flags: ReadonlyMap<string, string>): KubeletStart {
  const [config, dropIns] = [flags.get('config'), flags.get('config-dir')]
  return { ...(config && { config }), ...(dropIns && { dropIns }), flags: kubeletFlagsIn(flags) }
}

/** The words after the program's name; or why there are none to be seen. */
async function argumentsOf(host: Asked): Promise<readonly string[] | string> {
  try {
    const { exitCode, stdout } = await host.run(kubeletProcesses())
    const ids = stdout.trim().split(/\s+/)
    if (exitCode !== 0 || !ids.every((id) => /^\d+$/.test(id))) return 'no kubelet runs there'
    const lines: (readonly string[])[] = []
    for (const id of ids.slice(0, MOST_KUBELETS)) {
      const line = await host.read(`/proc/${id}/cmdline`)
      if (line !== undefined) lines.push(line.text.replace(/\0$/, '').split('\0').slice(1))
    }
    // Nodes that share the processes of one machine.
    const own = lines.length === 1 ? lines : lines.filter((line) => parseFlags(line).get('hostname-override') === host.node)
    return own.length === 1 ? own[0]! : lines.length === 0 ? 'the kubelet has just ended' : 'several kubelets run there'
  } catch (error) {
    if (error instanceof HostRefused) return error.message
    throw error
  }
}

const readable = async (host: Asked, path: string): Promise<string | undefined> => (await unless(host.read(path)))?.text

/** What is refused is met again, and told, when the path itself is looked at. */
const unless = <T>(asked: Promise<T | undefined>): Promise<T | undefined> =>
  asked.catch((error: unknown) => {
    if (error instanceof HostRefused) return undefined
    throw error
  })
