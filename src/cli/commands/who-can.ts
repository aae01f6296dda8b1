/** `k8s-harden who-can`: who may do something, or whether one subject may; from the RBAC objects alone. Reads, and asks nothing of a server. */
import stringWidth from 'string-width'
import { together } from '../../engine/refusals.ts'
import type { PolicyRule } from '../../model/index.ts'
import { asciiControls, printable } from '../../objects/display.ts'
import { type Asking, requestTyped } from '../../objects/rbac-request.ts'
import { type AccessRequest, ruleText } from '../../objects/rbac-rules.ts'
import { universeOf } from '../../objects/rbac-served.ts'
import { answerFor, askerOf, type Holder, type Identity, identityText, type Via, whoCan, whoCanWithin } from '../../objects/rbac-who-can.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { parseIdentity } from './who-can-identity.ts'
import { type RbacSeen, readRbac, type WhoCanIo } from './who-can-read.ts'

export interface WhoCanOptions extends SourceOptions {
  readonly namespace?: string
  readonly name?: string
  readonly as?: string
  readonly asGroup?: readonly string[]
  /** A file of JSON lines, or `-`. */
  readonly questions?: string
  readonly output?: 'table' | 'json'
}
export async function whoCanCommand(
  verb: string | undefined,
  resource: string | undefined,
  options: WhoCanOptions,
  io: WhoCanIo = process,
): Promise<number> {
  checkUsage(verb, resource, options)
  const as = options.as === undefined ? undefined : parseIdentity(options.as)
  const { signal, interrupted } = interruptible()
  const seen = await readRbac(options, resource?.startsWith('/') ?? false, signal)
  if (interrupted()) return EXIT.interrupted
  if (options.questions !== undefined)
    return (await import('./who-can-questions.ts')).answerQuestions(seen, options.questions, as, options.asGroup ?? [], io)
  const warn = (text: string) => void io.stderr.write(`k8s-harden: ${printable(text)}\n`)
  const { namespace, name } = options
  const asking = requestTyped({ verb: verb!, resource: resource!, namespace, name }, () => universeOf(seen.snapshot))
  asking.remarks.forEach(warn)
  const because = seen.blind(options.namespace ?? '')
  if (options.output === 'json') for (const one of because) warn(`not complete: ${one}`)
  return as === undefined ? listHolders(seen, asking, because, options, io) : answerOne(seen, as, asking.request, because, options, io)
}

function checkUsage(verb: string | undefined, resource: string | undefined, options: WhoCanOptions): void {
  const { questions, name, namespace, as, asGroup, manifests } = options
  if (questions !== undefined && (verb !== undefined || name !== undefined || namespace !== undefined))
    throw new UsageError('--questions brings verb, resource, namespace and name with every line: leave them out')
  if (questions === '-' && manifests === '-')
    throw new UsageError('--questions - and --manifests - both read standard input: give one a file')
  if (questions === undefined && (verb === undefined || resource === undefined))
    throw new UsageError('who-can takes a verb and a resource, or --questions FILE', [
      'k8s-harden who-can get secrets -n kube-system',
      'k8s-harden who-can --as ServiceAccount:ci:deployer create pods/exec -n shop',
    ])
  if (asGroup !== undefined && as === undefined && questions === undefined)
    throw new UsageError('--as-group goes with --as: groups have no rights without somebody in them', [
      '--as Group:NAME asks what a group itself is granted',
    ])
}

// ── who ────────────────────────────────────────────────────────────────────────────────────────
function listHolders(
  { snapshot, known }: RbacSeen,
  { request, isAboutAll, text: asked }: Asking,
  because: readonly string[],
  options: WhoCanOptions,
  io: WhoCanIo,
): number {
  const subjects = whoCan(known, request)
  if (options.output === 'json') {
    io.stdout.write(`${asciiControls(JSON.stringify({ subjects, complete: because.length === 0 }, null, 2))}\n`)
    return EXIT.clean
  }
  const within = isAboutAll ? whoCanWithin(known, request) : []
  const rows = within.flatMap((one) => one.holders.flatMap((holder) => holderRows(holder).map((row) => [one.namespace, ...row])))
  const text = [
    `Who can ${asked}:`,
    '',
    ...(subjects.length === 0
      ? [because.length > 0 ? 'nobody in what could be read' : 'nobody that a binding names']
      : table([['SUBJECT', 'BINDING', 'ROLE', 'RULE'], ...subjects.flatMap(holderRows)])),
    ...(rows.length === 0
      ? []
      : [
          '',
          'In single namespaces (-n NAMESPACE asks about one):',
          '',
          ...table([['NAMESPACE', 'SUBJECT', 'BINDING', 'ROLE', 'RULE'], ...rows]),
        ]),
    '',
    MASTERS,
    ...(snapshot.source.kind === 'live' ? [] : [FILES]),
    ...together(because).map((one) => `NOT COMPLETE: ${one}`),
  ]
  io.stdout.write(`${text.map(printable).join('\n')}\n`)
  return EXIT.clean
}
const MASTERS = 'Members of the group system:masters pass before RBAC is asked. Only RBAC is looked at here, no other authorizer.'
const FILES = 'Of files: what Kubernetes binds by itself counts only as far as the files hold it.'

const holderRows = (holder: Holder): readonly (readonly string[])[] =>
  holder.via.map(({ binding, role, rule }, index) => [index === 0 ? identityText(holder) : '', binding, role, ruleText(rule)])

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const safe = rows.map((row) => row.map(printable))
  const widths = safe[0]!.map((_, column) => Math.max(...safe.map((row) => stringWidth(row[column]!))))
  return safe.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(widths[column]! - stringWidth(cell)))
      .join('  ')
      .trimEnd(),
  )
}

// ── one subject ────────────────────────────────────────────────────────────────────────────────
/** 0 is yes, 1 is no, 5 is not granted by what could be read. */
function answerOne(
  { known }: RbacSeen,
  as: Identity,
  request: AccessRequest,
  because: readonly string[],
  options: WhoCanOptions,
  io: WhoCanIo,
): number {
  const asker = askerOf(known, as, options.asGroup)
  const { allowed, via } = answerFor(asker, request)
  const complete = because.length === 0
  const text =
    options.output === 'json'
      ? asciiControls(JSON.stringify({ allowed, via, complete }, null, 2))
      : allowed
        ? ['yes', ...(asker.isMaster ? ['  as a member of system:masters, before RBAC is asked'] : []), ...via.map(viaText)].join('\n')
        : complete
          ? 'no'
          : `no, as far as can be seen:\n${because.map((one) => `  ${printable(one)}`).join('\n')}`
  io.stdout.write(`${text}\n`)
  return allowed ? EXIT.clean : complete ? EXIT.findings : EXIT.unknown
}
const viaText = ({ binding, role, rule }: Via & { readonly rule: PolicyRule }): string =>
  printable(`  by ${binding}, ${role}: ${ruleText(rule)}`)
