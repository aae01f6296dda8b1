/** Flags that the operator is to set himself: what, where, and in what order. */
import type { RancherSeen } from '../src/model/index.ts'
import type { Distribution } from '../src/objects/distribution.ts'
import type { FlagValues, HostFile } from '../src/objects/flag-edits.ts'
import type { Component, ComponentInstance } from '../src/objects/flags.ts'
import type { ManifestOfNode } from './flag-runbook.ts'

export interface Handover {
  readonly component: Component
  readonly values: FlagValues
  readonly files: readonly HostFile[]
  readonly instances: readonly ComponentInstance[]
  /** Every node that runs the component, with what changes there. */
  readonly nodes: readonly ManifestOfNode[]
  /** The ConfigMap that kubeadm keeps is there; undefined: not read. */
  readonly configMap: boolean | undefined
  /** Copies are named after it: those of another plan are not taken for the old state of this one. */
  readonly stamp: string
  /** Name of the file, where the flags wait for something that other flags of the component must not wait for. */
  readonly step?: string
  readonly distribution: Distribution
  /** How k3s or RKE2 is configured on the nodes that are reached and run a control plane. */
  readonly servers: readonly RancherSeen[]
  /** What the tool that made the cluster is to be told, or it takes the flags away again. */
  readonly maker?: string
  readonly minor: number | undefined
  /** Steps that come before the flags are touched, such as placing the files they name. */
  readonly first: readonly string[]
  /** How to see that it worked, beside scanning again. */
  readonly verify: readonly string[]
  readonly undoFirst: readonly string[]
}
