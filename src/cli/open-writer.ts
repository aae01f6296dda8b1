/** The writers that belong to an opened source, and the look-out for the operator's own access. */
import { join } from 'node:path'
import type { Readable, RunId, Snapshot, Step } from '../model/index.ts'
import type { RecordedStep } from '../plan/journal.ts'
import type { Watchman } from '../plan/run.ts'
import type { Writer } from '../plan/writer.ts'
import { FilesWriter } from '../writers/files.ts'
import { UsageError } from './errors.ts'
import type { Opened } from './open-source.ts'

/** What is read beside what the controls want: to watch roll-outs and what policies cut, and to foretell who would lose access. */
const ALSO: readonly Readable[] = [
  'Pod',
  'ReplicaSet',
  'Namespace',
  'DaemonSet',
  'Service',
  'ServiceAccount',
  'Role',
  'ClusterRole',
  'RoleBinding',
  'ClusterRoleBinding',
]

/** With hosts, remedies may act on nodes: they look which are reached. */
export const alsoRead = ({ client, hosts }: Opened): readonly Readable[] => [
  ...(client === undefined ? [] : ALSO),
  ...(hosts === undefined ? [] : (['Hosts'] as const)),
]

export interface Writers {
  readonly writer: Writer
  /** For what is carried out as files. */
  readonly files: Writer
  readonly watchman?: (snapshot: () => Snapshot, steps: readonly Step[], times?: { readonly steadyMs?: number }) => Watchman
}

export interface WriterOptions {
  /** Where files for the operator go. */
  readonly out: string
  /** Names the copies of files that are kept on nodes. */
  readonly run: RunId
  /** Aborted when the operator interrupts. */
  readonly signal?: AbortSignal
}

export async function openWriters(opened: Opened, { out, run, signal }: WriterOptions): Promise<Writers> {
  const files = new FilesWriter({
    directory: out,
    patchesOf: async (step) => (await import('../writers/patch-files.ts')).patchFilesOf(step),
  })
  if (opened.client !== undefined) {
    const { client, hosts = [] } = opened
    const { ClusterWriter } = await import('../writers/cluster.ts')
    const { HostWriter } = await import('../writers/host.ts')
    const { RoutedWriter } = await import('../writers/routed.ts')
    const { AccessProof } = await import('../writers/access-proof.ts')
    const { LockOut } = await import('../writers/lockout.ts')
    const { NetworkWatch } = await import('../writers/network-watch.ts')
    const { PodSecurityWatch, watchmen } = await import('../writers/pod-security-watch.ts')
    return {
      writer: new RoutedWriter(new ClusterWriter(client), new HostWriter({ client, hosts, run, ...(signal && { signal }) })),
      files,
      watchman: (snapshot, steps, times = {}) =>
        watchmen(
          new LockOut(client, { snapshot, steps }),
          new PodSecurityWatch(client),
          new AccessProof(client, { snapshot }),
          new NetworkWatch(client, { snapshot, steps, ...times }),
        ),
    }
  }
  if (opened.root === undefined)
    throw new UsageError('standard input cannot be changed', [
      'give a file or a directory with --manifests',
      'k8s-harden generate --out DIR',
    ])
  const { ManifestsWriter } = await import('../writers/manifests.ts')
  return { writer: new ManifestsWriter(opened.root), files }
}

/** Which of them wrote a step of the past: placed files say so themselves. */
export const writerOf =
  ({ writer, files }: Writers) =>
  (step: RecordedStep): Writer =>
    step.writes.some(({ undo }) => undo !== null && typeof undo === 'object' && 'is' in undo && undo.is === 'placed') ? files : writer

export const filesDirectory = (out: string | undefined, stateDir: string, run: string): string => out ?? join(stateDir, 'files', run)

/** What a lock and a journal call the thing that is changed. */
export const targetOf = ({ source, client, root }: Opened): string => client?.server ?? root ?? source.info.name
