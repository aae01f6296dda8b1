const WHOLE = /^([-+]?)(?:0x((?:_?[0-9a-f])+)|0b((?:_?[01])+)|0o?((?:_?[0-7])+)|(0|[1-9](?:_?[0-9])*))$/i

/** A whole number as flags take it (pflag by strconv.ParseInt with base 0): `030` is 24, `0x10` 16, `1_000` 1000; undefined for what is none. */
export function integerOf(text: string | undefined): number | undefined {
  const match = WHOLE.exec(text ?? '')
  if (match === null) return undefined
  const [, sign, hexadecimal, binary, octal, decimal] = match
  const digits = (hexadecimal ?? binary ?? octal ?? decimal!).replaceAll('_', '')
  const value = Number.parseInt(digits, hexadecimal !== undefined ? 16 : binary !== undefined ? 2 : octal !== undefined ? 8 : 10)
  return sign === '-' && value !== 0 ? -value : value
}
