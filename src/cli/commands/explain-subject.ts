/** `k8s-harden explain --subject KIND:[NS:]NAME`: what somebody may do, and what they could become. */
import type { Readable } from '../../model/index.ts'
import { asciiControls } from '../../objects/display.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { type Identity, identityOf } from '../../objects/rbac-graph-subjects.ts'
import { GRAPH_CONSULTS } from '../../objects/rbac-graph-world.ts'
import { subjectReport, toSubjectText } from '../../report/subject-report.ts'
import { LiveScan } from '../../session/live-scan.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { openSource } from '../open-source.ts'
import type { SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'

export interface ExplainSubjectOptions extends SourceOptions {
  readonly subject: string
  readonly output?: 'table' | 'json'
}

export async function explainSubjectCommand(options: ExplainSubjectOptions): Promise<number> {
  const identity = parseSubject(options.subject)
  const opened = await openSource(options)
  const scan = new LiveScan({ source: opened.source, controls: [], follow: false })
  const { signal, interrupted } = interruptible()
  await scan.run(signal, new Set<Readable>([...RBAC_KINDS, ...GRAPH_CONSULTS, ...BESIDE_A_LOG]))
  if (interrupted()) return EXIT.interrupted
  for (const { file, line, message } of scan.state.problems) process.stderr.write(`k8s-harden: ${file}:${line}: ${message}\n`)
  const report = subjectReport(scan.state.snapshot, identity)
  process.stdout.write(options.output === 'json' ? `${asciiControls(JSON.stringify(report, undefined, 2))}\n` : toSubjectText(report))
  return EXIT.clean
}

/** Only with `--audit-log`: what wildcards stand for, and what the log leaves out. */
const BESIDE_A_LOG = ['ObservedRequests', 'ServedResources', 'CustomResourceDefinition', 'AuditPolicy'] as const

const KINDS: Readonly<Record<string, Identity['kind']>> = {
  serviceaccount: 'ServiceAccount',
  sa: 'ServiceAccount',
  user: 'User',
  group: 'Group',
}

/** `ServiceAccount:shop:cart`, `sa:shop:cart`, `User:jane`, `Group:system:masters`. Names of users and groups may hold colons. */
export function parseSubject(text: string): Identity {
  const colon = text.indexOf(':')
  const kind = KINDS[text.slice(0, Math.max(colon, 0)).toLowerCase()]
  const rest = text.slice(colon + 1)
  const [namespace = '', name = '', ...more] = rest.split(':')
  const isWhole = kind === 'ServiceAccount' ? namespace !== '' && name !== '' && more.length === 0 : rest !== ''
  if (kind === undefined || !isWhole)
    throw new UsageError(`"${text}" names no subject: write ServiceAccount:NAMESPACE:NAME, User:NAME or Group:NAME`)
  if (kind === 'ServiceAccount') return { kind, namespace, name }
  // A service account is the same one when it is written as the user that it is.
  return identityOf({ kind, name: rest }, undefined)!
}
