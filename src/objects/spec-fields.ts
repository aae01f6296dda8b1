/** Reads the specs of kinds that have no types of their own here: whatever a file holds, nothing throws. */
import type { Json, LabelSelector } from '../model/index.ts'

export type Mapping = { readonly [key: string]: Json }
export const isMapping = (value: unknown): value is Mapping => value !== null && typeof value === 'object' && !Array.isArray(value)
export const mapping = (value: unknown): Mapping => (isMapping(value) ? value : {})
export const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : [])
export const mappings = (value: unknown): readonly Mapping[] => list(value).filter(isMapping)
export const texts = (value: unknown): readonly string[] => list(value).map(String)
/** Undefined where the field is absent or no mapping. */
export const selectorIn = (value: unknown): LabelSelector | undefined => (isMapping(value) ? (value as LabelSelector) : undefined)
