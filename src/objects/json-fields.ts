/** Fields of objects whose schema we do not know, read without trust: what has another shape is not there. */
import type { Json } from '../model/index.ts'

export type Fields = { readonly [key: string]: Json }
export const fieldsOf = (value: unknown): Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {}
export const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : [])
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
