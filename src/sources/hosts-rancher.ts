/** k3s and RKE2 on a node: their configuration files and the command line of their service. */
import { HostRefused } from '../hosts/host.ts'
import type { HostFileRole, RancherSeen, RancherSetting } from '../model/index.ts'
import { parseFlags } from '../objects/flag-parse.ts'
import { isSet, lastOf, type Rancher, settingsOfFile, settingsOfWords, valuesOf } from '../objects/rancher-settings.ts'
import { commandsIn, plainWord } from '../objects/shell-words.ts'
import { fieldsIn } from '../objects/yaml-file.ts'
import type { Asked } from './hosts-remembered.ts'
import { CONFIGURATIONS } from './hosts-static-pods.ts'

export interface RancherLook {
  readonly seen: RancherSeen
  /** Files of its configuration that could not be read or understood. */
  readonly unread: readonly { readonly path: string; readonly because: string }[]
  /** All that have left something there. */
  readonly programs: readonly Rancher[]
}

/** Where its packages and its installer put the unit (k3s install.sh, RKE2 bundle and RPM). */
const UNITS = ['/etc/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system']
const NAMES: Readonly<Record<Rancher, Readonly<Record<'server' | 'agent', string>>>> = {
  k3s: { server: 'k3s.service', agent: 'k3s-agent.service' },
  rke2: { server: 'rke2-server.service', agent: 'rke2-agent.service' },
}
/** What either has left a trace in; an agent has only the second. */
const TRACES = ['/etc/rancher', '/var/lib/rancher']

/** Undefined where neither stands on the node; that takes two questions. */
export async function rancherOn(host: Asked): Promise<RancherLook | undefined> {
  const unread: { path: string; because: string }[] = []
  const asking = async <T>(path: string, ask: () => Promise<T | undefined>): Promise<T | undefined> => {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof HostRefused)) throw error
      unread.push({ path, because: error.message })
      return undefined
    }
  }
  const list = (path: string) => asking(path, () => host.list(path))
  const traces = new Set<string>()
  for (const directory of TRACES) for (const name of (await list(directory)) ?? []) traces.add(name)
  const programs = (['k3s', 'rke2'] as const).filter((one) => traces.has(one))
  // Where both were there once, the one that is a service still.
  const units = await Promise.all(programs.map(async (one) => ({ program: one, unit: await unitOf(host, one, asking) })))
  const { program, unit } = units.find((one) => one.unit !== undefined) ?? units[0] ?? {}
  if (program === undefined) return undefined

  const main = `/etc/rancher/${program}/config.yaml`
  const dropIns = ((await list(`${main}.d`)) ?? [])
    .filter((name) => /\.ya?ml$/i.test(name) && !/[\0-\x1f\x7f]/.test(name))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const settings: RancherSetting[] = []
  for (const path of [main, ...dropIns.map((name) => `${main}.d/${name}`)]) {
    const file = await asking(path, () => host.read(path))
    if (file === undefined) continue
    const fields = file.text.trim() === '' ? {} : fieldsIn(file.text)
    if (fields === undefined) unread.push({ path, because: `${path} cannot be understood` })
    else settings.push(...settingsOfFile(path, fields))
  }
  settings.push(...(unit?.settings ?? []))
  const data = lastOf(settings, 'data-dir')?.replace(/\/+$/, '') || `/var/lib/rancher/${program}`
  // What a service that is stopped left there is not looked for: of two units the one of a server counts.
  const server = unit === undefined ? ((await list(`${data}/server`)) ?? []).includes('tls') : unit.is === 'server'
  return { seen: { program, server, data, settings }, unread, programs }
}

async function unitOf(
  host: Asked,
  program: Rancher,
  asking: <T>(path: string, ask: () => Promise<T | undefined>) => Promise<T | undefined>,
): Promise<{ readonly is: 'server' | 'agent'; readonly settings: readonly RancherSetting[] } | undefined> {
  for (const is of ['server', 'agent'] as const)
    for (const directory of UNITS) {
      const path = `${directory}/${NAMES[program][is]}`
      const file = await asking(path, () => host.read(path))
      if (file !== undefined) return { is, settings: settingsOfWords(path, wordsOfUnit(file.text)) }
    }
  return undefined
}

/** What follows `server` or `agent` in ExecStart; the last one counts, as where a unit clears the first. */
function wordsOfUnit(text: string): readonly string[] {
  const line = text
    .replaceAll(/\\\r?\n\s*/g, ' ')
    .split('\n')
    .findLast((one) => one.startsWith('ExecStart='))
  const [words = []] = commandsIn(line?.slice('ExecStart='.length) ?? '')
  const plain = words.map(plainWord)
  const start = plain.findIndex((word) => word === 'server' || word === 'agent')
  return start < 0 ? [] : plain.slice(start + 1)
}

/** k3s has it in its own process; that of RKE2 is a static pod. */
export const runsApiServer = (seen: RancherSeen | undefined): boolean =>
  seen?.program === 'k3s' && seen.server && isSet(seen.settings, 'disable-apiserver') !== true

/**
 * Files that its API server is given. Those of k3s are looked for here, since no pod names them; RKE2's stand in its static pod. Its own are
 * there only where they are used.
 */
export function filesOfServer(seen: RancherSeen): readonly { path: string; role: HostFileRole; must: boolean }[] {
  if (!runsApiServer(seen)) return []
  const { data, settings } = seen
  const flags = parseFlags(valuesOf(settings, 'kube-apiserver-arg').map((value) => `--${value.replace(/^--/, '')}`))
  const named = [...flags].flatMap(([flag, value]) =>
    CONFIGURATIONS.has(flag) && value.startsWith('/') ? [{ path: value, role: 'configuration' as const, must: true }] : [],
  )
  return [...named, { path: `${data}/server/cred/encryption-config.json`, role: 'configuration', must: false }]
}

/** How its kubelet is started, which runs inside of k3s: the words; or why they are not known. Before 1.32 it was given flags alone. */
export async function kubeletWordsOfK3s(host: Asked, { data, settings }: RancherSeen): Promise<readonly string[] | string> {
  const directory = `${data}/agent/etc/kubelet.conf.d`
  const names = await host.list(directory).catch((error: unknown) => {
    if (error instanceof HostRefused) return undefined
    throw error
  })
  if (names?.includes('00-k3s-defaults.conf') !== true) return 'k3s runs the kubelet inside itself'
  // pkg/daemons/agent/agent_linux.go: what is nought cannot be said in its file.
  const own = [`--config-dir=${directory}`, `--kubeconfig=${data}/agent/kubelet.kubeconfig`, '--read-only-port=0']
  return [...own, ...valuesOf(settings, 'kubelet-arg').map((value) => `--${value.replace(/^--/, '')}`)]
}
