/** What the cluster's own audit log (audit.k8s.io/v1 Event) says that subjects did. */

/** Distinct requests of every subject, counted; never a body, a query, or an address. */
export interface ObservedRequests {
  /** The files, as they were named; `-` is standard input. */
  readonly from: readonly string[]
  /** Events that counted. */
  readonly events: number
  /** RFC 3339, of the first and the last event. */
  readonly since: string
  readonly until: string
  readonly subjects: readonly ObservedSubject[]
  /** Verbs that no event of anybody has: the audit policy may leave them out, so their absence proves no disuse. */
  readonly blind: readonly string[]
  /** Says why the log proves less than it seems: lines that could not be read, dropped stages, a short window. */
  readonly doubts: readonly string[]
  /** Some subjects are left out, because there were more than are kept: of a group nobody can say then that it did not use a right. */
  readonly partial?: true
}
/** As the authorizer saw it: the impersonated user where there was one. */
export interface ObservedSubject {
  readonly user: string
  readonly groups: readonly string[]
  readonly requests: readonly ObservedRequest[]
}
export type ObservedRequest = {
  /** How often, and when last (RFC 3339). */
  readonly count: number
  readonly last: string
  /** `denied`: answered 403 every time, so nothing that works needs it. */
  readonly was: 'allowed' | 'denied'
  /**
   * Not asked for by itself: what the API server may have asked besides, to answer another request (`bind` for a write of a
   * binding, `approve` for an approval). A right to it is not unused; nobody who lacks it needs it.
   */
  readonly derived?: true
} & (
  | {
      readonly verb: string
      readonly group: string
      readonly resource: string
      readonly subresource?: string
      readonly namespace?: string
      /** As the authorizer sees it: none for create and for an unselected list. */
      readonly name?: string
      /** More names than are kept: the request was made for any. */
      readonly anyName?: true
    }
  /** Without its query; `/logs/*` where there were more than are kept. */
  | { readonly verb: string; readonly path: string }
)
