import { afterAll, beforeAll, describe } from 'vitest'
import { whyNoBinaries } from './binaries.ts'
import { type Cluster, type ClusterOptions, programsFor, startCluster } from './cluster.ts'
import { whyNoPolicies } from './nodes/policies.ts'
import { whyNoNode } from './nodes/programs.ts'

const minute = 60_000

/**
 * A `describe` with one cluster for all its tests, started before them and stopped after them.
 * Where there is none to be had, or no real node for the option `nodes`, it is skipped by name, with the reason on the console.
 */
export function describeCluster(name: string, options: ClusterOptions, tests: (cluster: () => Cluster) => void): void {
  const reason =
    whyNoBinaries(programsFor(options)) ?? (options.nodes ? whyNoNode() : undefined) ?? (options.policies ? whyNoPolicies() : undefined)
  if (reason) {
    console.warn(`SKIPPED e2e: ${name}: ${reason}`)
    describe.skip(name, () => tests(notRunning))
    return
  }
  // Rollouts and restarts take seconds on a busy machine.
  describe(name, { timeout: 2 * minute }, () => {
    let cluster: Cluster | undefined
    beforeAll(async () => {
      cluster = await startCluster(options)
      // The first start on a machine builds Kubernetes.
    }, 15 * minute)
    afterAll(async () => {
      await cluster?.stop()
    }, 2 * minute)
    tests(() => cluster ?? notRunning())
  })
}

/** The same with one real node, on which pods really run, and what it takes to roll out to it. */
export function describeNode(name: string, options: ClusterOptions, tests: (cluster: () => Cluster) => void): void {
  describeCluster(name, { controllerManager: true, scheduler: true, nodes: 1, ...options }, tests)
}

function notRunning(): never {
  throw new Error('the cluster runs only while tests run: call cluster() inside a test or hook')
}
