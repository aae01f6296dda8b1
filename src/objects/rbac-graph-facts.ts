/** What is known of a cluster beside its roles and bindings, as far as ways to cluster-admin depend on it. */
import type { Operator } from './rbac-graph-operators.ts'

/** A pod that runs; in files, one that a workload there would make. */
export interface Running {
  readonly namespace: string
  /** Of the pod; in files of its workload. */
  readonly name: string
  readonly node?: string
  readonly account: string
  /** It holds the token of its account. */
  readonly token: boolean
  /** Its containers have the node: the baseline level would refuse it for what it shares with the node. */
  readonly onNode: boolean
  readonly mirror: boolean
  /** Its containers do not run yet: there is nothing to enter, and no token on its node. */
  readonly waits?: true
}
export interface GraphWorld {
  /** Of everything below but names and what runs: equal facts have equal digests. */
  readonly digest: string
  /** By workload; a list stays the very same while its workload does. */
  readonly groups: readonly (readonly Running[])[]
  readonly running: readonly Running[]
  /** Undefined: every account that is named exists (files, or accounts could not be read). */
  readonly accounts: ReadonlySet<string> | undefined
  /** `namespace` → whether a privileged pod is let in; namespaces that are not here are `unseen`. */
  readonly open: ReadonlyMap<string, boolean>
  /** Token Secrets of the old kind: `namespace` → name of the Secret → name of its account. */
  readonly legacy: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** No part of the digest: it matters only for rules that name the Secret that would be made. */
  readonly hasSecret: (namespace: string, name: string) => boolean
  /** `Deployment:shop` → names. What can be changed instead of made. */
  readonly templates: ReadonlyMap<string, ReadonlySet<string>>
  readonly controlPlane: ReadonlySet<string>
  readonly nodes: ReadonlySet<string>
  /** The ConfigMap by which EKS maps cloud identities to groups. */
  readonly awsAuth: boolean
  /** Mutating ones that could be changed; undefined where they were not read. */
  readonly webhooks: ReadonlySet<string> | undefined
  /** `plural.group` of definitions. */
  readonly definitions: ReadonlySet<string>
  /** Up to 1.34, get is enough for exec over a WebSocket. */
  readonly execByGet: boolean
  /** From 1.36 on: the modes of KEP-5284. */
  readonly constrained: boolean
  readonly operators: readonly Operator[]
}
