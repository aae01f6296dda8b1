import { describe, expect, it } from 'vitest'
import podResources from '../../src/controls/nodes-and-pods/pod-resources.ts'
import type { Json, Proposal } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const deployment = (resources = '', image = 'redis:7') =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {spec: {containers: [{name: app, image: '${image}', resources: {${resources}}}]}}}\n`
const namespace = '---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n'
const range = (limits: string) =>
  `---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: r, namespace: shop}\nspec: {limits: [{type: Container, ${limits}}]}\n`

/** For the one finding about this resource. */
function propose(resource: string, text: string, options: Record<string, Json> = {}): Proposal {
  const all = proposals('pod-resources', podResources, text, options)
  return all.find(({ finding }) => (finding.evidence as { resource: string }).resource === resource)!.proposal
}
const quantitySet = (proposal: Proposal): Json => {
  const [change] = 'changes' in proposal ? proposal.changes : []
  if (change?.type !== 'edit' || !('set' in change.edits[0]!)) throw new Error(JSON.stringify(proposal))
  return change.edits[0].to
}

describe('a container', () => {
  it('is given no number that nobody said', () => {
    expect(propose('memory', deployment())).toMatchObject({
      needs: { option: 'memory', question: expect.stringContaining('app=QUANTITY') },
    })
    expect(propose('cpu', deployment(), { memory: '1Gi' })).toMatchObject({ needs: { option: 'cpu' } })
  })

  it('takes the operator’s number, by container, by image or for all', () => {
    expect(quantitySet(propose('memory', deployment(), { memory: '256Mi' }))).toBe('256Mi')
    expect(quantitySet(propose('memory', deployment(), { memory: 'redis:7=1Gi,other=2Gi' }))).toBe('1Gi')
    expect(quantitySet(propose('memory', deployment(), { memory: '64Mi,redis:7=1Gi,app=2Gi' }))).toBe('2Gi')
    expect(propose('memory', deployment(), { memory: 'other=2Gi' })).toHaveProperty('needs')
  })

  it('warns of what a memory limit does, and of where a request leaves no room', () => {
    expect(propose('memory', deployment(), { memory: '256Mi' })).toMatchObject({
      risk: 'may-break',
      mayBreak: [expect.stringContaining('OOMKilled')],
    })
    expect(propose('cpu', deployment(), { cpu: '100m' })).toMatchObject({
      risk: 'restarts-pods',
      mayBreak: [expect.stringContaining('Pending')],
    })
  })

  it.each([
    ['256', 'too little'],
    ['lots', 'no quantity'],
    ['0', 'no quantity'],
    ['-1Gi', 'no quantity'],
    ['64Mi', 'below'],
  ])('refuses %s', (memory, why) =>
    expect(propose('memory', deployment('requests: {memory: 128Mi}'), { memory })).toMatchObject({ refused: expect.stringContaining(why) }),
  )

  it('gets no limit of its own, and with it a request, where the pod as a whole requests memory', () => {
    const whole = deployment().replace('spec: {containers', 'spec: {resources: {requests: {memory: 64Mi}}, containers')
    expect(propose('memory', whole, { memory: '256Mi' })).toEqual({ byHand: expect.stringContaining('spec.resources.limits.memory') })
  })

  it('stays inside what a LimitRange allows', () => {
    const text = deployment() + range('defaultRequest: {cpu: 1m}, min: {memory: 32Mi}')
    expect(propose('memory', text, { memory: '16Mi' })).toMatchObject({ refused: expect.stringContaining('32Mi') })
    expect(quantitySet(propose('memory', text, { memory: '32Mi' }))).toBe('32Mi')
  })
})

describe('a namespace', () => {
  const filled = deployment('limits: {memory: 1Gi}, requests: {cpu: 1}') + namespace

  it('is bounded only when the operator says how', () => {
    expect(propose('namespace', filled)).toMatchObject({ needs: { option: 'limitRange' } })
  })

  it('gets a LimitRange: a limit and a request of memory, only a request of CPU', () => {
    const proposal = propose('namespace', filled, { limitRange: 'memory=256Mi,cpu=100m' })
    expect(proposal).toMatchObject({
      risk: 'may-break',
      changes: [
        {
          object: {
            kind: 'LimitRange',
            metadata: { namespace: 'shop' },
            spec: { limits: [{ type: 'Container', default: { memory: '256Mi' }, defaultRequest: { memory: '256Mi', cpu: '100m' } }] },
          },
        },
      ],
    })
    expect(propose('namespace', filled, { limitRange: 'cpu=100m' })).toMatchObject({
      risk: 'restarts-pods',
      mayBreak: [expect.stringContaining('made from now on')],
    })
  })

  it('names the pods that a default below their request would keep out', () => {
    const text = deployment('requests: {memory: 1Gi, cpu: 1}') + namespace
    expect(propose('namespace', text, { limitRange: 'memory=256Mi' })).toMatchObject({
      mayBreak: expect.arrayContaining([expect.stringMatching(/request more than 256Mi.* refused: Deployment shop\/web/)]),
    })
  })

  it('never takes a quota for safe, and names the pods that it would refuse', () => {
    const text = deployment() + namespace
    expect(propose('namespace', text, { quota: 'requests.cpu=8,pods=50' })).toMatchObject({
      risk: 'may-break',
      changes: [{ object: { kind: 'ResourceQuota', spec: { hard: { 'requests.cpu': '8', pods: '50' } } } }],
      mayBreak: expect.arrayContaining([expect.stringMatching(/how much cpu they need .*: Deployment shop\/web/)]),
    })
    expect(propose('namespace', text, { quota: 'secrets=5' })).toHaveProperty('refused')
  })
})
