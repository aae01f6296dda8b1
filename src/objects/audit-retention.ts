/** How long an API server keeps its audit log, and what that takes (`--audit-log-max*`; the files are rotated by lumberjack). */
import { type ComponentInstance, effectiveFlag } from './flags.ts'

/** CIS 1.2.17 to 1.2.19. */
export const LEAST = { maxage: 30, maxbackup: 10, maxsize: 100 } as const
export type RetentionFlag = keyof typeof LEAST
export const RETENTION_FLAGS = Object.keys(LEAST) as readonly RetentionFlag[]

/** Days, old files and megabytes (of 1024 × 1024 bytes). 0: no limit; of the size: the rotation's own 100. */
export type Retention = Readonly<Record<RetentionFlag, number>>

/** Undefined for what is no number: the API server does not start with it. */
export function retentionOf(instance: ComponentInstance, minor: number | undefined): Retention | undefined {
  const values = RETENTION_FLAGS.map((flag) => Number(effectiveFlag(instance, `audit-log-${flag}`, minor).value))
  if (values.some((value) => !Number.isInteger(value))) return undefined
  const [maxage, maxbackup, maxsize] = values as [number, number, number]
  return { maxage, maxbackup, maxsize }
}

/** Bytes that the log may take on the disk of one node: the file being written and the old ones. Undefined: no limit. */
export const mostBytes = ({ maxbackup, maxsize }: Retention): number | undefined =>
  maxbackup === 0 ? undefined : (maxbackup + 1) * (maxsize === 0 ? 100 : maxsize) * 1024 * 1024

/** Where the log of an API server goes; undefined where it writes none. `-` is its standard output. */
export const logPathOf = (instance: ComponentInstance): string | undefined => effectiveFlag(instance, 'audit-log-path', undefined).value

/** It has a policy and a backend, so that it logs anything (see audit-enabled). */
export const isAudited = (instance: ComponentInstance): boolean =>
  effectiveFlag(instance, 'audit-policy-file', undefined).value !== undefined &&
  (logPathOf(instance) !== undefined || effectiveFlag(instance, 'audit-webhook-config-file', undefined).value !== undefined)

/** `40 MB`, `1.1 GB`. */
export function sizeText(bytes: number): string {
  const [amount, unit] = bytes >= 1e9 ? [bytes / 1e9, 'GB'] : bytes >= 1e6 ? [bytes / 1e6, 'MB'] : [bytes / 1e3, 'kB']
  return `${amount >= 10 || unit === 'kB' ? Math.round(amount) : Number(amount.toFixed(1))} ${unit}`
}
