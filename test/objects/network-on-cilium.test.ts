import { describe, expect, it } from 'vitest'
import { nodeEnds } from '../../src/objects/network-ends.ts'
import { isNone } from '../../src/objects/network-ports.ts'
import { reach } from '../../src/objects/network-reach.ts'
import { worldOf } from '../helpers/world.ts'

const agent = (name: string, image: string) =>
  `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: ${name}, namespace: kube-system}\nspec: {selector: {matchLabels: {k: ${name}}}, template: {metadata: {labels: {k: ${name}}}, spec: {hostNetwork: true, containers: [{name: agent, image: '${image}'}]}}}\n---\n`
const CILIUM = agent('cilium', 'quay.io/cilium/cilium:v1.17.2')
const CALICO = agent('calico-node', 'quay.io/calico/node:v3.30.0')
const pod = (name: string, ip: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}\nspec: {nodeName: n1, containers: [{name: c, image: i}]}\nstatus: {phase: Running, podIP: ${ip}, podIPs: [{ip: ${ip}}]}\n---\n`
const WORLD = `${pod('web', '10.244.0.5')}${pod('db', '10.244.0.6')}apiVersion: v1
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 10.0.0.2}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: by-address, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}
`
/** Who of web, node n2 and an address outside reaches the database: for sure, or perhaps. */
function reached(agents: string) {
  const { snapshot } = worldOf(agents + WORLD)
  const known = reach(snapshot)
  const named = (name: string) => known.ends.find(({ labels }) => labels['app'] === name)!
  const answer = (from: Parameters<typeof known.connection>[0]) => {
    const { ports, perhaps } = known.connection(from, named('db'))
    return isNone(ports) ? (isNone(perhaps) ? 'no' : 'perhaps') : 'yes'
  }
  return [answer(named('web')), answer(nodeEnds(snapshot)[0]!), answer({ is: 'address', ip: '10.9.9.9' })]
}

describe('a range of addresses in a NetworkPolicy', () => {
  it('holds pods and nodes under most plugins', () => {
    expect(reached('')).toEqual(['yes', 'yes', 'yes'])
    expect(reached(CALICO)).toEqual(['yes', 'yes', 'yes'])
  })

  it('never holds pods on Cilium, and nodes only where its settings say so', () => {
    expect(reached(CILIUM)).toEqual(['no', 'perhaps', 'yes'])
  })

  it('is read as written where another plugin enforces beside Cilium', () => {
    expect(reached(CILIUM + CALICO)).toEqual(['yes', 'yes', 'yes'])
  })

  it('gives the matrix the same answer as one question', () => {
    const known = reach(worldOf(CILIUM + WORLD).snapshot)
    const db = known.ends.find(({ labels }) => labels['app'] === 'db')!
    const web = known.ends.find(({ labels }) => labels['app'] === 'web')!
    const from = known.into(known.groupOf(db)).find((one) => one.from.includes(known.groupOf(web)))
    expect(from === undefined || isNone(from.connection.perhaps)).toBe(true)
  })
})
