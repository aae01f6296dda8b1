import type { circle } from '../plan/circle-b.ts'
export type Circle = typeof circle
