import { describe, expect, it } from 'vitest'
import placement from '../../src/controls/nodes-and-pods/pod-placement.ts'
import type { Json, Proposal } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const CONTROL_PLANE = "---\napiVersion: v1\nkind: Node\nmetadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ''}}\n"
const node = (name: string, taint = '', labels = '') =>
  `---\napiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: {${labels}}}\nspec: {taints: [${taint}]}\n`
const CP_TAINTED = `${CONTROL_PLANE}spec: {taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]}\n`
const workload = (spec: string, kind = 'Deployment', namespace = 'shop') =>
  `---\napiVersion: apps/v1\nkind: ${kind}\nmetadata: {name: web, namespace: ${namespace}, uid: u1}\nspec: {template: {spec: {${spec}, containers: [{name: a, image: a}]}}}\n`
const podOn = (at: string, kind = 'Deployment') =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ${kind}, name: web, uid: u1, controller: true}]}\nspec: {nodeName: ${at}, containers: [{name: a, image: a}]}\nstatus: {phase: Running}\n`
const tagged = (tag: string) => `---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {k8s-harden.io/${tag}: 'true'}}\n`
const runtime = (name: string, handler: string) =>
  `---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: ${name}}\nhandler: ${handler}\n`

function propose(is: string, text: string, options: Record<string, Json> = {}): Proposal {
  const all = proposals('pod-placement', placement, text, options)
  const found = all.find(({ finding }) => (finding.evidence as unknown as { is: string }).is === is)
  if (found === undefined) throw new Error(`no finding ${is}: ${JSON.stringify(all)}`)
  return found.proposal
}
const EVERYTHING = 'tolerations: [{operator: Exists}]'

describe('the taint of a control-plane node', () => {
  const pinned = "nodeSelector: {node-role.kubernetes.io/control-plane: ''}"

  it('keeps the taints that are there, and says what happens to the pods', () => {
    const text = `${CONTROL_PLANE}spec: {taints: [{key: a, effect: PreferNoSchedule}]}\n${node('w')}${workload('dnsPolicy: Default')}${podOn('cp-1')}`
    expect(propose('untainted', text)).toMatchObject({
      risk: 'may-break',
      changes: [
        {
          target: { kind: 'Node', name: 'cp-1' },
          edits: [
            {
              set: ['spec', 'taints'],
              to: [
                { key: 'a', effect: 'PreferNoSchedule' },
                { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
              ],
            },
          ],
        },
      ],
      mayBreak: [expect.stringContaining('stay until'), 'next made elsewhere: Deployment shop/web'],
    })
  })

  it('names the workloads that no other node would take', () => {
    expect(propose('untainted', CONTROL_PLANE + node('w') + workload(pinned))).toMatchObject({
      mayBreak: expect.arrayContaining([expect.stringMatching(/Pending.*: Deployment shop\/web$/)]),
    })
  })

  it('is not set where there is no worker', () => {
    const other = CONTROL_PLANE.replaceAll('cp-1', 'cp-2')
    expect(propose('untainted', CONTROL_PLANE + other)).toMatchObject({ byHand: expect.stringContaining('join workers') })
  })
})

describe('a toleration of everything', () => {
  it('is taken away alone, and harmlessly where a node takes the pods without it', () => {
    const text = CP_TAINTED + node('w') + workload('tolerations: [{operator: Exists}, {key: gpu, operator: Exists}]')
    expect(propose('tolerant', text)).toMatchObject({
      risk: 'restarts-pods',
      changes: [{ edits: [{ set: ['spec', 'template', 'spec', 'tolerations'], to: [{ key: 'gpu', operator: 'Exists' }] }] }],
    })
  })

  it.each([
    ['every other node has a taint', CP_TAINTED + node('w', '{key: team, value: a, effect: NoSchedule}') + workload(EVERYTHING), 'Pending'],
    [
      'the selector asks for the tainted node',
      CP_TAINTED + node('w') + workload(`nodeSelector: {node-role.kubernetes.io/control-plane: ''}, ${EVERYTHING}`),
      'nodeSelector',
    ],
    [
      'the only other node is cordoned',
      `${CP_TAINTED}${node('w').replace('spec: {', 'spec: {unschedulable: true, ')}${workload(EVERYTHING)}`,
      'cordoned',
    ],
    ['a DaemonSet would leave nodes', CP_TAINTED + node('w') + workload(EVERYTHING, 'DaemonSet'), 'leave cp-1'],
    [
      'the only node that takes them runs the control plane',
      CONTROL_PLANE + node('w', '{key: team, value: a, effect: NoSchedule}') + workload(EVERYTHING),
      'cp-1: runs the control plane',
    ],
    ['data stays behind', CP_TAINTED + node('w') + workload(EVERYTHING, 'StatefulSet') + podOn('cp-1', 'StatefulSet'), 'volume'],
  ])('may break where %s', (_why, text, word) =>
    expect(propose('tolerant', text)).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining(word)] }),
  )

  it('is not called harmless where nodes could not be read', () => {
    const text = `${workload(EVERYTHING)}---\napiVersion: k8s-harden.test/v1\nkind: World\nunread: [{what: Node, why: forbidden, because: no nodes (403), answer: allow}]\n`
    expect(propose('tolerant', text)).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining('403')] })
  })
})

describe('sensitive workloads', () => {
  const label = 'node-restriction.kubernetes.io/tier=secret'
  const vault = node('vault-1', '{key: dedicated, value: secret, effect: NoSchedule}', 'node-restriction.kubernetes.io/tier: secret')
  const text = tagged('sensitive') + node('w') + workload('dnsPolicy: Default')

  it('wait for the operator to say where', () => {
    expect(propose('spread', text)).toMatchObject({ needs: { option: 'sensitiveNodes' } })
  })

  it('get the selector, and the toleration that these nodes ask for', () => {
    expect(propose('spread', text + vault, { sensitiveNodes: label })).toMatchObject({
      risk: 'may-break',
      changes: [
        {
          edits: [
            { set: expect.arrayContaining(['nodeSelector', 'node-restriction.kubernetes.io/tier']), to: 'secret' },
            {
              set: expect.arrayContaining(['tolerations']),
              to: [{ key: 'dedicated', operator: 'Equal', value: 'secret', effect: 'NoSchedule' }],
            },
          ],
        },
      ],
    })
  })

  it.each([
    ['no node has it', label, 'no node has the label'],
    ['a kubelet may set it', 'tier=secret', 'must read node-restriction'],
  ])('are not sent to a label where %s', (_why, sensitiveNodes, words) =>
    expect(propose('spread', text, { sensitiveNodes })).toMatchObject({ refused: expect.stringContaining(words) }),
  )
})

describe('untrusted workloads', () => {
  const text = tagged('untrusted') + node('w') + workload('dnsPolicy: Default')

  it('run in a sandbox that is there, and in no other RuntimeClass', () => {
    expect(propose('unsandboxed', text + runtime('plain', 'runc') + runtime('vm', 'kata-qemu'))).toMatchObject({
      risk: 'may-break',
      changes: [{ edits: [{ to: 'vm' }] }],
    })
    expect(propose('unsandboxed', text + runtime('plain', 'runc'), { runtimeClass: 'plain' })).toHaveProperty('refused')
    expect(propose('unsandboxed', text, { runtimeClass: 'gvisor' })).toHaveProperty('refused')
    expect(propose('unsandboxed', text)).toMatchObject({ byHand: expect.stringContaining('create a RuntimeClass') })
  })

  it('are not put into one that cannot give them what they use of their node', () => {
    expect(propose('unsandboxed', tagged('untrusted') + workload('hostNetwork: true') + runtime('vm', 'kata'))).toHaveProperty('refused')
  })
})
