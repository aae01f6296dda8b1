/** The audit events in one entry of a log, as API servers write it and as log services wrap it. */
import type { AuditEvent } from './audit-event.ts'

/** `cloud-logging`: Google's own form of an audit entry, which is no Kubernetes event. `foreign`: no audit entry at all. */
export type Entry = readonly AuditEvent[] | 'cloud-logging' | 'foreign'

/**
 * An Event, an EventList (what webhooks receive), a list of either; or one of them as text inside what CloudWatch (`message`,
 * `logEvents[].message`), Azure (`properties.log`) and container runtimes (`log`) put around it.
 */
export function eventsIn(value: unknown, depth = 0): Entry {
  if (Array.isArray(value)) return all(value, depth)
  if (!isFields(value)) return 'foreign'
  if (value['kind'] === 'EventList' && Array.isArray(value['items'])) return all(value['items'], depth)
  if (isEvent(value)) return [value as AuditEvent]
  if (isFields(value['protoPayload'])) return 'cloud-logging'
  const { properties, logEvents } = value
  const wrapped = [value['message'], value['log'], isFields(properties) ? properties['log'] : undefined].find(
    (one) => typeof one === 'string',
  )
  if (depth > 2) return 'foreign'
  if (Array.isArray(logEvents)) return all(logEvents, depth)
  return typeof wrapped === 'string' ? eventsInText(wrapped, depth + 1) : 'foreign'
}

/** Throws where it is no JSON. A time stamp may stand before it. */
export function eventsInText(text: string, depth = 0): Entry {
  const start = text.startsWith('[{') ? 0 : text.indexOf('{')
  if (start < 0) throw new SyntaxError('no JSON')
  return eventsIn(JSON.parse(start === 0 ? text : text.slice(start)), depth)
}

function all(values: readonly unknown[], depth: number): Entry {
  const entries = values.map((one) => (depth > 2 ? 'foreign' : eventsIn(one, depth + 1)))
  const events = entries.flatMap((entry) => (typeof entry === 'string' ? [] : entry))
  return events.length > 0 ? events : (entries.find((entry) => typeof entry === 'string') ?? 'foreign')
}

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value)
/** What is made up otherwise was not written by an API server. */
const isEvent = (value: Fields): boolean =>
  typeof value['verb'] === 'string' &&
  typeof value['stage'] === 'string' &&
  isFields(value['user']) &&
  isUser(value['user']) &&
  (!isFields(value['impersonatedUser']) || isUser(value['impersonatedUser'])) &&
  (!isFields(value['objectRef']) || Object.values(value['objectRef']).every(isText))
const isText = (value: unknown): boolean => typeof value === 'string'
const isUser = ({ username, groups }: Fields): boolean =>
  isText(username) && (groups == null || (Array.isArray(groups) && groups.every(isText)))
