/** `k8s-harden who-can`: who may do something, or whether one subject may; from the RBAC objects alone. Reads, and asks nothing of a server. */
import stringWidth from 'string-width'
import type { PolicyRule, Readable, Snapshot } from '../../model/index.ts'
import { printable } from '../../objects/display.ts'
import { type Grants, grants, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { resourceNamed } from '../../objects/rbac-resource-name.ts'
import { type AccessRequest, nameSeen, ruleText } from '../../objects/rbac-rules.ts'
import { universeOf } from '../../objects/rbac-served.ts'
import { answerFor, askerOf, blindSpots, type Holder, type Identity, type Via, whoCan, whoCanWithin } from '../../objects/rbac-who-can.ts'
import { LiveScan } from '../../session/live-scan.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { openSource } from '../open-source.ts'
import type { SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { parseIdentity } from './who-can-identity.ts'

export interface WhoCanOptions extends SourceOptions {
  readonly namespace?: string
  readonly name?: string
  readonly as?: string
  readonly asGroup?: readonly string[]
  /** A file of JSON lines, or `-`. */
  readonly questions?: string
  readonly output?: 'table' | 'json'
}
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

export async function whoCanCommand(
  verb: string | undefined,
  resource: string | undefined,
  options: WhoCanOptions,
  io: WhoCanIo = process,
): Promise<number> {
  checkUsage(verb, resource, options)
  const as = options.as === undefined ? undefined : parseIdentity(options.as)
  const { signal, interrupted } = interruptible()
  const seen = await read(options, resource?.startsWith('/') ?? false, signal)
  if (interrupted()) return EXIT.interrupted
  if (options.questions !== undefined)
    return (await import('./who-can-questions.ts')).answerQuestions(seen, options.questions, as, options.asGroup ?? [], io)
  const warn = (text: string) => void io.stderr.write(`k8s-harden: ${printable(text)}\n`)
  const request = requestOf(verb!, resource!, options, seen.snapshot, warn)
  const because = seen.blind(options.namespace ?? '')
  if (options.output === 'json') for (const one of because) warn(`not complete: ${one}`)
  return as === undefined ? listHolders(seen, request, because, options, io) : answerOne(seen, as, request, because, options, io)
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

/** Only the kinds that answer the question, and what resolves the name of a resource. */
async function read(options: WhoCanOptions, isPath: boolean, signal: AbortSignal): Promise<RbacSeen> {
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

/** The request as it reaches the authorizer; what is not as it was typed is said. */
function requestOf(
  verb: string,
  typed: string,
  { namespace, name }: WhoCanOptions,
  snapshot: Snapshot,
  warn: (text: string) => void,
): AccessRequest {
  if (typed.startsWith('/')) {
    if (name !== undefined || namespace !== undefined) warn(`${typed} is a path: it has no namespace and no name, so those are left out`)
    return { verb, path: typed }
  }
  const { group, resource, subresource, namespaced, doubt } = resourceNamed(typed, universeOf(snapshot))
  if (doubt !== undefined) warn(`${doubt}; rules are searched for it all the same`)
  else if (group !== '' && resource !== '*' && !typed.includes('.')) warn(`${typed} is taken as ${resource} of API group ${group}`)
  if (!namespaced && namespace !== undefined) warn(`${resource} are not namespaced: -n ${namespace} is left out`)
  const nameAsSeen = nameSeen({ verb, subresource, ...(name !== undefined && { name }) })
  if (name !== undefined && nameAsSeen !== name) warn(`a request to ${verb} ${resource} shows the authorizer no name: --name is left out`)
  // The API server takes a namespace's own name for the namespace of a request for it.
  const within = namespaced ? (namespace ?? (group === '' && resource === 'namespaces' ? nameAsSeen : '')) : ''
  return { verb, group, resource, ...(subresource !== '' && { subresource }), namespace: within, name: nameAsSeen }
}

// ── who ────────────────────────────────────────────────────────────────────────────────────────
function listHolders(
  { snapshot, known }: RbacSeen,
  request: AccessRequest,
  because: readonly string[],
  options: WhoCanOptions,
  io: WhoCanIo,
): number {
  const subjects = whoCan(known, request)
  if (options.output === 'json') {
    io.stdout.write(`${JSON.stringify({ subjects, complete: because.length === 0 }, null, 2)}\n`)
    return EXIT.clean
  }
  const isEverywhere = !('path' in request) && !request.namespace
  const within = isEverywhere ? whoCanWithin(known, request) : []
  const rows = within.flatMap((one) => one.holders.flatMap((holder) => holderRows(holder).map((row) => [one.namespace, ...row])))
  const text = [
    `Who can ${requestText(request)}:`,
    '',
    ...(subjects.length === 0
      ? ['nobody that a binding names']
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
    ...because.map((one) => `NOT COMPLETE: ${one}`),
  ]
  io.stdout.write(`${text.map(printable).join('\n')}\n`)
  return EXIT.clean
}
const MASTERS = 'Members of the group system:masters pass before RBAC is asked. Only RBAC is looked at here, no other authorizer.'
const FILES = 'Of files: what Kubernetes binds by itself counts only as far as the files hold it.'

const holderRows = (holder: Holder): readonly (readonly string[])[] =>
  holder.via.map(({ binding, role, rule }, index) => [index === 0 ? identityText(holder) : '', binding, role, ruleText(rule)])
const identityText = ({ kind, namespace, name }: Identity): string => `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`

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

function requestText(request: AccessRequest): string {
  if ('path' in request) return `${request.verb} ${request.path}`
  const { verb, group, resource, subresource, namespace, name } = request
  const what = `${resource}${subresource ? `/${subresource}` : ''}`
  return `${verb} ${what}${group === '' ? '' : group === '*' ? ' of every API group' : ` of ${group}`}${name ? ` named ${name}` : ''}${namespace ? ` in namespace ${namespace}` : ' in all namespaces'}`
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
      ? JSON.stringify({ allowed, via, complete }, null, 2)
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
