/** Policies of every dialect in one form, which network-reach.ts evaluates. One file a dialect compiles into it. */
import type { ObjectRef, Path } from '../model/index.ts'
import type { End, PodEnd } from './network-ends.ts'
import type { NamespaceFacts } from './network-isolation-policy.ts'
import type { PortSet } from './network-ports.ts'

type Labels = Readonly<Record<string, string>>

/** A selector; equal `key`s select the same, whatever objects they come from. */
export interface Matcher<T> {
  readonly key: string
  /** For sure. */
  matches(value: T): boolean
  /** Where it cannot always be told: perhaps, or for sure. Absent: there is no doubt. */
  mayMatch?(value: T): boolean
  /** A label without which it never matches, not even perhaps: saves asking it about most pods. */
  readonly needs?: readonly [key: string, value: string]
}

/** Who the other end may be. */
export type PeerMatch =
  /** Pods with addresses of their own (never those of the host network). */
  | { readonly is: 'pods'; readonly namespaces: Matcher<NamespaceFacts>; readonly pods: Matcher<Labels> }
  /**
   * Whatever has such an address. `pods`: do addresses of pods count as well? Plain NetworkPolicy leaves that open in words, its
   * conformance tests ask for it, and Cilium does not do it.
   */
  | {
      readonly is: 'addresses'
      readonly cidr: string
      readonly except: readonly string[]
      readonly pods: 'yes' | 'no' | 'perhaps'
      /** Cilium does not know nodes by their addresses either (nor what runs on their network), unless policyCIDRMatchMode says so. */
      readonly nodes?: 'no' | 'perhaps'
    }
  /** Nodes, and what runs with their addresses. */
  | { readonly is: 'nodes'; readonly nodes: Matcher<Labels> }
  /** Everything outside of the cluster. */
  | { readonly is: 'world' }
  | { readonly is: 'everything' }
  /** What it matches cannot be told from here (a host name, a set that is not read). `why` is one clause. */
  | { readonly is: 'vague'; readonly why: string }

export interface PolicyRule {
  readonly action: 'allow' | 'deny' | 'pass'
  readonly peers: readonly PeerMatch[]
  /** Ports at the destination; names are those of its containers (`destination` is the pod that is selected, for ingress). */
  ports(destination: End): PortSet
  /** What `ports` answers for every destination, where names of ports have no part in it. */
  readonly fixed?: PortSet
  /** It matches no more than that, but may match less: rules about HTTP paths, service accounts, and the like. */
  readonly vague?: string
  /** Where it stands in the policy: `spec.ingress[0]`. */
  readonly at: Path
}

/** What a policy says of one direction. */
export interface PolicyDirection {
  /** Pods that it selects take (or send) nothing but what some rule of its tier allows. */
  readonly isolates: boolean
  readonly rules: readonly PolicyRule[]
}

export interface CompiledPolicy {
  readonly ref: ObjectRef
  /**
   * Tiers are asked one after another, the lowest first. In a tier the first rule that matches decides, in the order of `order`.
   * Where none matches: denied if a policy of the tier isolates the pod, else on to the next tier. After the last tier: allowed.
   */
  readonly tier: number
  readonly order: number
  /**
   * Absent: of all such policies of one order, deny comes before pass before allow. Else its rules are asked as they are written, and
   * policies of one order by this text; where that is the same too, nobody knows which of them is asked first.
   */
  readonly sequence?: string
  /** Absent: of every namespace. */
  readonly namespace?: string
  /** For sure. Never asked about pods of the host network. */
  selects(pod: PodEnd): boolean
  /** Where it cannot always be told: perhaps, or for sure. Absent: there is no doubt. */
  maySelect?(pod: PodEnd): boolean
  /** A label without which it selects no pod, not even perhaps. */
  readonly needs?: readonly [key: string, value: string]
  /** Why it is not known whether it selects a pod or not; such a policy is taken as what it may be. */
  readonly vague?: string
  readonly ingress?: PolicyDirection
  readonly egress?: PolicyDirection
}

/** AdminNetworkPolicy and ClusterNetworkPolicy of tier Admin, then NetworkPolicy and the plugins' own, then the baselines. */
export const TIER = { admin: 100, policy: 500, baseline: 900 } as const
/** NetworkPolicies among Calico's own policies of the tier `default`. */
export const ORDER_OF_NETWORK_POLICY = 1000
