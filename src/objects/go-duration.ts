const UNITS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, μs: 1e-6, ns: 1e-9 }

/** Seconds of a Go duration (`1m30s`, time.ParseDuration); undefined for what is none. */
export function secondsOf(duration: string | undefined): number | undefined {
  if (duration === undefined || !/^[+-]?(((\d+\.?\d*|\.\d+)(h|ms|m|us|µs|μs|ns|s))+|0)$/.test(duration)) return undefined
  const sum = [...duration.matchAll(/([\d.]+)(h|ms|m|us|µs|μs|ns|s)/g)].reduce(
    (all, [, amount, unit]) => all + Number(amount) * UNITS[unit!]!,
    0,
  )
  return duration.startsWith('-') ? -sum : sum
}
