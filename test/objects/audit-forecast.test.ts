import { describe, expect, test } from 'vitest'
import type { MetricSample } from '../../src/model/index.ts'
import { auditForecast, auditMeasured } from '../../src/objects/audit-forecast.ts'
import type { AuditPolicy } from '../../src/objects/audit-policy.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'
import { historyText, mostBytes, rateText } from '../../src/objects/audit-retention.ts'

const NOW = 1_795_680_000_000
const HOUR = NOW / 1000 - 3600
const started = (at: number): MetricSample => ({ name: 'process_start_time_seconds', labels: {}, value: at })
const asked = (value: number, verb: string, resource: string, more: Readonly<Record<string, string>> = {}): MetricSample => ({
  name: 'apiserver_request_total',
  labels: { verb, group: '', resource, subresource: '', ...more },
  value,
})
const forecast = (policy: AuditPolicy, ...samples: MetricSample[]) => auditForecast({ samples: [started(HOUR), ...samples] }, policy, NOW)
const everything = (level: AuditPolicy['rules'][number]['level']): AuditPolicy => ({ omitStages: ['RequestReceived'], rules: [{ level }] })

describe('a forecast', () => {
  test('counts what is asked for, by the hour', () => {
    const one = forecast(everything('Metadata'), asked(1000, 'LIST', 'pods'))!
    expect(one).toMatchObject({ seconds: 3600, bytesPerHour: { low: 900_000, high: 1_300_000 } })
    expect(one.eventsPerSecond.low).toBeCloseTo(1000 / 3600)
  })
  test('is nothing where nothing is logged', () =>
    expect(forecast(everything('None'), asked(1000, 'LIST', 'pods'))!.bytesPerHour).toEqual({ low: 0, high: 0 }))
  test('a watch is two events', () =>
    expect(forecast(everything('Metadata'), asked(10, 'WATCH', 'pods'))!.bytesPerHour).toEqual({ low: 18_000, high: 26_000 }))
  test('takes the sizes of bodies from the API server', () => {
    const body = (value: number, suffix: string): MetricSample => ({
      name: `apiserver_request_body_size_bytes_${suffix}`,
      labels: { verb: 'create', group: '', resource: 'pods' },
      value,
    })
    const { bytesPerHour } = forecast(everything('Request'), asked(10, 'POST', 'pods'), body(100_000, 'sum'), body(10, 'count'))!
    expect(bytesPerHour.low).toBeCloseTo(10 * (900 + 10_000 * 1.1))
    expect(bytesPerHour.high).toBeCloseTo(10 * (1300 + 10_000 * 2.2))
  })
  test('of who asked knows a range only: leader election or somebody else', () => {
    const leases = asked(100, 'PUT', 'leases', { group: 'coordination.k8s.io' })
    expect(forecast(RECOMMENDED_POLICY, leases)!.bytesPerHour).toEqual({ low: 0, high: 130_000 })
  })
  test('of Secrets logs no body, and of Events nothing', () => {
    expect(forecast(RECOMMENDED_POLICY, asked(10, 'PUT', 'secrets'))!.bytesPerHour).toEqual({ low: 9000, high: 13_000 })
    expect(forecast(RECOMMENDED_POLICY, asked(10, 'POST', 'events'))!.bytesPerHour.high).toBe(0)
  })
  test('knows paths with and without their slash', () => {
    const path = (subresource: string) => asked(10, 'GET', '', { subresource })
    expect(forecast(RECOMMENDED_POLICY, path('/readyz'))!.bytesPerHour.high).toBe(0)
    expect(forecast(RECOMMENDED_POLICY, path('openapi/v3'))!.bytesPerHour.high).toBe(0)
    expect(forecast(RECOMMENDED_POLICY, path('api'))!.bytesPerHour.low).toBe(9000)
  })
  test('is not made of less than a minute, or of no counters', () => {
    expect(auditForecast({ samples: [started(NOW / 1000 - 20), asked(10, 'LIST', 'pods')] }, RECOMMENDED_POLICY, NOW)).toBeUndefined()
    expect(forecast(RECOMMENDED_POLICY)).toBeUndefined()
  })
  test('counts to when the metrics were read, not to when it is asked for', () => {
    const samples = [started(HOUR), asked(3600, 'LIST', 'pods')]
    expect(auditForecast({ samples, at: NOW + 3_600_000 }, RECOMMENDED_POLICY, NOW)!.seconds).toBe(7200)
  })
})

test('what is logged now is counted, whatever the policy', () => {
  const level = (name: string, value: number): MetricSample => ({ name: 'apiserver_audit_level_total', labels: { level: name }, value })
  const samples = [
    started(HOUR),
    { name: 'apiserver_audit_event_total', labels: {}, value: 1000 },
    level('Metadata', 500),
    level('None', 700),
  ]
  expect(auditMeasured({ samples }, NOW)).toMatchObject({ bytesPerHour: { low: 900_000, high: 1_300_000 } })
  expect(auditMeasured({ samples: [started(HOUR)] }, NOW)).toBeUndefined()
})

test('of what is logged now, no more have a body than were sent', () => {
  const counted = (name: string, value: number, labels = {}): MetricSample => ({ name, labels, value })
  const samples = [
    started(HOUR),
    counted('apiserver_audit_event_total', 1000),
    counted('apiserver_audit_level_total', 1000, { level: 'Request' }),
    counted('apiserver_request_body_size_bytes_sum', 100_000),
    counted('apiserver_request_body_size_bytes_count', 10),
  ]
  const { bytesPerHour } = auditMeasured({ samples }, NOW)!
  expect([Math.round(bytesPerHour.low), Math.round(bytesPerHour.high)]).toEqual([1_010_000, 1_520_000])
})

test('in words', () => {
  const one = forecast(everything('Metadata'), asked(36_000, 'LIST', 'pods'))!
  expect(rateText(one)).toBe('about 32–47 MB an hour (10 requests a second since the API server started 60 minutes ago)')
  expect(historyText({ maxage: 30, maxbackup: 10, maxsize: 100 }, one, 37)).toBe('1.2 GB is kept, 25–36 hours of it at that rate')
  expect(historyText({ maxage: 1, maxbackup: 100, maxsize: 100 }, one, 37)).toBe('11 GB is kept, 24 hours of it at that rate')
  expect(historyText({ maxage: 0, maxbackup: 0, maxsize: 0 }, one, 35)).toBe('nothing limits how much of it is kept')
})

test('without a size it is rotated at 100 MB, and since 1.36 never', () => {
  const retention = { maxage: 30, maxbackup: 10, maxsize: 0 }
  expect([mostBytes(retention, 35), mostBytes(retention, 36), mostBytes(retention, undefined)]).toEqual([
    11 * 100 * 1024 * 1024,
    undefined,
    undefined,
  ])
})
