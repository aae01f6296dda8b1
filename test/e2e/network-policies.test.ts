/**
 * The policies of the reachability tests beside the real API server: it takes those that are called valid and refuses those that are not,
 * and what it fills in changes no verdict. NETWORK_POLICY_RUNS makes longer runs.
 */
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { portsText } from '../../src/objects/network-ports.ts'
import { reach } from '../../src/objects/network-reach.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { CASES } from '../objects/network-conformance.ts'
import { objectsOf, type RandomWorld, worldOf } from '../objects/network-reach-worlds.ts'
import { viewOf } from '../objects/rbac-graph-worlds.ts'
import { createNamespace, inParallel } from './pod-security-verdicts.ts'

const RUNS = Number(process.env['NETWORK_POLICY_RUNS'] ?? 120)
const SEED = 7

/** As the server would store it: nothing is stored. */
async function sent(cluster: Cluster, policy: KubeObject): Promise<{ readonly stored?: KubeObject; readonly refused?: string }> {
  const path = `/apis/networking.k8s.io/v1/namespaces/${policy.metadata.namespace}/networkpolicies?dryRun=All`
  const { status, text } = await cluster.api.request('POST', path, { body: policy })
  return status === 201
    ? { stored: JSON.parse(text) as KubeObject }
    : { refused: `${status} ${(JSON.parse(text) as { message?: string }).message}` }
}
/** Every verdict between the ends of a world. */
function verdicts(world: RandomWorld, policies: readonly KubeObject[]): readonly string[] {
  const known = reach(viewOf(objectsOf({ ...world, policies })))
  return known.ends.flatMap((from, a) =>
    known.ends.map((to, b) => {
      const { ports, perhaps } = known.connection(from, to)
      return `${a} > ${b}: ${portsText(ports)} / ${portsText(perhaps)}`
    }),
  )
}
const isPlain = ({ kind }: KubeObject) => kind === 'NetworkPolicy'

describeCluster('network policies beside the API server', { audit: false }, (cluster) => {
  beforeAll(async () => {
    for (const name of ['x', 'y', 'z']) await createNamespace(cluster(), name, {})
  })

  test('it takes every policy of the truth tables and every random one that is called valid, and what it fills in changes no verdict', {
    timeout: 600_000,
  }, async () => {
    for (const policy of CASES.flatMap(({ stages }) => stages.flatMap(({ policies = [] }) => policies)))
      expect((await sent(cluster(), policy)).refused, JSON.stringify(policy)).toBe(undefined)
    const worlds = fc
      .sample(worldOf(false), { numRuns: RUNS, seed: SEED })
      .map((world) => ({ ...world, policies: world.policies.filter(isPlain) }))
    let [taken, filledIn] = [0, 0]
    await inParallel(worlds, 12, async (world) => {
      const answers = await Promise.all(world.policies.map((policy) => sent(cluster(), policy)))
      expect(
        answers.map(({ refused }) => refused).filter((one) => one !== undefined),
        JSON.stringify(world.policies),
      ).toEqual([])
      const stored = answers.map((one) => one.stored!)
      expect(verdicts(world, stored)).toEqual(verdicts(world, world.policies))
      taken += stored.length
      filledIn += stored.filter((one, at) => JSON.stringify((one as any).spec) !== JSON.stringify((world.policies[at] as any).spec)).length
    })
    process.stderr.write(`${taken} random policies taken, in ${filledIn} of them the server filled something in\n`)
    expect(taken).toBeGreaterThan(RUNS / 2)
    expect(filledIn).toBeGreaterThan(RUNS / 10)
  })

  test('where it takes a policy as only files may hold them, what it makes of it changes no verdict', { timeout: 600_000 }, async () => {
    const worlds = fc
      .sample(worldOf(true), { numRuns: RUNS, seed: SEED })
      .map((world) => ({ ...world, policies: world.policies.filter(isPlain) }))
    let [taken, refused] = [0, 0]
    await inParallel(worlds, 12, async (world) => {
      const answers = await Promise.all(world.policies.map((policy) => sent(cluster(), policy)))
      const kept = world.policies.filter((_, at) => answers[at]!.stored !== undefined)
      expect(
        verdicts(
          world,
          answers.flatMap(({ stored }) => stored ?? []),
        ),
      ).toEqual(verdicts(world, kept))
      taken += kept.length
      refused += world.policies.length - kept.length
    })
    process.stderr.write(`of policies as only files may hold them it took ${taken} and refused ${refused}\n`)
    expect(Math.min(taken, refused)).toBeGreaterThan(RUNS / 10)
  })
})
