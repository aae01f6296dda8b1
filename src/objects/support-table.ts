/** Which Kubernetes versions are maintained (kubernetes.io/releases, read on the date below). */
import { compareVersions, versionOf } from './version.ts'

/** The newest fact in the table. Older than 120 days, it is no longer judged by without a human. */
export const SUPPORT_TABLE_DATE = '2026-10-27'
const LASTS_DAYS = 120
const DAY = 86_400_000

interface Series {
  /** Release and end of life, ISO dates. */
  readonly released: string
  readonly ends: string
  /** The newest patch release that is known of; there may be newer ones. */
  readonly patch: number
}
const SERIES: Readonly<Record<number, Series>> = {
  28: { released: '2023-08-15', ends: '2024-10-22', patch: 15 },
  29: { released: '2023-12-13', ends: '2025-02-28', patch: 14 },
  30: { released: '2024-04-17', ends: '2025-07-15', patch: 14 },
  31: { released: '2024-08-13', ends: '2025-11-11', patch: 14 },
  32: { released: '2024-12-11', ends: '2026-02-28', patch: 13 },
  33: { released: '2025-04-23', ends: '2026-06-28', patch: 13 },
  34: { released: '2025-08-27', ends: '2026-10-27', patch: 9 },
  35: { released: '2025-12-17', ends: '2027-02-28', patch: 9 },
  36: { released: '2026-04-22', ends: '2027-06-28', patch: 4 },
  37: { released: '2026-08-26', ends: '2027-10-28', patch: 2 },
}
const NEWEST = Math.max(...Object.keys(SERIES).map(Number))
const OLDEST = Math.min(...Object.keys(SERIES).map(Number))

export interface Support {
  /** `ended`: no fixes any more · `supported` · `newer`: than the table knows. */
  readonly state: 'ended' | 'supported' | 'newer'
  /** ISO date; absent where the table does not hold the series. */
  readonly ends?: string
  /** The newest known patch release of the series, where that is newer. */
  readonly behind?: string
  /** Months since the end. */
  readonly monthsPast: number
}

/** What is known of a version on a day (epoch milliseconds); undefined for text that is no version. */
export function supportOf(version: string, now: number): Support | undefined {
  const parsed = versionOf(version)
  if (parsed === undefined || parsed.major !== 1) return undefined
  const series = SERIES[parsed.minor]
  if (series === undefined)
    return parsed.minor > NEWEST
      ? { state: 'newer', monthsPast: 0 }
      : { state: 'ended', monthsPast: monthsBetween(SERIES[OLDEST]!.ends, now) }
  const newest = `v1.${parsed.minor}.${series.patch}`
  const isBehind = compareVersions(parsed, versionOf(newest)!) < 0
  return {
    state: now >= Date.parse(series.ends) + DAY ? 'ended' : 'supported',
    ends: series.ends,
    monthsPast: monthsBetween(series.ends, now),
    ...(isBehind && { behind: newest }),
  }
}

const monthsBetween = (date: string, now: number): number => Math.max(0, Math.floor((now - Date.parse(date)) / (30.44 * DAY)))

/** The table is too old to say what is current. */
export const isTableStale = (now: number): boolean => now - Date.parse(SUPPORT_TABLE_DATE) > LASTS_DAYS * DAY
