import { readFile } from 'node:fs/promises'
import { load } from 'js-yaml'
import { z } from 'zod'
import { type Exception, Exceptions } from '../engine/exceptions.ts'
import type { RegisteredControl } from '../model/index.ts'
import { UsageError } from './errors.ts'
import { currentId } from './options.ts'

const FILE = z.strictObject({
  exceptions: z.array(
    z.strictObject({
      control: z.string(),
      kind: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
      container: z.string().optional(),
      reason: z.string().min(1),
      owner: z.string().optional(),
      until: z.union([z.iso.date(), z.date().transform((date) => date.toISOString().slice(0, 10))]).optional(),
    }),
  ),
})

/** Reads `--exceptions`. Strict: an unknown key or control id is an error, since an exception that silently does nothing is worse than none. */
export async function readExceptions(file: string | undefined, controls: readonly RegisteredControl[], now: number): Promise<Exceptions> {
  if (file === undefined) return new Exceptions([], now)
  const parsed = FILE.safeParse(await parse(file))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw new UsageError(`${file} is not an exceptions file: ${issue.path.join('.')}: ${issue.message}`, [
      'exceptions: [{control: pod-privileged, namespace: monitoring, name: node-agent, reason: "reads host metrics", until: 2027-01-31}]',
    ])
  }
  return new Exceptions(
    parsed.data.exceptions.map((one): Exception => ({ ...one, control: currentId(controls, one.control) })),
    now,
  )
}

async function parse(file: string): Promise<unknown> {
  try {
    return load(await readFile(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`the exceptions file ${file} cannot be read: ${(error as Error).message.split('\n')[0]}`)
  }
}
