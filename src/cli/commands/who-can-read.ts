import type { Readable, Snapshot } from '../../model/index.ts'
import { type Grants, grants, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { blindSpots } from '../../objects/rbac-who-can.ts'
import { LiveScan } from '../../session/live-scan.ts'
import { openSource } from '../open-source.ts'
import type { SourceOptions } from '../options.ts'

export interface WhoCanIo {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: { write(text: string): unknown }
  readonly stdin: NodeJS.ReadableStream
}
/** What was read, and why it may not be all. */
export interface RbacSeen {
  readonly snapshot: Snapshot
  readonly known: Grants
  /** Reasons why a "no" may be wrong; `namespace` '' is all. */
  blind(namespace: string): readonly string[]
}

/** Only the kinds that answer the question, and what resolves the name of a resource. */
export async function readRbac(
  options: SourceOptions & { readonly namespace?: string },
  isPath: boolean,
  signal: AbortSignal,
): Promise<RbacSeen> {
  const { namespace, ...source } = options
  const opened = await openSource({ ...source, ...(namespace !== undefined && { namespace: [namespace] }) })
  const scan = new LiveScan({ source: opened.source, controls: [], follow: false })
  const wanted = new Set<Readable>(RBAC_KINDS)
  // Discovery knows what definitions would say, and more.
  if (!isPath) wanted.add(opened.source.info.kind === 'live' ? 'ServedResources' : 'CustomResourceDefinition')
  await scan.run(signal, wanted)
  const { snapshot, problems } = scan.state
  const known = grants(snapshot)
  const unreadable = problems.map(({ file, line, message }) => `${file}:${line} ${message}`)
  return { snapshot, known, blind: (asked) => [...blindSpots(snapshot, known, asked), ...unreadable] }
}
