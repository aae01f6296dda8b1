import { PRACTICES } from '../engine/score.ts'
import { type HostSpec, parseHostSpec } from '../hosts/spec.ts'
import type { Practice, RegisteredControl, Severity } from '../model/index.ts'
import { UsageError } from './errors.ts'

export interface SourceOptions {
  readonly context?: string
  readonly kubeconfig?: string
  readonly manifests?: string
  readonly sample?: boolean
  /** `registry`, or a file of image configurations. */
  readonly images?: string
  /** Files, directories or `-`. */
  readonly auditLog?: readonly string[]
  /** Records of network flows: files, directories or `-`. */
  readonly flows?: readonly string[]
  /** `auto`, or a cluster's name at its provider. */
  readonly cloudIam?: string
  /** How nodes are reached: `NODE=CARRIER`. */
  readonly host?: readonly string[]
}
export interface ChoiceOptions {
  readonly practice?: readonly string[]
  readonly control?: readonly string[]
}

export const HOST_EXAMPLES: readonly string[] = [
  '--host cp-1=ssh:root@10.0.0.1',
  '--host "*=ssh:admin@{address}"',
  '--host "*=docker:{node}"',
  '--host cp-1=local',
  '--host "*=pod"',
]

/** Throws UsageError where one cannot be read, or names a node again. */
export function parseHosts(texts: readonly string[]): readonly HostSpec[] {
  const specs = texts.map((text) => {
    const spec = parseHostSpec(text)
    if (spec === undefined) throw new UsageError(`--host takes NODE=CARRIER, not "${text}"`, HOST_EXAMPLES)
    return spec
  })
  const twice = specs.find(({ node }, index) => specs.findIndex((other) => other.node === node) !== index)
  if (twice !== undefined) throw new UsageError(`--host names ${twice.node === '*' ? '"*"' : `node ${twice.node}`} twice`, HOST_EXAMPLES)
  return specs
}

/** One source, or a sentence about why not. */
export function checkSource({ context, kubeconfig, manifests, sample, auditLog = [], flows = [], host = [] }: SourceOptions): void {
  const named = [
    context !== undefined || kubeconfig !== undefined ? '--context/--kubeconfig' : '',
    manifests === undefined ? '' : '--manifests',
    sample ? '--sample' : '',
  ].filter((name) => name !== '')
  if (named.length > 1) throw new UsageError(`${named.join(' and ')} name different sources: give one`)
  if (host.length > 0 && (manifests !== undefined || sample))
    throw new UsageError(`--host reaches the nodes of a cluster, and ${sample ? '--sample' : '--manifests'} has none`, [
      'leave --host away, or scan the cluster with --context NAME',
    ])
  parseHosts(host)
  if ([...auditLog, ...flows, manifests].filter((path) => path === '-').length > 1)
    throw new UsageError('standard input can be read once only: give the audit log, the flows or the manifests as a file')
}

/** The controls that the operator asked for; all of them by default. Old ids still work. */
export function chooseControls(
  controls: readonly RegisteredControl[],
  { practice = [], control = [] }: ChoiceOptions,
): readonly RegisteredControl[] {
  for (const name of practice)
    if (!PRACTICES.includes(name as Practice)) throw new UsageError(`there is no practice "${name}"`, [`one of ${PRACTICES.join(', ')}`])
  const current = control.map((id) => currentId(controls, id))
  return controls.filter(
    (one) => (practice.length === 0 || practice.includes(one.practice)) && (current.length === 0 || current.includes(one.id)),
  )
}

export function currentId(controls: readonly RegisteredControl[], id: string): string {
  const found = controls.find((one) => one.id === id || one.formerly?.includes(id))
  if (found !== undefined) return found.id
  const near = controls
    .map((one) => one.id)
    .filter((other) => other.includes(id) || id.includes(other) || distance(id, other) <= 3)
    .slice(0, 4)
  throw new UsageError(`there is no control "${id}"`, [
    ...(near.length > 0 ? [`did you mean ${near.join(' or ')}?`] : []),
    'k8s-harden controls lists them all',
  ])
}

const SEVERITIES = ['critical', 'high', 'medium', 'low', 'none'] as const
export function failOn(text: string): Severity | undefined {
  if (!(SEVERITIES as readonly string[]).includes(text)) throw new UsageError(`--fail-on takes ${SEVERITIES.join(', ')}, not "${text}"`)
  return text === 'none' ? undefined : (text as Severity)
}

/** `ID.option=value` → {ID: {option: value}}; values that read as JSON are taken as such. */
export function parseSettings(
  controls: readonly RegisteredControl[],
  settings: readonly string[] = [],
): Record<string, Record<string, never>> {
  const values: Record<string, Record<string, unknown>> = {}
  for (const setting of settings) {
    const match = /^([\w-]+)\.([\w-]+)=(.*)$/s.exec(setting)
    if (match === null) throw new UsageError(`--set takes CONTROL.OPTION=VALUE, not "${setting}"`)
    const [, id = '', option = '', value = ''] = match
    const control = controls.find((one) => one.id === currentId(controls, id))!
    const known = 'propose' in control.remedy ? (control.remedy.options ?? {}) : {}
    if (!Object.hasOwn(known, option))
      throw new UsageError(
        `${control.id} has no option "${option}"`,
        Object.keys(known).length > 0 ? [`its options are ${Object.keys(known).join(', ')}`] : [`k8s-harden explain ${control.id}`],
      )
    const choices = known[option]?.choices
    if (choices !== undefined && !choices.some((choice) => choice.value === value))
      throw new UsageError(`${id}.${option} takes ${choices.map((choice) => choice.value).join(', ')}, not "${value}"`)
    ;(values[control.id] ??= {})[option] = fromText(value)
  }
  return values as Record<string, Record<string, never>>
}

function fromText(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

/** Edit distance, for "did you mean". */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length]!
}
