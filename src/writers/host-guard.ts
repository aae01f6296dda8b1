/**
 * Where the road to a node leads over what is about to change, the node itself puts the old files back unless it is told in time that the
 * component is back. Everybody else restores from here, and needs no guard.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Guard, type GuardedFile, type Host, HostUnreachable } from '../hosts/host.ts'
import type { ControlPlaneComponent } from '../model/index.ts'
import { configurationIn } from '../objects/encryption-file.ts'
import { reads, stageRules, writes } from '../objects/encryption-forms.ts'
import { ENCRYPTION_FLAG } from '../objects/encryption-hosts.ts'
import type { FlagValues } from '../objects/flag-edits.ts'
import { yamlValue } from '../objects/yaml-dialect.ts'
import { WriteRefused } from '../plan/writer.ts'
import type { HostWorld } from './host-performer.ts'

const LOGS = '/var/log/pods'
/** Beyond the time that the component has: for writing, and for saying that it is back. */
const spareMs = ({ patienceMs }: HostWorld): number => Math.max(20_000, patienceMs / 2)

export const needsGuard = (host: Host, component: ControlPlaneComponent): boolean =>
  host.guarded !== undefined && (component === 'kube-apiserver' || component === 'etcd')

/** Undefined where none is needed. `files`: in the order in which they are put back. */
export async function armed(
  world: HostWorld,
  host: Host,
  component: ControlPlaneComponent,
  files: readonly GuardedFile[],
): Promise<Guard | undefined> {
  if (!needsGuard(host, component)) return undefined
  return host.guarded!(files, Math.ceil((world.patienceMs + spareMs(world)) / 1000), [LOGS])
}

/** What became of it, asked until it answers: it may be the API server on the road that is away, until the guard has put the old file back. */
export async function toldTo(ask: 'keep' | 'putBack', guard: Guard, world: HostWorld): Promise<'kept' | 'put back'> {
  for (;;) {
    try {
      return await guard[ask]()
    } catch (error) {
      const left = guard.until - Date.now()
      if (!(error instanceof HostUnreachable) || left < -Math.max(world.patienceMs, 60_000)) throw error
      world.tell(
        left > 0
          ? `the helper pod to put the old files back by itself, in ${Math.ceil(left / 1000)} s: it cannot be asked (${error.message})`
          : `the API server to come back as it was, so that the helper pod can be asked (${Math.round(-left / 1000)} s)`,
      )
      await sleep(1000)
    }
  }
}

/** A write whose answer is lost has been made or not: with a guard there is time to see which. */
export async function unlessUnanswered(guard: Guard | undefined, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (guard === undefined || !(error instanceof HostUnreachable)) throw error
  }
}

/**
 * A guard puts back without looking at what was stored meanwhile. So whatever the new configuration may write must be readable with the old
 * one: true of the first stage of encryption, which goes on in plain text. Throws `WriteRefused`.
 */
export async function refuseUnguardable(
  host: Host,
  component: ControlPlaneComponent,
  { before, after }: { readonly before: FlagValues; readonly after: FlagValues },
  contents: readonly (string | undefined)[],
): Promise<void> {
  if (!needsGuard(host, component)) return
  const no = (why: string): never => {
    throw new WriteRefused(
      host.node,
      `${why}, so a helper pod could not put the old file back without making it unreadable: reach ${host.node} by ssh for that`,
    )
  }
  if (contents.some(isEncryption)) no('Secrets may be stored with the new encryption configuration at once')
  if (!(ENCRYPTION_FLAG in after)) return
  const [old, made] = [await rulesAt(host, before[ENCRYPTION_FLAG]), await rulesAt(host, after[ENCRYPTION_FLAG])]
  if (old === undefined || made === undefined) return no('it cannot be told how the encryption configuration stores Secrets')
  for (const resource of new Set([...old, ...made].flatMap(({ resources }) => resources)))
    if (!reads(old, resource).has(writes(made, resource))) no(`${resource} may be stored with a key that the old flags do not give it`)
}

async function rulesAt(host: Host, path: string | null | undefined) {
  if (path === null || path === undefined) return []
  const file = await host.read(path)
  const configuration = file === undefined ? 'absent' : configurationIn(file.text)
  const rules = typeof configuration === 'string' ? configuration : stageRules(configuration)
  return typeof rules === 'string' ? undefined : rules
}
function isEncryption(text: string | undefined): boolean {
  try {
    return (yamlValue(text ?? '') as { readonly kind?: unknown } | undefined)?.kind === 'EncryptionConfiguration'
  } catch {
    return true
  }
}
