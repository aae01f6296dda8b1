import { Cron } from 'croner'

/**
 * When a CronJob is started next, epoch milliseconds; undefined where its schedule cannot be read. `timeZone` as in
 * `spec.timeZone`; without one the controller manager's own counts, which is UTC nearly everywhere.
 */
export function nextRun(schedule: string, timeZone: string | undefined, now: number): number | undefined {
  try {
    return new Cron(schedule, { timezone: timeZone ?? 'Etc/UTC', mode: '5-part' }).nextRun(new Date(now))?.getTime()
  } catch {
    return undefined
  }
}
