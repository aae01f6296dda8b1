/** The reference of all controls, from the controls themselves: there is no second text of the same thing. */

import { PRACTICES } from '../engine/score.ts'
import type { RegisteredControl, RemedyOption } from '../model/index.ts'

const PRACTICE_TITLES: Readonly<Record<(typeof PRACTICES)[number], string>> = {
  rbac: '1. RBAC and authentication',
  secrets: '2. Secrets, TLS and credentials',
  'api-endpoint': '3. API endpoint and version',
  'nodes-and-pods': '4. Nodes, pods, network',
  images: '5. Container images',
  audit: '6. Audit, logging, monitoring',
}
/** The chapters of the NSA/CISA Kubernetes Hardening Guide, which the reports of others cite by letter. */
const NSA: Readonly<Record<string, string>> = {
  P: 'pods',
  N: 'network and hardening',
  A: 'authentication and authorization',
  L: 'logging',
  U: 'upgrades',
}
const references = (control: RegisteredControl): string =>
  control.references
    .map(({ standard, section }) => `${standard} ${section}${standard === 'NSA' && section in NSA ? ` (${NSA[section]})` : ''}`)
    .join(' · ')
const STANDARDS =
  'References: CIS is the CIS Kubernetes Benchmark 2.0.1 (CIS-EKS, CIS-GKE, CIS-AKS those of the providers), NSA the NSA/CISA Kubernetes Hardening Guide 1.2, PSS the Pod Security Standards, OWASP the Kubernetes Top Ten of that year, KS a control of Kubescape.'

/** What is read, and what is looked at where it can be. */
const readText = ({ reads, consults = [] }: RegisteredControl): string => {
  const also = [...new Set(consults)].filter((what) => !(reads as readonly string[]).includes(what))
  return [[...new Set(reads)].join(', '), ...(also.length === 0 ? [] : [`where it can: ${also.join(', ')}`])].filter(Boolean).join('; ')
}

/** One choice of a remedy: how it is given, what it means, what may be chosen. */
const optionLines = (id: string, name: string, { describe, choices = [], default: preset }: RemedyOption): string[] => [
  `--set ${id}.${name}=${choices.length === 0 ? 'VALUE' : choices.map(({ value }) => value).join('|')}`,
  `  ${describe}${preset === undefined || choices.length > 0 || isEmpty(preset) ? '' : `; unless you choose: ${shown(preset)}`}`,
  ...choices
    .filter(({ label, value }) => label !== value)
    .map(({ label, value }) => `  ${value}: ${label}${value === preset ? ' (unless you choose)' : ''}`),
]
const isEmpty = (value: unknown): boolean => value === '' || (Array.isArray(value) && value.length === 0)
const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
const choiceLines = ({ id, remedy }: RegisteredControl): string[] =>
  'byHand' in remedy ? [] : Object.entries(remedy.options ?? {}).flatMap(([name, option]) => optionLines(id, name, option))
const remedyText = ({ remedy }: RegisteredControl): string =>
  'byHand' in remedy
    ? `by hand: ${remedy.byHand}`
    : remedy.guides
      ? 'by hand: each finding says what to do there'
      : 'this tool makes the change where it can: previewed, asked about, taken back with undo'

/** One control as one page: what, why, who says so, what it looks at, the way out. */
export function explainControl(control: RegisteredControl): string {
  const choices = choiceLines(control)
  return [
    `${control.id}  (${control.severity}, practice ${control.practice})`,
    control.title,
    '',
    control.why,
    '',
    `references  ${references(control)}`,
    `reads       ${readText(control)}`,
    `remedy      ${remedyText(control)}`,
    ...choices.map((text, index) => `${index === 0 ? 'choices' : ''}`.padEnd(12) + text),
    ...(control.verify === undefined ? [] : [`verify      ${control.verify}`]),
    ...(control.formerly === undefined ? [] : [`formerly    ${control.formerly.join(', ')}`]),
    '',
    `next        k8s-harden scan --control ${control.id}, then k8s-harden apply --control ${control.id} --dry-run`,
    '',
  ].join('\n')
}

export function controlsTable(controls: readonly RegisteredControl[]): string {
  const width = Math.max(...controls.map((control) => control.id.length))
  return PRACTICES.flatMap((practice) => [
    PRACTICE_TITLES[practice],
    ...controls
      .filter((control) => control.practice === practice)
      .map((control) => `  ${control.severity.padEnd(8)}  ${control.id.padEnd(width)}  ${control.title}`),
    '',
  ]).join('\n')
}

export function controlsJson(controls: readonly RegisteredControl[]): string {
  return `${JSON.stringify(
    controls.map((control) => ({
      id: control.id,
      practice: control.practice,
      title: control.title,
      severity: control.severity,
      why: control.why,
      references: control.references,
      reads: control.reads,
      consults: control.consults ?? [],
      remedy:
        'byHand' in control.remedy
          ? { byHand: control.remedy.byHand }
          : { family: control.remedy.family, options: control.remedy.options ?? {} },
      ...(control.verify !== undefined && { verify: control.verify }),
      ...(control.formerly !== undefined && { formerly: control.formerly }),
    })),
    null,
    2,
  )}\n`
}

/** docs/controls.md. `examples` holds, by control id, the difference between a failing and the mended object. */
export function controlsMarkdown(controls: readonly RegisteredControl[], examples: ReadonlyMap<string, string> = new Map()): string {
  const pages = PRACTICES.flatMap((practice) => [
    `## ${PRACTICE_TITLES[practice]}`,
    '',
    ...controls
      .filter((control) => control.practice === practice)
      .flatMap((control) => [
        `### \`${control.id}\``,
        '',
        `**${control.title}** · ${control.severity}`,
        '',
        control.why,
        '',
        `- References: ${references(control)}`,
        `- Reads: ${readText(control)}`,
        `- Remedy: ${remedyText(control)}`,
        ...choiceLines(control).map((text) => (text.startsWith('  ') ? `    - ${text.trim()}` : `  - \`${text}\``)),
        ...(control.verify === undefined ? [] : [`- Verify: ${control.verify}`]),
        '',
        ...(examples.has(control.id) ? ['```diff', examples.get(control.id)!.trimEnd(), '```', ''] : []),
      ]),
  ])
  return [
    '<!-- Generated by `npm run gen`. Do not edit. -->',
    '# Controls',
    '',
    `${controls.length} controls in six practices. \`k8s-harden explain ID\` prints one of them.`,
    '',
    STANDARDS,
    '',
    ...pages,
  ].join('\n')
}
