/** Freshly parsed JSON of unknown make: ours to take apart. */
export type Wire = { [field: string]: any }

export const isWire = (value: unknown): value is Wire => value !== null && typeof value === 'object' && !Array.isArray(value)
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
/** The objects of a list; nothing where it is none. */
export const listOf = (value: unknown): Wire[] => (Array.isArray(value) ? value.filter(isWire) : [])
