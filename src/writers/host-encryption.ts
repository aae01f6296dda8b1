/**
 * The EncryptionConfiguration of one node, one stage at a time. A key lives in the files of the nodes and in this process only; no step
 * ever destroys one: what is replaced or removed is kept on the node (0600, below /var/lib/k8s-harden).
 */
import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { createTwoFilesPatch } from 'diff'
import { type Host, HostConflict, HostUnreachable, type ReadFile } from '../hosts/host.ts'
import type { EncryptionAction, StepId, Written } from '../model/index.ts'
import { configurationIn, configurationText, faultsOf, shownConfiguration } from '../objects/encryption-file.ts'
import { prefixOf, stageRules } from '../objects/encryption-forms.ts'
import { WriteConflict, WriteRefused, WriteUncertain, type WrittenState } from '../plan/writer.ts'
import { loadedOr, requireNoneStored, requireReadable } from './encryption-guards.ts'
import { Instance, isGiven, type LoadedSeen, loadedIn, untilLoaded } from './encryption-loaded.ts'
import { keysFor, readNodes } from './encryption-nodes.ts'
import type { HostWorld, Performer } from './host-performer.ts'
import { KEPT, sweep } from './host-placing.ts'
import { requirePlugin } from './kms-plugin.ts'

interface Prepared {
  readonly before: ReadFile | undefined
  /** Holds keys. */
  readonly text: string
  readonly drawn: readonly string[]
}
/** Journalled: contents by their sha256 only. */
interface Undo {
  readonly is: 'host'
  readonly do: 'encryption'
  readonly node: string
  readonly nodes: readonly string[]
  readonly path: string
  readonly loadedBy: EncryptionAction['loadedBy']
  readonly before: { readonly sha256: string; readonly mode: number; readonly uid: number; readonly gid: number } | null
  readonly after: { readonly sha256: string }
  /** Where the old file is kept, or the new one once it is taken back. */
  readonly kept: string
}
const MODE = 0o600

export const performEncryption: Performer<EncryptionAction, Prepared> = {
  rehearse: (action, world) => saying(() => rehearse(action, world)),

  async intent(action, { before, text }, step, world) {
    return before !== undefined && before.text === text && before.stat.mode === MODE && before.stat.uid === 0
      ? []
      : [writtenFor(action, before, text, step, world)]
  },

  commit: (action, prepared, written, world) => saying(() => commit(action, prepared, written[0], world)),

  async state(written, world) {
    return saying(async (): Promise<WrittenState> => {
      const undo = undoOf(written)
      const now = (await world.host(undo.node).read(undo.path))?.sha256
      if (now === undefined) return undo.before === null ? 'before' : 'gone'
      if (now === undo.after.sha256) return 'after'
      return now === undo.before?.sha256 ? 'before' : 'other'
    })
  },

  async prove(written, world) {
    const { node, nodes, path, after, loadedBy } = undoOf(written[0]!)
    if (loadedBy === 'reload') await saying(() => loadedOr(world.host(node), { path, nodes }, after.sha256, world))
  },

  undo: (written, dryRun, world) => saying(() => takeBack(undoOf(written[0]!), dryRun, world)),
}
const undoOf = (written: Written): Undo => written.undo as unknown as Undo

async function rehearse(action: EncryptionAction, world: HostWorld) {
  const { node, path, rules } = action
  const read = await readNodes(action, world)
  const { keys, drawn } = await keysFor(rules, action, read, world)
  const faults = faultsOf(rules, keys)
  if (faults.length > 0) throw new WriteRefused('k8s-harden', `no API server would take ${path}: ${faults.join('; ')}`)
  const before = read.files.find((one) => one.node === node)?.file
  const { text, lost } = configurationText(before?.text, rules, keys)
  const plugins: string[] = []
  for (const provider of rules.flatMap(({ providers }) => providers))
    if (provider.kind === 'kms') plugins.push(...(await requirePlugin(world.host(node), provider)))
  const diff = createTwoFilesPatch(
    before === undefined ? 'absent' : `${node}:${path}`,
    `${node}:${path}`,
    shownConfiguration(before?.text),
    shownConfiguration(text),
    '',
    'mode 0600',
    { context: 3 },
  )
  const warnings = [
    ...plugins,
    ...(lost ? [`comments in ${path} on ${node} could not be kept`] : []),
    ...drawn.map(
      (id) =>
        `key ${id.slice(id.indexOf('/') + 1)} is drawn now: keep a copy of ${path} in a safe place away from the cluster and its backups before anything is encrypted with it`,
    ),
  ]
  return { diff: diff.slice(diff.indexOf('---')), warnings, prepared: { before, text, drawn } }
}

function writtenFor(
  { node, nodes, path, loadedBy, rules }: EncryptionAction,
  before: ReadFile | undefined,
  text: string,
  step: StepId,
  { run }: HostWorld,
): Written {
  const undo: Undo = {
    is: 'host',
    do: 'encryption',
    node,
    nodes,
    path,
    loadedBy,
    before: before === undefined ? null : { sha256: before.sha256, mode: before.stat.mode, uid: before.stat.uid, gid: before.stat.gid },
    after: { sha256: sha256(text) },
    kept: `${KEPT}/${run}/${step}/encryption-${basename(path)}`,
  }
  return {
    target: { apiVersion: 'k8s-harden/v1', kind: 'NodeFile', name: `${node}:${path}` },
    before: undo.before,
    after: {
      ...undo.after,
      rules: rules.map(
        ({ resources, providers }) => `${resources.join(',')}: ${providers.map((one) => prefixOf(one) || 'identity').join(' ')}`,
      ),
    },
    undo: undo as unknown as Written['undo'],
  }
}

async function commit(
  action: EncryptionAction,
  { before, text, drawn }: Prepared,
  written: Written | undefined,
  world: HostWorld,
): Promise<readonly string[]> {
  const { node, path, nodes, loadedBy } = action
  if (world.signal.aborted) throw new WriteRefused('you', 'the run was interrupted before anything was written')
  const host = world.host(node)
  const warnings = [...(await requireReadable(action, drawn, world))]
  const sha = sha256(text)
  if (written === undefined) return loadedBy === 'reload' ? [...warnings, ...(await loadedOr(host, action, sha, world))] : warnings
  const { kept } = undoOf(written)
  await sweep(host, [path, kept])
  const seen = loadedBy === 'reload' ? await counters(host, nodes, world) : undefined
  await keep(host, path, before?.sha256, kept)
  // The owner of / is whoever root is on that node.
  const root = await host.stat('/')
  await host.write(path, text, { mode: MODE, expected: before?.sha256 ?? null, ...(before && root && { uid: root.uid, gid: root.gid }) })
  if (loadedBy === 'later') return warnings
  const loaded = await untilLoaded(host, { path, sha256: sha, nodes }, world, seen ?? { hash: undefined, success: 0, failure: 0 })
  if ('warnings' in loaded) return [...warnings, ...loaded.warnings]
  const now = await host.read(path)
  if (now !== undefined && now.sha256 !== sha) {
    // Somebody has written over it, and that is what it cannot load: kept beside the copy.
    if ((await host.stat(`${kept}.found`)) === undefined) await host.copy(path, `${kept}.found`)
  }
  if (before === undefined) await host.remove(path, now?.sha256 ?? sha)
  else
    await host.write(path, before.text, {
      mode: before.stat.mode,
      uid: before.stat.uid,
      gid: before.stat.gid,
      expected: now?.sha256 ?? null,
    })
  const overwritten = now !== undefined && now.sha256 !== sha ? `; somebody wrote over it meanwhile: that is in ${kept}.found` : ''
  throw new WriteRefused(node, `${loaded.failed}; the old file is back${overwritten}`)
}

async function counters(host: Host, nodes: readonly string[], world: HostWorld): Promise<LoadedSeen | undefined> {
  const instance = await Instance.of(host, nodes, world)
  try {
    const samples = await instance.samples()
    return samples === undefined ? undefined : loadedIn(samples)
  } finally {
    instance.close()
  }
}

/** A copy of what is about to go. One that is there already is from an attempt before a crash. */
async function keep(host: Host, path: string, sha: string | undefined, kept: string): Promise<void> {
  if (sha === undefined || (await host.read(kept))?.sha256 === sha) return
  await host.copy(path, kept)
  if ((await host.read(kept))?.sha256 !== sha) throw new WriteRefused(host.node, `the copy in ${dirname(kept)} is not what was copied`)
}

async function takeBack(undo: Undo, dryRun: boolean, world: HostWorld): Promise<void> {
  const { node, nodes, path, before, after, kept, loadedBy } = undo
  const host = world.host(node)
  const now = await host.read(path)
  if (now?.sha256 === before?.sha256) {
    if (dryRun) return
    await sweep(host, [path, kept])
    // Interrupted after the file was put back, the API server may not have taken it up yet.
    if (before !== null && loadedBy === 'reload') await untilLoadedOrUncertain()
    return
  }
  if (now?.sha256 !== after.sha256) throw new WriteConflict(`${path} on ${node} was changed since`)
  const old = before === null ? undefined : await host.read(kept)
  if (before !== null && old?.sha256 !== before.sha256)
    throw new WriteConflict(`the copy of ${path} kept on ${node} (${kept}) is gone or another one`)
  if (before === null && (await isGiven(host, path)) === true)
    throw new WriteRefused(node, `its API server is given ${path} and would not start without it: take its flags back first`)
  const read = await readNodes(undo, world)
  await requireNoneStored(rulesIn(now?.text), rulesIn(old?.text), undo, read, world, 'refuse')
  if (dryRun) return
  await sweep(host, [path, kept])
  await keep(host, path, after.sha256, `${kept}.taken-back`)
  if (before === null || old === undefined) return host.remove(path, after.sha256)
  const seen = loadedBy === 'reload' ? await counters(host, nodes, world) : undefined
  await host.write(path, old.text, { mode: before.mode, uid: before.uid, gid: before.gid, expected: after.sha256 })
  if (loadedBy === 'reload') await untilLoadedOrUncertain(seen ?? { hash: undefined, success: 0, failure: 0 })

  async function untilLoadedOrUncertain(counted?: LoadedSeen): Promise<void> {
    const loaded = await untilLoaded(host, { path, sha256: before!.sha256, nodes }, world, counted)
    if ('failed' in loaded) throw new WriteUncertain(loaded.failed)
  }
}
function rulesIn(text: string | undefined) {
  const rules = text === undefined ? [] : stageRules(configurationIn(text))
  return typeof rules === 'string' ? [] : rules
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** What a host says, in the writers' words; a refusal is told with its node by whoever called. */
async function saying<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof HostConflict) throw new WriteConflict(error.message)
    if (error instanceof HostUnreachable) throw new WriteUncertain(error.message)
    throw error
  }
}
