import { describe, expect, it } from 'vitest'
import capabilitiesAdded from '../../src/controls/nodes-and-pods/pod-capabilities-added.ts'
import dropAll from '../../src/controls/nodes-and-pods/pod-capabilities-drop-all.ts'
import escalation from '../../src/controls/nodes-and-pods/pod-privilege-escalation.ts'
import privileged from '../../src/controls/nodes-and-pods/pod-privileged.ts'
import type { Change, Proposal } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const set = (container: string, over = '') =>
  `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop, uid: u1}\nspec: {template: {spec: {${over}containers: [{name: app, image: a, ${container}}]}}}\n`
const running = (uid: number) =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: {name: db-0, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]}\nspec: {containers: [{name: app, image: a}]}\nstatus: {phase: Running, containerStatuses: [{name: app, user: {linux: {uid: ${uid}}}}]}\n`
const edits = (proposal: Proposal) =>
  'changes' in proposal ? proposal.changes.flatMap((change: Change) => (change.type === 'edit' ? change.edits : [])) : []
const field = (name: string, ...more: string[]) => [
  'spec',
  'template',
  'spec',
  'containers',
  { name: 'app' },
  'securityContext',
  name,
  ...more,
]

describe('privilege escalation', () => {
  const propose = (text: string, alongside = {}) => proposals('pod-privilege-escalation', escalation, text, {}, alongside)[0]!.proposal

  it('is refused by the API server for a privileged container, unless that is mended in the same plan', () => {
    const text = set('securityContext: {privileged: true}')
    expect(propose(text)).toEqual({ refused: expect.stringContaining('pod-privileged') })
    expect(propose(text, { 'pod-privileged': privileged })).toMatchObject({
      changes: [{ edits: [{ set: field('allowPrivilegeEscalation'), to: false }] }],
    })
  })

  it('is refused beside SYS_ADMIN, in whatever spelling, unless that is mended in the same plan', () => {
    for (const name of ['SYS_ADMIN', 'CAP_SYS_ADMIN']) {
      const text = set(`securityContext: {capabilities: {add: [${name}]}}`)
      expect(propose(text)).toHaveProperty('refused')
      expect(propose(text, { 'pod-capabilities-added': capabilitiesAdded })).toHaveProperty('changes')
    }
  })

  it('is harmless for root, which has nothing to gain, and without capabilities to gain', () => {
    expect(propose(set('securityContext: {}') + running(0))).toMatchObject({ risk: 'restarts-pods' })
    expect(propose(set('securityContext: {runAsUser: 1000, capabilities: {drop: [ALL]}}'))).toMatchObject({ risk: 'restarts-pods' })
  })

  it('is harmless for a user other than root that asks for nothing more', () => {
    expect(propose(set('securityContext: {runAsUser: 1000}'))).toMatchObject({ risk: 'restarts-pods' })
    expect(propose(set('securityContext: {}') + running(1000))).toMatchObject({ risk: 'restarts-pods' })
    expect(propose(set('securityContext: {runAsNonRoot: true}'))).toMatchObject({ risk: 'restarts-pods' })
  })

  it('may break where the user is not known, or where the specification asks for more', () => {
    expect(propose(set('ports: []'))).toMatchObject({ risk: 'may-break' })
    expect(propose(set('securityContext: {runAsUser: 1000, allowPrivilegeEscalation: true}'))).toMatchObject({ risk: 'may-break' })
    expect(propose(set('securityContext: {runAsUser: 1000, capabilities: {add: [NET_RAW]}}'))).toMatchObject({
      risk: 'may-break',
      mayBreak: ['programs that get NET_RAW from their file no longer do'],
    })
  })

  it('lets a server go on listening on a low port that it has by a capability of its file', () => {
    const text = set('securityContext: {runAsUser: 1000}, ports: [{containerPort: 80}]')
    const sysctls = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }]
    expect(edits(propose(text))).toContainEqual({ set: ['spec', 'template', 'spec', 'securityContext', 'sysctls'], to: sysctls })
    expect(propose(text)).toMatchObject({ risk: 'restarts-pods' })
    // On the network of the node a pod has no sysctls of its own.
    const onNode = set('securityContext: {runAsUser: 1000}, ports: [{containerPort: 80}]', 'hostNetwork: true, ')
    expect(edits(propose(onNode))).toHaveLength(1)
    expect(propose(onNode)).toMatchObject({ risk: 'may-break' })
  })
})

describe('capabilities', () => {
  it('beyond the baseline are removed, the others stay', () => {
    const [one] = proposals('pod-capabilities-added', capabilitiesAdded, set('securityContext: {capabilities: {add: [NET_RAW, CHOWN]}}'))
    expect(edits(one!.proposal)).toEqual([{ set: field('capabilities', 'add'), to: ['CHOWN'] }])
    expect(one!.proposal).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringMatching(/^ping and other raw sockets fail/)] })
  })

  it('agree with dropping all of them in the same plan', () => {
    const text = set('securityContext: {capabilities: {add: [NET_RAW, CHOWN]}}')
    const [one] = proposals('pod-capabilities-added', capabilitiesAdded, text, {}, { 'pod-capabilities-drop-all': dropAll })
    const [all] = proposals('pod-capabilities-drop-all', dropAll, text)
    expect(edits(one!.proposal)).toEqual([{ unset: field('capabilities', 'add') }])
    expect(edits(all!.proposal)).toContainEqual({ unset: field('capabilities', 'add') })
  })

  it('are dropped, all but the right to a port below 1024 that is declared', () => {
    const low = proposals('pod-capabilities-drop-all', dropAll, set('ports: [{containerPort: 80}]'))[0]!.proposal
    expect(edits(low)).toEqual([
      { set: field('capabilities', 'drop'), to: ['ALL'] },
      { set: field('capabilities', 'add'), to: ['NET_BIND_SERVICE'] },
    ])
    expect(edits(proposals('pod-capabilities-drop-all', dropAll, set('ports: [{containerPort: 8080}]'))[0]!.proposal)).toEqual([
      { set: field('capabilities', 'drop'), to: ['ALL'] },
    ])
  })

  it('are dropped without harm only where there is nothing to lose', () => {
    const risk = (text: string) =>
      proposals('pod-capabilities-drop-all', dropAll, text).map(({ proposal }) => 'risk' in proposal && proposal.risk)
    expect(risk(set('securityContext: {runAsUser: 1000, allowPrivilegeEscalation: false}'))).toEqual(['restarts-pods'])
    expect(risk(set('securityContext: {runAsUser: 1000}'))).toEqual(['restarts-pods'])
    expect(risk(set('securityContext: {runAsUser: 1000, capabilities: {add: [SETUID]}}'))).toEqual(['may-break'])
    expect(risk(set('ports: []'))).toEqual(['may-break'])
    expect(risk(set('securityContext: {allowPrivilegeEscalation: false}') + running(0))[0]).toBe('may-break')
    expect(risk(set('securityContext: {runAsUser: 0}'))).toEqual(['may-break'])
  })
})
