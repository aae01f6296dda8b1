/**
 * The engine against the oracle: random clusters, every pair of ends, some ports of each protocol, once pair by pair and once by rows.
 * NETWORK_REACH_RUNS makes longer runs.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AddressEnd, type End, nodeEnds } from '../../src/objects/network-ends.ts'
import { hasPort, PROTOCOLS, samePorts } from '../../src/objects/network-ports.ts'
import { reach } from '../../src/objects/network-reach.ts'
import { type OracleEnd, type OracleWorld, outcomes } from './network-reach-oracle.ts'
import { IPS, objectsOf, PORTS, type RandomWorld, worldOf } from './network-reach-worlds.ts'
import { viewOf } from './rbac-graph-worlds.ts'

const RUNS = Number(process.env['NETWORK_REACH_RUNS'] ?? 2_000)

/** The ends of a world twice: as the engine has them, and as the oracle does. */
function endsOf(world: RandomWorld): { known: ReturnType<typeof reach>; ends: readonly (readonly [End, OracleEnd])[] } {
  const view = viewOf(objectsOf(world))
  const known = reach(view)
  const pods = world.pods.flatMap((pod, at): (readonly [End, OracleEnd])[] => {
    if (pod.as === 'over' || pod.as === 'going') return []
    const end = known.ends.find(({ workload }) => workload.ref.name === `pod-${at}`)!
    const isTemplate = pod.as === 'template'
    const { node, ...rest } = pod
    return [[end, { ...rest, is: 'pod', isTemplate, ips: isTemplate ? [] : pod.ips, ...(node !== undefined && !isTemplate && { node }) }]]
  })
  const nodes = nodeEnds(view).map((node): readonly [End, OracleEnd] => [node, { is: 'node', name: node.name }])
  const addresses = [IPS[7], IPS[2]].map((ip): readonly [End, OracleEnd] => [
    { is: 'address', ip } satisfies AddressEnd,
    { is: 'address', ip },
  ])
  expect(known.ends.length, 'every live pod and template, and nothing else').toBe(pods.length)
  return { known, ends: [...pods, ...nodes, ...addresses] }
}

interface Verdicts {
  open: number
  denied: number
  doubtful: number
}
function compare(world: RandomWorld, samples: readonly number[], count: Verdicts): void {
  const { known, ends } = endsOf(world)
  const oracle: OracleWorld = world
  for (const [from, fromThere] of ends)
    for (const [to, toThere] of ends) {
      if (from.is !== 'pod' && to.is !== 'pod') continue
      const { ports, perhaps } = known.connection(from, to)
      for (const protocol of PROTOCOLS)
        for (const number of samples) {
          const may = outcomes(oracle, fromThere, toThere, protocol, number)
          const said = { sure: hasPort(ports, protocol, number), perhaps: hasPort(perhaps, protocol, number) }
          if (said.sure !== !may.has(false) || said.perhaps !== may.has(true))
            expect(said, `${protocol} ${number} from ${JSON.stringify(fromThere)} to ${JSON.stringify(toThere)}`).toEqual({
              sure: !may.has(false),
              perhaps: may.has(true),
            })
          count[said.sure ? 'open' : said.perhaps ? 'doubtful' : 'denied']++
        }
    }
  for (const to of known.groups) {
    const row = known.into(to)
    expect(row.flatMap(({ from }) => from).length, 'each group once').toBe(known.groups.length)
    for (const { from, connection } of row)
      for (const source of from.flatMap((group) => group.ends))
        for (const target of to.ends) {
          if (known.isBeyondPolicies(source, target) !== 0) continue
          const pair = known.connection(source, target)
          expect(samePorts(pair.ports, connection.ports) && samePorts(pair.perhaps, connection.perhaps), 'by rows as pair by pair').toBe(
            true,
          )
        }
  }
}

const samples = fc.uniqueArray(fc.constantFrom(...PORTS), { minLength: 2, maxLength: 2 })
test.each([
  ['as the API server takes them', false],
  ['as only files may hold them', true],
])(`${RUNS} random clusters, %s: no verdict differs from the oracle's`, { timeout: 240_000 }, (_, odd) => {
  const count: Verdicts = { open: 0, denied: 0, doubtful: 0 }
  let cases = 0
  fc.assert(
    fc.property(worldOf(odd), samples, (world, those) => {
      cases++
      compare(world, those, count)
    }),
    { numRuns: RUNS },
  )
  process.stderr.write(`${cases} random clusters: ${JSON.stringify(count)}\n`)
  expect(cases).toBeGreaterThanOrEqual(RUNS)
  const all = count.open + count.denied + count.doubtful
  for (const one of Object.values(count)) expect(one, 'some of each').toBeGreaterThan(all / 100)
})
