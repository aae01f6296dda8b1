/** Which of many ranges hold an address: the line of all addresses cut at their borders, so that one search answers for all of them. */
import { addressOf, rangeOf } from './network-addresses.ts'

export interface AddressRange {
  readonly cidr: string
  readonly except: readonly string[]
}

type Border = readonly [first: string, after: string]

/** Numbers of the ranges that hold the address, in ascending order. */
export function addressIndex(ranges: readonly AddressRange[]): (ip: string) => readonly number[] {
  const cut = ranges.map(({ cidr, except }) => ({ own: bordersOf(cidr), except: except.map(bordersOf).filter((one) => one !== undefined) }))
  const edges = [...new Set(cut.flatMap(({ own, except }) => (own === undefined ? [] : [own, ...except])).flat())].sort()
  const holders = edges.map((edge) => {
    const isIn = ([first, after]: Border) => first <= edge && edge < after
    return cut.flatMap(({ own, except }, number) => (own !== undefined && isIn(own) && !except.some(isIn) ? [number] : []))
  })
  return (ip) => {
    const address = addressOf(ip)
    const text = address === undefined ? '' : hexOf(address)
    let [low, high] = [0, edges.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (edges[middle]! <= text) low = middle + 1
      else high = middle
    }
    return holders[low - 1] ?? NONE
  }
}
const NONE: readonly number[] = []

/** Hexadecimal digits sort as the addresses do; `4` or `6` keeps the families apart, and `g` comes after every digit: just behind the last address. */
function bordersOf(cidr: string): Border | undefined {
  const range = rangeOf(cidr)
  if (range === undefined) return undefined
  const [address, length] = range
  const bytes = address.toByteArray()
  const filled = (fill: number) =>
    bytes.map((byte, at) => {
      const mask = 0xff & (0xff00 >> Math.min(8, Math.max(0, length - 8 * at)))
      return (byte & mask) | (fill & ~mask & 0xff)
    })
  return [hex(bytes.length, filled(0)), `${hex(bytes.length, filled(0xff))}g`]
}
const hexOf = (address: { toByteArray(): number[] }): string => {
  const bytes = address.toByteArray()
  return hex(bytes.length, bytes)
}
const hex = (length: number, bytes: readonly number[]): string =>
  (length === 4 ? '4' : '6') + bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
