import type { Control, Readable, Remedy } from './index.ts'

/** Declares a control; infers from `reads` and `consults` what its `evaluate` may look at. */
export const control = <const R extends Readable, E>(definition: Control<R, E>): Control<R, E> => definition

/** Declares a family of writes. */
export const remedy = <E>(definition: Remedy<E>): Remedy<E> => definition
