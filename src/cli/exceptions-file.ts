import { readFile } from 'node:fs/promises'
import { load } from 'js-yaml'
import { z } from 'zod'
import { type AttestationRule, Attestations } from '../engine/attestations.ts'
import { type Exception, Exceptions } from '../engine/exceptions.ts'
import type { RegisteredControl } from '../model/index.ts'
import { UsageError } from './errors.ts'
import { currentId } from './options.ts'

/** YAML reads a date that is not quoted as one. */
const day = z.union([z.iso.date(), z.date().transform((date) => date.toISOString().slice(0, 10))])

const FILE = z.strictObject({
  attestations: z
    .array(
      z.strictObject({
        control: z.string(),
        source: z.string().optional(),
        answer: z.string().trim().min(1),
        by: z.string().trim().min(1),
        on: day,
        until: day,
      }),
    )
    .default([]),
  exceptions: z
    .array(
      z.strictObject({
        control: z.string(),
        kind: z.string().optional(),
        namespace: z.string().optional(),
        name: z.string().optional(),
        container: z.string().optional(),
        reason: z.string().min(1),
        owner: z.string().optional(),
        until: day.optional(),
      }),
    )
    .default([]),
})

/** Reads `--exceptions`. Strict: an unknown key or control id is an error, since an exception that silently does nothing is worse than none. */
export async function readExceptions(
  file: string | undefined,
  controls: readonly RegisteredControl[],
  now: number,
): Promise<OperatorsWord> {
  if (file === undefined) return { exceptions: new Exceptions([], now), attestations: new Attestations([], now) }
  const parsed = FILE.safeParse(await parse(file))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw new UsageError(`${file} is not an exceptions file: ${issue.path.join('.')}: ${issue.message}`, [
      'exceptions: [{control: pod-privileged, namespace: monitoring, name: node-agent, reason: "reads host metrics", until: 2027-01-31}]',
    ])
  }
  const { exceptions, attestations } = parsed.data
  for (const { control, on, until } of attestations) {
    if (Date.parse(on) > now) throw new UsageError(`${file}: the attestation for ${control} is of ${on}, which is still to come`)
    if (Date.parse(until) > Date.parse(on) + LONGEST_MS)
      throw new UsageError(`${file}: the attestation for ${control} is to hold until ${until}: a year from ${on} is the most`, [
        'look again once a year, and write down when',
      ])
  }
  return {
    exceptions: new Exceptions(
      exceptions.map((one): Exception => ({ ...one, control: currentId(controls, one.control) })),
      now,
    ),
    attestations: new Attestations(
      attestations.map((one): AttestationRule => ({ ...one, control: currentId(controls, one.control) })),
      now,
    ),
  }
}
const LONGEST_MS = 366 * 86_400_000

/** What the operator says: which risks are accepted, and what is so where it cannot be seen. */
export interface OperatorsWord {
  readonly exceptions: Exceptions
  readonly attestations: Attestations
}

/** What of the file does nothing, one line each. */
export const idleWords = ({ exceptions, attestations }: OperatorsWord): readonly string[] => [
  ...exceptions.expired.map(({ control, until, reason }) => `the exception for ${control} has expired on ${until}: ${reason}`),
  ...exceptions.unused.map(({ control, reason }) => `the exception for ${control} matches nothing: ${reason}`),
  ...attestations.expired.map(({ control, until, by }) => `the attestation of ${by} for ${control} has expired on ${until}: look again`),
  ...attestations.unused.map(
    ({ control, by }) => `the attestation of ${by} for ${control} is not used: what it is about was seen, or is not in this scan`,
  ),
]

async function parse(file: string): Promise<unknown> {
  try {
    return load(await readFile(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`the exceptions file ${file} cannot be read: ${(error as Error).message.split('\n')[0]}`)
  }
}
