import { controls as allControls } from '../../controls/index.gen.ts'
import { wantedBy } from '../../engine/evaluator.ts'
import type { Finding, FindingId, Plan, Snapshot } from '../../model/index.ts'
import { enforcement } from '../../objects/network-enforced.ts'
import { accessImpact } from '../../plan/access-impact.ts'
import { compile, plannable } from '../../plan/compile.ts'
import { networkImpact } from '../../plan/network-impact.ts'
import { changesPolicies } from '../../plan/network-steps.ts'
import { networkWords } from '../../plan/network-words.ts'
import { LiveScan } from '../../session/live-scan.ts'
import { writePatchFiles } from '../../writers/patch-files.ts'
import type { PatchMeta } from '../../writers/patch-readme.ts'
import { readExceptions } from '../exceptions-file.ts'
import { EXIT } from '../exit-codes.ts'
import { closeHosts } from '../hosts-option.ts'
import { readsForReach } from '../network-reads.ts'
import { openSource } from '../open-source.ts'
import { chooseControls, parseSettings, type SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { VERSION } from '../version.ts'

/** Whether policies mean anything here is said where the plan has some. */
function networkOf({ steps }: Plan, snapshot: Snapshot): Pick<PatchMeta, 'network' | 'notEnforced'> {
  const impact = networkImpact(snapshot, steps)
  const { warning } = enforcement(snapshot)
  return {
    ...(impact !== undefined && { network: networkWords(impact) }),
    ...(warning !== '' && steps.some(changesPolicies) && { notEnforced: warning }),
  }
}

/** Nothing is done on nodes here: whatever is for them becomes files and a runbook. */
const withoutHosts = (snapshot: Snapshot): Snapshot => ({
  ...snapshot,
  fact: (name) => (name === 'Hosts' ? undefined : snapshot.fact(name)),
})

export interface GenerateOptions extends SourceOptions {
  readonly out: string
  readonly practice?: readonly string[]
  readonly control?: readonly string[]
  readonly namespace?: readonly string[]
  readonly set?: readonly string[]
  readonly exceptions?: string
}

/** `k8s-harden generate --out DIR`: patch files only; neither a cluster nor the source is touched. */
export async function generateCommand(options: GenerateOptions): Promise<number> {
  const controls = chooseControls(allControls, options)
  const values = parseSettings(allControls, options.set)
  const opened = await openSource(options)
  const { isExcepted } = (await readExceptions(options.exceptions, allControls, Date.now())).exceptions
  const scan = new LiveScan({ source: opened.source, controls, isExcepted, follow: false })
  const { signal, interrupted } = interruptible()
  const wanted = wantedBy(controls)
  await scan.run(signal, new Set([...wanted, ...readsForReach(wanted, options.flows)])).finally(() => closeHosts(opened))
  if (interrupted()) return EXIT.interrupted
  const { snapshot } = scan.state
  const findings = plannable(scan.findings)
  const plan = compile(findings, new Map(controls.map((control) => [control.id, control])), withoutHosts(snapshot), { values })
  const byId = new Map<FindingId, Finding>(findings.map((finding) => [finding.id, finding]))
  const written = await writePatchFiles(plan, byId, options.out, {
    version: VERSION,
    source: snapshot.source,
    time: new Date(snapshot.now).toISOString(),
    access: accessImpact(snapshot, plan.steps),
    ...networkOf(plan, snapshot),
  })
  const { fixable, needsValue, byHand, refused } = plan.ledger
  process.stdout.write(`${written.length} files in ${options.out}: start with README.md\n`)
  process.stdout.write(
    `${findings.length} findings: ${fixable.length} fixed by these files, ${needsValue.length} need a value from you, ${byHand.length} by hand, ${refused.length} refused with a reason\n`,
  )
  return EXIT.clean
}
