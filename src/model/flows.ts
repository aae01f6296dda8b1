/** What a record of network flows (Hubble, conntrack, JSON lines of one's own) says of who talks to whom. */

/** Distinct flows, counted; never a payload. */
export interface ObservedFlows {
  /** The files, as they were named; `-` is standard input. */
  readonly from: readonly string[]
  /** Records that counted. */
  readonly records: number
  /** RFC 3339, of the first and the last record that says when; absent where none does (a conntrack dump). */
  readonly since?: string
  readonly until?: string
  readonly flows: readonly ObservedFlow[]
  /** Says why the record proves less than it seems: lines that could not be read, a short window, addresses that nobody owns now. */
  readonly doubts: readonly string[]
  /** Some flows are left out, because there were more than are kept. */
  readonly partial?: true
}
/** Who opened a connection to whom: replies are turned round, or left out. */
export interface ObservedFlow {
  readonly source: FlowEnd
  readonly destination: FlowEnd
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  /** At the destination, after Services are translated where the record says so. */
  readonly port: number
  /** How often, and when last (RFC 3339). */
  readonly count: number
  readonly last?: string
  /** `dropped`: every time, so nothing that works needs it. */
  readonly was: 'forwarded' | 'dropped'
}
/** As far as the record names it: an address, a pod, or both; for addresses outside the names they were looked up by. */
export interface FlowEnd {
  readonly ip?: string
  readonly namespace?: string
  readonly pod?: string
  /** Kind and name of its top controller, where the record says so. */
  readonly workload?: { readonly kind: string; readonly name: string }
  readonly labels?: Readonly<Record<string, string>>
  readonly names?: readonly string[]
  /** `host`, `remote-node`, `world`, `kube-apiserver`: as Cilium calls what is no pod. */
  readonly entity?: string
  /** Of `host`: which node that is, where the record says so. */
  readonly node?: string
}
