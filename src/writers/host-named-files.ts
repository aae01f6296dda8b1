/**
 * What the flags of a component name on its node. It may run on with what it read at its start while a file was broken or lost since:
 * the next restart would then keep it down, and no old manifest would bring it back.
 */
import { type Host, HostRefused } from '../hosts/host.ts'
import type { ControlPlaneComponent, PodObject } from '../model/index.ts'
import { faultsOf, keysIn } from '../objects/encryption-file.ts'
import { stageRules } from '../objects/encryption-forms.ts'
import { commandLineOf } from '../objects/flag-parse.ts'
import { yamlValue } from '../objects/yaml-dialect.ts'
import { isReady } from '../plan/rollout.ts'
import { WriteRefused } from '../plan/writer.ts'
import { namedBy, type StaticPodSeen } from '../sources/hosts-static-pods.ts'
import { reloadFailed } from './encryption-loaded.ts'
import { manifestStanding } from './host-component-back.ts'
import type { ComponentUndo } from './host-component-record.ts'
import { whyUnread } from './host-flag-checks.ts'
import type { HostWorld } from './host-performer.ts'
import { standingOf } from './host-placing.ts'
import { mirrorOf } from './host-static-pod.ts'
import { podIn, textBack } from './host-take-back.ts'

/** Throws `WriteRefused`. `pod`: as it is to be; `placed`: paths that are written with it. */
export async function refuseBroken(
  world: HostWorld,
  host: Host,
  component: ControlPlaneComponent,
  pod: PodObject,
  placed: readonly string[],
): Promise<void> {
  for (const container of pod.spec?.containers ?? []) {
    const line = commandLineOf(container, component)
    for (const named of line === undefined ? [] : namedBy(pod, container, line.flags)) {
      if (named.role === 'etcd-data' || placed.includes(named.path)) continue
      const because = await whyBroken(world, host, named)
      if (because !== undefined)
        throw new WriteRefused(
          host.node,
          `--${named.flag} names ${named.path}, and ${because}: with that ${component} would not start again; mend the file first`,
        )
    }
  }
}

/** The same for a change that is to be taken back while the component runs with it; one that is down is not made worse. */
export async function refuseBrokenBack(world: HostWorld, host: Host, undos: readonly ComponentUndo[]): Promise<void> {
  const manifest = undos.find((undo) => undo.role === 'manifest')
  if (manifest?.role !== 'manifest' || (await manifestStanding(host, manifest)) !== 'after') return
  const mirror = await mirrorOf(world, manifest.pod)
  if (mirror === undefined || typeof mirror !== 'object' || !('hash' in mirror) || !isReady(mirror)) return
  const text =
    (await standingOf(host, manifest)) === 'after'
      ? (await host.read(manifest.backup ?? manifest.path))?.text
      : (await textBack(host, manifest)).text
  const pod = text === undefined ? undefined : podIn(text, manifest.document)
  const back = undos.map(({ path }) => path)
  if (pod !== undefined) await refuseBroken(world, host, manifest.component, pod, back)
}

async function whyBroken(world: HostWorld, host: Host, { path, flag, role }: StaticPodSeen['named'][number]): Promise<string | undefined> {
  try {
    const stat = await host.stat(path)
    if (stat === undefined) return `it is not there on ${host.node}`
    if (stat.is === 'directory') return 'it is a directory'
    if (role !== 'configuration') return undefined
    const file = await host.read(path)
    if (file === undefined) return `what it leads to is not there on ${host.node}`
    return whyConfigurationUnread(path, flag, file.text) ?? (await reloadFailed(host, flag, file.sha256, world))
  } catch (error) {
    // Not everything may be looked at, and what is not seen is not called broken.
    if (error instanceof HostRefused) return undefined
    throw error
  }
}

function whyConfigurationUnread(path: string, flag: string, text: string): string | undefined {
  const unread = whyUnread(path, text, { flags: { [flag]: path } })
  if (unread !== undefined) return unread.replaceAll(`the new ${path}`, 'it')
  if (flag !== 'encryption-provider-config') return undefined
  const configuration = yamlValue(text) as Parameters<typeof keysIn>[0]
  const rules = stageRules(configuration)
  // Providers that are not known here are for the API server to judge.
  return typeof rules === 'string' ? undefined : faultsOf(rules, keysIn(configuration)).at(0)
}
