import { describe, expect, it } from 'vitest'
import seccomp from '../../src/controls/nodes-and-pods/pod-seccomp.ts'
import { proposals } from './proposals.ts'

const node = (name: string, more = '{}') =>
  `---\napiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: {disk: ssd}}\nspec: ${more}\n`
const web = (pod: string, deployment = '') =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, uid: d}\nspec: {${deployment}template: {spec: {${pod}, containers: [{name: app, image: a, ports: [{containerPort: 80}]}]}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]}\nspec: {containers: [{name: app, image: a}]}\nstatus: {phase: Running}\n`
const risk = (text: string) => {
  const { proposal } = proposals('pod-seccomp', seccomp, text)[0]!
  return 'changes' in proposal ? proposal.risk : undefined
}
const ON_NODE = 'hostNetwork: true'

describe('a roll-out of pods that take ports of their node', () => {
  it('may get stuck where every node that takes them has one already', () => {
    expect(risk(web(ON_NODE) + node('a'))).toBe('may-break')
    expect(risk(web(ON_NODE) + node('a') + node('b', '{unschedulable: true}'))).toBe('may-break')
    expect(risk(web(ON_NODE) + node('a') + node('b', '{taints: [{key: x, effect: NoSchedule}]}'))).toBe('may-break')
    expect(risk(web(`${ON_NODE}, nodeSelector: {disk: hdd}`) + node('a') + node('b'))).toBe('may-break')
    expect(risk(web(ON_NODE))).toBe('may-break')
  })

  it('goes on where a node is free, or an old pod goes first', () => {
    expect(risk(web(ON_NODE) + node('a') + node('b'))).toBe('restarts-pods')
    expect(
      risk(web(`${ON_NODE}, tolerations: [{operator: Exists}]`) + node('a') + node('b', '{taints: [{key: x, effect: NoSchedule}]}')),
    ).toBe('restarts-pods')
    expect(risk(web(ON_NODE, 'strategy: {type: Recreate}, ') + node('a'))).toBe('restarts-pods')
    expect(risk(web(ON_NODE, 'replicas: 4, ') + node('a'))).toBe('restarts-pods')
    expect(risk(web(ON_NODE, 'replicas: 3, ') + node('a'))).toBe('may-break')
    expect(risk(web(ON_NODE, 'strategy: {rollingUpdate: {maxUnavailable: 1}}, ') + node('a'))).toBe('restarts-pods')
  })

  it('is like any other where they take none', () => {
    expect(risk(web('hostUsers: true') + node('a'))).toBe('restarts-pods')
  })
})

describe('a roll-out of a pod that writes to a claim', () => {
  const claimed = (mount: string, deployment = '') =>
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, uid: d}\nspec: {${deployment}template: {spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], containers: [{name: app, image: a${mount}}]}}}\n${node('a')}${node('b')}`
  const WRITES = ', volumeMounts: [{name: d, mountPath: /d}]'

  it('may get stuck where it has been the only one', () => {
    const { proposal } = proposals('pod-seccomp', seccomp, claimed(WRITES))[0]!
    expect(proposal).toMatchObject({ risk: 'may-break', mayBreak: expect.arrayContaining([expect.stringContaining('claim data')]) })
  })

  it('goes on where the old pod goes first, where several share it, and where nothing is written', () => {
    expect(risk(claimed(WRITES, 'strategy: {type: Recreate}, '))).toBe('restarts-pods')
    expect(risk(claimed(WRITES, 'replicas: 2, '))).toBe('restarts-pods')
    expect(risk(claimed(', volumeMounts: [{name: d, mountPath: /d, readOnly: true}]'))).toBe('restarts-pods')
    expect(risk(claimed(''))).toBe('restarts-pods')
  })
})
