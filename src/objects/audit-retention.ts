/** How long an API server keeps its audit log, and what that takes (`--audit-log-max*`; the files are rotated by lumberjack). */
import type { AuditForecast, Range } from './audit-forecast.ts'
import { type ComponentInstance, effectiveFlag } from './flags.ts'
import { integerOf } from './go-integer.ts'

/** CIS 1.2.17 to 1.2.19. */
export const LEAST = { maxage: 30, maxbackup: 10, maxsize: 100 } as const
export type RetentionFlag = keyof typeof LEAST
export const RETENTION_FLAGS = Object.keys(LEAST) as readonly RetentionFlag[]

/** Days, old files and megabytes (of 1024 × 1024 bytes). 0: no limit; of the size see `isRotated`. */
export type Retention = Readonly<Record<RetentionFlag, number>>

/** Undefined for what is no number: the API server does not start with it. */
export function retentionOf(instance: ComponentInstance, minor: number | undefined): Retention | undefined {
  const values = RETENTION_FLAGS.map((flag) => integerOf(effectiveFlag(instance, `audit-log-${flag}`, minor).value))
  if (values.includes(undefined)) return undefined
  const [maxage, maxbackup, maxsize] = values as [number, number, number]
  return { maxage, maxbackup, maxsize }
}

/** Without a size older servers rotate at 100 MB; since 1.36 they write one file for ever, whatever the other limits say (server/options/audit.go). */
export const isRotated = ({ maxsize }: Retention, minor: number | undefined): boolean => maxsize > 0 || (minor !== undefined && minor < 36)

/** Bytes that the log may take on the disk of one node: the file being written and the old ones. Undefined: no limit. */
export const mostBytes = (retention: Retention, minor: number | undefined): number | undefined =>
  retention.maxbackup === 0 || !isRotated(retention, minor)
    ? undefined
    : (retention.maxbackup + 1) * (retention.maxsize === 0 ? 100 : retention.maxsize) * 1024 * 1024

/** Where the log of an API server goes; undefined where it writes none. `-` is its standard output. */
export const logPathOf = (instance: ComponentInstance): string | undefined => effectiveFlag(instance, 'audit-log-path', undefined).value

/** It has a policy and a backend, so that it logs anything (see audit-enabled). */
export const isAudited = (instance: ComponentInstance): boolean =>
  effectiveFlag(instance, 'audit-policy-file', undefined).value !== undefined &&
  (logPathOf(instance) !== undefined || effectiveFlag(instance, 'audit-webhook-config-file', undefined).value !== undefined)

/** `about 40–80 MB an hour (20 requests a second since the API server started 3 days ago)`. */
export const rateText = ({ bytesPerHour, requestsPerSecond, seconds }: AuditForecast): string =>
  `about ${sizeText(bytesPerHour)} an hour (${rounded(requestsPerSecond)} requests a second since the API server started ${spanText(seconds)} ago)`

/** `1.2 GB is kept, 15–30 hours of it at that rate`. */
export function historyText(retention: Retention, { bytesPerHour }: AuditForecast, minor: number | undefined): string {
  const most = mostBytes(retention, minor)
  if (most === undefined) return 'nothing limits how much of it is kept'
  const ageHours = retention.maxage === 0 ? Number.POSITIVE_INFINITY : retention.maxage * 24
  const hours = (rate: number): number => Math.min(ageHours, most / rate)
  const [least, longest] = [hours(bytesPerHour.high), hours(bytesPerHour.low)]
  const unit = least >= 72 ? 24 : 1
  return `${sizeText({ low: most, high: most })} is kept, ${between(least / unit, longest / unit)} ${unit === 24 ? 'days' : 'hours'} of it at that rate`
}

/** `40–80 MB`, `1.2 GB`. */
export function sizeText({ low, high }: Range): string {
  const [unit, name] = high >= 1e9 ? [1e9, 'GB'] : high >= 1e6 ? [1e6, 'MB'] : [1e3, 'kB']
  return `${between(low / unit, high / unit)} ${name}`
}
const between = (low: number, high: number): string => {
  const [from, to] = [rounded(low), rounded(high)]
  return from === to ? from : `${from}–${to}`
}
/** Two digits say what is known. */
const rounded = (value: number): string => String(Number(value.toPrecision(2)))
function spanText(seconds: number): string {
  const [unit, name] = seconds >= 172_800 ? [86_400, 'days'] : seconds >= 7200 ? [3600, 'hours'] : [60, 'minutes']
  return `${Math.round(seconds / unit)} ${name}`
}
