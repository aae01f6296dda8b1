import type { Json, Path } from './names.ts'

/** Sets or removes one value. Missing parents are created; a list is replaced as a whole (writers keep the items that did not change). */
export type Edit = { readonly set: Path; readonly to: Json } | { readonly unset: Path }
