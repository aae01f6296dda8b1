/** The README of a directory of patches: what to do, in which order, and how to take it back. */
import type { Finding, FindingId, Plan, SourceInfo, Step } from '../model/index.ts'
import { printable } from '../objects/display.ts'
import { refText } from '../objects/ref.ts'
import type { AccessImpact } from '../plan/access-impact.ts'
import { impactWords } from '../plan/access-words.ts'
import type { NetworkWords } from '../plan/network-words.ts'
import { breaksAnew, isOtherChoice, preparesStep } from '../plan/step-words.ts'
import { helmLines, type Instruction, type StepFiles } from './patch-step.ts'

export interface PatchMeta {
  readonly version: string
  readonly source: SourceInfo /** RFC 3339. */
  readonly time: string
  /** Who would lose and gain what by all of the steps. */
  readonly access?: readonly AccessImpact[]
  /** Who would reach whom no longer, or newly, by all of the steps. */
  readonly network?: NetworkWords
  /** Why policies mean nothing here, or may mean nothing. */
  readonly notEnforced?: string
}

const RISK = {
  safe: 'safe: nothing that runs is touched',
  'restarts-pods': 'restarts pods',
  'may-break': 'may break something: read what, and try it out first',
} as const

export function readmeOf(plan: Plan, findings: ReadonlyMap<FindingId, Finding>, steps: readonly StepFiles[], meta: PatchMeta): string {
  return [
    '# Hardening patches',
    '',
    `Made by k8s-harden ${text(meta.version)} at ${text(meta.time)} from ${meta.source.kind === 'live' ? 'the cluster' : 'the manifests'} ${code(meta.source.name)}. Nothing was changed there.`,
    '',
    ...totals(plan),
    '',
    ...howTo(steps),
    ...(meta.notEnforced === undefined ? [] : [`> **${text(meta.notEnforced)}**`, '']),
    ...accessTable(meta.access ?? []),
    ...(meta.network === undefined ? [] : networkTable(meta.network)),
    '## Steps, in this order',
    '',
    ...(steps.length === 0
      ? ['There is nothing to do.', '']
      : steps.flatMap((step, index) => stepText(step, index + 1, findings, plan.steps))),
    ...left(
      'Needs a value from you',
      'Run `k8s-harden generate` again with `--set CONTROL.OPTION=VALUE`.',
      plan.ledger.needsValue.map(({ finding, option, question }) => line(findings.get(finding), finding, `${question} (option ${option})`)),
    ),
    ...left(
      'By hand',
      'No file can do this for you.',
      plan.ledger.byHand.map(({ finding, why }) => line(findings.get(finding), finding, why)),
    ),
    ...left(
      'Not done, and why',
      '',
      plan.ledger.refused.map(({ finding, because }) => line(findings.get(finding), finding, because)),
    ),
  ].join('\n')
}

function totals({ ledger }: Plan): string[] {
  const { fixable, needsValue, byHand, refused } = ledger
  const sum = fixable.length + needsValue.length + byHand.length + refused.length
  return [
    `${sum} findings: ${fixable.length} are mended by these files, ${needsValue.length} need a value from you, ${byHand.length} are for you by hand, ${refused.length} are left alone with a reason.`,
  ]
}

function howTo(steps: readonly StepFiles[]): string[] {
  if (steps.every(({ patches, resources }) => patches.length + resources.length === 0)) return []
  return [
    '## How to use it',
    '',
    '- **With kustomize**: `kustomization.yaml` here is a component. Include it where the objects are (`components: [path/to/this/directory]`) and compare `kubectl kustomize` before and after. Where one of several overlays needs a patch, its component is in a directory `for-…` of its own. Patches name their object with its namespace; a patch whose object is not in your build is passed over without a word, so do compare.',
    '- **One by one**: run the command of a step in this directory. Nothing is applied by itself.',
    '- **With Helm, Argo CD or Flux**: take the change into the chart, its values, or the repository it is rendered from.',
    '- The way back of every step is below, its patch under `undo/`.',
    '',
  ]
}

function accessTable(access: readonly AccessImpact[]): string[] {
  if (access.length === 0) return []
  const words = access.map(impactWords)
  const isRecorded = words.some(({ recorded }) => recorded.length > 0)
  const cell = (list: readonly string[]): string => (list.length === 0 ? 'nothing' : list.map(text).join('<br>'))
  return [
    '## Whose access changes',
    '',
    `| who | loses | gains | keeps |${isRecorded ? ' recorded requests |' : ''}`,
    `|---|---|---|---|${isRecorded ? '---|' : ''}`,
    ...words.map(
      ({ subject, loses, gains, keeps, recorded }) =>
        `| ${code(subject)} | ${cell(loses)} | ${cell(gains)} | ${cell(keeps)} |${isRecorded ? ` ${cell(recorded)} |` : ''}`,
    ),
    '',
    ...(isRecorded ? [] : ['With `--audit-log FILE` this table also tells what becomes of every request that was recorded.', '']),
  ]
}

function networkTable({ changes, more, isolates, evidence, cut, breaks }: NetworkWords): string[] {
  if (changes.length + isolates.length === 0) return []
  const cell = (list: readonly string[]): string => (list.length === 0 ? 'nothing' : list.map(text).join('<br>'))
  return [
    '## Who reaches whom',
    '',
    ...evidence.flatMap((one, index) => [
      breaks && index === 0 ? `**Cuts what is in use: ${text(one)}**` : text(`${one[0]!.toUpperCase()}${one.slice(1)}.`),
      '',
    ]),
    ...(cut.length === 0 ? [] : [...cut.map((one) => `- **${text(one)}**`), '']),
    ...isolates.map((one) => `- ${text(one)}`),
    '',
    ...(changes.length === 0
      ? []
      : [
          '| to | loses | gains |',
          '|---|---|---|',
          ...changes.map(({ subject, lost, gained }) => `| ${text(subject)} | ${cell(lost)} | ${cell(gained)} |`),
          '',
        ]),
    ...(more > 0 ? [`And ${more} more: \`k8s-harden reach --planned -o json\` tells each.`, ''] : []),
  ]
}

function stepText(
  { step, files, apply, undo }: StepFiles,
  number: number,
  findings: ReadonlyMap<FindingId, Finding>,
  steps: readonly Step[],
): string[] {
  const { anew, asStep } = breaksAnew(step, steps)
  const prepared = preparesStep(step, steps)
  const mends = step.mends.map((id) => line(findings.get(id), id, findings.get(id)?.reason ?? ''))
  const secret = files
    .filter(({ secretKeys }) => secretKeys > 0)
    .map(({ name }) => `- ${code(name)} holds keys drawn for you: keep it out of version control`)
  return [
    `### ${number}. ${text(step.title)}`,
    '',
    `- Risk: ${RISK[step.risk]}`,
    ...(asStep === undefined ? [] : [`- May break: what step ${asStep} says`]),
    ...anew.map((what) => `- ${isOtherChoice(what) ? 'Otherwise' : 'May break'}: ${text(what)}`),
    ...(step.managedBy === '' ? [] : [`- Owner: ${step.managedBy}; take the change into its source`]),
    ...helmLines(step).map((line) => `- ${text(line)}`),
    ...(files.length === 0 ? [] : [`- Files: ${files.map(({ name }) => code(name)).join(', ')}`]),
    ...secret,
    ...(prepared === undefined || mends.length > 0 ? [] : [`- Mends: nothing by itself, step ${prepared} needs it`]),
    ...(mends.length === 0 ? [] : ['- Mends:', ...mends.map((one) => `  ${one}`)]),
    '',
    'Apply:',
    '',
    ...apply.map(numbered),
    '',
    ...(undo.length === 0 ? [] : ['Undo:', '', ...undo.map(numbered), '']),
  ]
}

const numbered = (what: Instruction, index: number): string =>
  `${index + 1}. ${'command' in what ? code(what.command) : sentence(what.words)}`
/** What stands between backticks is there to be copied. */
const sentence = (words: string): string =>
  words
    .split('`')
    .map((part, index) => (part === '' ? '' : index % 2 === 0 ? text(part) : code(part)))
    .join('')

const left = (title: string, words: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`## ${title}`, '', ...(words === '' ? [] : [words, '']), ...lines, '']

const line = (finding: Finding | undefined, id: FindingId, words: string): string =>
  finding === undefined ? `- ${code(id)}: ${text(words)}` : `- ${code(finding.control)}, ${code(refText(finding.subject))}: ${text(words)}`

/** Names come from a cluster: no markup, no line breaks. */
const text = (words: string): string => printable(words).replaceAll(/[\\`*_[\]<>|#~!&]/g, '\\$&')
const code = (words: string): string => {
  const safe = printable(words)
  const fence = '`'.repeat(1 + Math.max(0, ...[...safe.matchAll(/`+/g)].map(([run]) => run.length)))
  return fence.length > 1 ? `${fence} ${safe} ${fence}` : `\`${safe}\``
}
