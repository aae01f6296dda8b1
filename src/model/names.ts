/** The words everything else is written in. Types only: nothing in this room runs. */

/** The six practices of product.md section 1, in the order an operator walks them. */
export type Practice = 'rbac' | 'secrets' | 'api-endpoint' | 'nodes-and-pods' | 'images' | 'audit'

/** A control's id is its file's name, flat and unique (`pod-privileged`); the union of all is generated in controls/index.gen.ts. */
export type ControlId = string

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info'

/** What a change may do to what runs: nothing · new pods that are predicted to run as before · something may stop working. */
export type Risk = 'safe' | 'restarts-pods' | 'may-break'

type Tagged<Tag extends string> = string & { readonly [k in `is${Tag}`]: never }
/** Hash of control, subject, container and path: the same finding has the same id in every scan. */
export type FindingId = Tagged<'FindingId'>
export type StepId = Tagged<'StepId'>
/** Names one run of apply in the journal: `20261123T101500Z-ab12cd`. */
export type RunId = Tagged<'RunId'>

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** One step into an object: a key, the index of a list item, or the list item whose `name` is given. */
export type PathElement = string | number | { readonly name: string }
/** `['spec', 'containers', {name: 'app'}, 'image']`; written `spec.containers[name=app].image`. */
export type Path = readonly PathElement[]

/**
 * Which object. `file` and `document` are there for objects read from files (document: 0-based index in the file, item: index in
 * a List); `line` is 1-based and only for showing.
 */
export interface ObjectRef {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
  readonly uid?: string
  readonly file?: string
  readonly document?: number
  readonly item?: number
  readonly line?: number
  /** Directory of the kustomization that makes it what it is, where that is not what its file says. */
  readonly build?: string
  /** Where it is rendered from, where its file says so. */
  readonly helm?: HelmTemplate
}

/** `shop/templates/cart.yaml`; `values` and `keys`: the file of its chart's values and what is in it, where that was scanned too. */
export interface HelmTemplate {
  readonly template: string
  readonly values?: string
  readonly keys?: readonly string[]
}

/** Sets or removes one value. Missing parents are created; a list is replaced as a whole (writers keep the items that did not change). */
export type Edit = { readonly set: Path; readonly to: Json } | { readonly unset: Path }
