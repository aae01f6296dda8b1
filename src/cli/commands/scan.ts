import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { styleText } from 'node:util'
import { controls as allControls } from '../../controls/index.gen.ts'
import { wantedBy } from '../../engine/evaluator.ts'
import { atLeast } from '../../engine/score.ts'
import type { Finding, FindingId, FindingRemedy, Outcome, RegisteredControl, Severity } from '../../model/index.ts'
import { remembered } from '../../objects/derived.ts'
import { printable } from '../../objects/display.ts'
import { FLOW_KINDS } from '../../objects/network-flows.ts'
import { refText } from '../../objects/ref.ts'
import { plannable, remedyPreview } from '../../plan/compile.ts'
import { objectKey } from '../../plan/objects-by-ref.ts'
import { findingLine, toJson, toJsonLines } from '../../report/json.ts'
import { type ReportedFinding, reported, type ScanReport, scanReport } from '../../report/scan-report.ts'
import { type Paint, toTable } from '../../report/table.ts'
import { LiveScan, type ScanState } from '../../session/live-scan.ts'
import { UsageError } from '../errors.ts'
import { idleWords, readExceptions } from '../exceptions-file.ts'
import { EXIT } from '../exit-codes.ts'
import { closeHosts } from '../hosts-option.ts'
import { openSource } from '../open-source.ts'
import { chooseControls, failOn, type SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { VERSION } from '../version.ts'

export interface ScanOptions extends SourceOptions {
  readonly practice?: readonly string[]
  readonly control?: readonly string[]
  readonly namespace?: readonly string[]
  readonly output?: 'table' | 'json' | 'jsonl'
  readonly outputFile?: string
  readonly failOn?: string
  readonly failOnUnknown?: boolean
  readonly watch?: boolean
  readonly exceptions?: string
}

/** `k8s-harden scan`: the report on standard output, everything else on standard error. */
export async function scanCommand(options: ScanOptions): Promise<number> {
  const startedAt = Date.now()
  const threshold = failOn(options.failOn ?? 'high')
  const controls = chooseControls(allControls, options)
  const word = await readExceptions(options.exceptions, allControls, startedAt)
  if (options.watch && (options.output ?? 'table') === 'json')
    throw new UsageError('--watch prints one line a change: use -o jsonl, or -o table')
  const opened = await openSource(options)
  const scan = new LiveScan({
    source: opened.source,
    controls,
    isExcepted: word.exceptions.isExcepted,
    attestedBy: word.attestations.attestedBy,
    follow: options.watch === true,
  })
  const { signal, interrupted } = interruptible()
  const print = await printer(options)

  if (options.watch) watchChanges(scan, options, print)
  const tellProblems = problemTeller()
  if (options.watch) scan.subscribe(tellProblems)
  // What tells between whom the flows were, whatever the chosen controls read.
  const wanted = new Set([...wantedBy(controls), ...(options.flows === undefined ? [] : ['ObservedFlows' as const, ...FLOW_KINDS])])
  await scan.run(signal, wanted).finally(() => closeHosts(opened))
  if (interrupted()) return EXIT.interrupted
  for (const words of idleWords(word)) process.stderr.write(`k8s-harden: ${printable(words)}\n`)
  // The other formats hold them.
  if (options.output === 'jsonl') tellProblems(scan.state)
  if (!options.watch) await print(render(reportOf(scan, startedAt), options))
  return exitCode(scan.state.outcomes, threshold, options.failOnUnknown === true, scan.state.problems.length)
}

/**
 * 1 beats 5: a failure seen is worse than something not seen. A control that threw has judged nothing, so it is never a 0.
 * `unreadFiles`: what is in a file that could not be read is as unknown as what a server would not show.
 */
export function exitCode(
  outcomes: ReadonlyMap<string, Outcome>,
  threshold: Severity | undefined,
  failOnUnknown: boolean,
  unreadFiles = 0,
): number {
  const all = [...outcomes.values()]
  const counts = (finding: Finding) =>
    threshold !== undefined &&
    finding.verdict === 'fail' &&
    finding.origin === 'workload' &&
    !finding.excepted &&
    atLeast(finding.severity, threshold)
  if (all.some((outcome) => outcome.findings.some(counts))) return EXIT.findings
  if (all.some((outcome) => outcome.status === 'error')) return EXIT.unknown
  if (failOnUnknown && (unreadFiles > 0 || all.some((outcome) => outcome.status === 'unknown'))) return EXIT.unknown
  return EXIT.clean
}

function reportOf(scan: LiveScan, startedAt: number): ScanReport {
  const { snapshot, outcomes, problems } = scan.state
  return scanReport({ snapshot, controls: scan.controls, outcomes, problems, startedAt, finishedAt: Date.now(), remedyOf: previews(scan) })
}

function previews(scan: LiveScan): (finding: Finding) => FindingRemedy {
  const byId = new Map(scan.controls.map((control) => [control.id, control]))
  const { snapshot } = scan.state
  // As a plan of everything would: some changes are taken only together with others of their object.
  const keyOf = remembered(objectKey)
  const together = Map.groupBy(plannable(scan.findings), ({ subject }) => keyOf(subject))
  return (finding) =>
    remedyPreview(
      finding,
      byId.get(finding.control)!,
      snapshot,
      {},
      (together.get(keyOf(finding.subject)) ?? []).filter((other) => other !== finding),
    )
}

function render(report: ScanReport, { output = 'table', outputFile }: ScanOptions): Iterable<string> {
  if (output === 'json') return toJson(report, VERSION)
  if (output === 'jsonl') return toJsonLines(report)
  return [toTable(report, outputFile === undefined ? paint : (_style, text) => text)]
}

const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout, validateStream: true })

/** Takes pieces of text in the order they are given; resolves when the last has been taken, so that a slow reader is waited for. */
type Print = (pieces: Iterable<string>) => Promise<void>

async function printer({ outputFile, watch }: ScanOptions): Promise<Print> {
  const unwritable = (error: NodeJS.ErrnoException): never => {
    throw new UsageError(`the output file ${outputFile} cannot be written (${error.code ?? error.message})`, [
      'give a path that can be written with --output-file',
    ])
  }
  // Opened when there is something to write: a scan that fails leaves the report of before.
  if (outputFile !== undefined && !watch)
    return (pieces) => pipeline(Readable.from(pieces), createWriteStream(outputFile)).catch(unwritable)
  const stream: NodeJS.WritableStream =
    outputFile === undefined ? process.stdout : (await open(outputFile, 'w').catch(unwritable)).createWriteStream()
  let last = Promise.resolve()
  const write = async (pieces: Iterable<string>): Promise<void> => {
    for (const piece of pieces) if (piece !== '' && !stream.write(piece)) await once(stream, 'drain')
  }
  return (pieces) => (last = last.then(() => write(pieces)))
}

/** Says on standard error what of the files cannot be read, once until it changes. */
function problemTeller(): (state: ScanState) => void {
  let told: ReadonlySet<string> = new Set()
  return ({ problems, synced }) => {
    if (!synced) return
    const now = new Set(problems.map(({ file, line, message }) => `${printable(file)}:${line} ${printable(message)}`))
    for (const text of now) if (!told.has(text)) process.stderr.write(`k8s-harden: ${text}\n`)
    told = now
  }
}

/** After the first full set, one line a change. `changed`: same id, other words, severity, verdict or file. */
function watchChanges(scan: LiveScan, options: ScanOptions, print: Print): void {
  let before = new Map<FindingId, { readonly finding: Finding; readonly line: ReportedFinding; readonly control: RegisteredControl }>()
  let first = true
  scan.subscribe((state: ScanState) => {
    if (!state.synced) return
    const remedyOf = previews(scan)
    const after: typeof before = new Map()
    const lines: string[] = []
    const say = (event: 'added' | 'resolved' | 'changed', control: RegisteredControl, line: ReportedFinding) =>
      lines.push(options.output === 'jsonl' ? findingLine(event, control, line) : changeLine(event, line))
    for (const control of scan.controls) {
      for (const finding of state.outcomes.get(control.id)?.findings ?? []) {
        const known = before.get(finding.id)
        const same = known !== undefined && (known.finding === finding || isSame(known.finding, finding))
        const entry = same ? { ...known, finding } : { finding, control, line: reported(finding, state.snapshot, remedyOf) }
        after.set(finding.id, entry)
        if (!same) say(known === undefined ? 'added' : 'changed', control, entry.line)
      }
    }
    for (const [id, { control, line }] of before) if (!after.has(id)) say('resolved', control, line)
    if ((first || lines.length > 0) && options.output === 'jsonl') lines.push('{"event":"synced"}')
    if (lines.length > 0) void print([`${lines.join('\n')}\n`])
    before = after
    first = false
  })
}

const isSame = (a: Finding, b: Finding): boolean =>
  a.reason === b.reason &&
  a.detail === b.detail &&
  a.severity === b.severity &&
  a.verdict === b.verdict &&
  a.excepted === b.excepted &&
  a.origin === b.origin &&
  a.subject.file === b.subject.file &&
  JSON.stringify(a.evidence) === JSON.stringify(b.evidence)

const changeLine = (event: string, { finding, path }: ReportedFinding): string =>
  printable(
    `${event.padEnd(8)} ${finding.severity.padEnd(8)} ${finding.control}  ${refText(finding.subject)} ${finding.reason}${path === '' ? '' : `  (${path})`}`,
  )
