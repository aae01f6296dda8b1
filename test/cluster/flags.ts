/** Flags of one component without their dashes; null takes a default flag away. */
export type Flags = Readonly<Record<string, string | readonly string[] | null>>

/** The arguments for a set of flags, later sets winning; a list repeats its flag. */
export function toArguments(...sets: readonly Flags[]): string[] {
  const merged: Flags = Object.assign({}, ...sets)
  return Object.entries(merged).flatMap(([name, value]) => {
    if (value === null) return []
    const values = typeof value === 'string' ? [value] : value
    return values.map((one) => `--${name}=${one}`)
  })
}
