/** Connections that something in the cluster shows to be needed. Both sides of a policy are made of one list of them, so they agree. */
import type { NetworkPolicyPort } from '../model/index.ts'
import type { Workload } from './workloads.ts'

/** Who is at one end. */
export type Side =
  /** The pods of these. `exact`: named pod by pod even where callers are let in by their namespace. */
  | { readonly is: 'workloads'; readonly workloads: readonly Workload[]; readonly exact?: true }
  /** Pods that are not there yet: a Service names them. */
  | { readonly is: 'selector'; readonly namespace: string; readonly labels: Readonly<Record<string, string>> }
  | { readonly is: 'namespace'; readonly name: string }
  | { readonly is: 'every pod' }
  /** Inside or outside of the cluster, nodes and the API server too. */
  | { readonly is: 'anywhere' }
  | { readonly is: 'addresses'; readonly cidrs: readonly string[] }

export interface Edge {
  readonly from: Side
  readonly to: Side
  /** At the destination pod, after Services are translated; absent: every port. */
  readonly ports?: readonly NetworkPolicyPort[]
  /** What to call the destination: of a Service, its name. */
  readonly name: string
  /** What says so; one clause. */
  readonly because: string
}

export const ANYWHERE: Side = { is: 'anywhere' }
export const EVERY_POD: Side = { is: 'every pod' }

/** One address as a range. */
export const hostCidr = (ip: string): string => `${ip}/${ip.includes(':') ? 128 : 32}`

/**
 * The callers where they are known, each with an address of its own; else anywhere. Pods of the host network have the address of
 * their node (and often that of a tunnel), which no selector matches.
 */
export const callersSide = (callers: readonly Workload[]): Side =>
  callers.length === 0 || callers.some(({ spec }) => spec.hostNetwork === true)
    ? ANYWHERE
    : { is: 'workloads', workloads: callers, exact: true }
