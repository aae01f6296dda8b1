import { describe, expect, it } from 'vitest'
import hostNetwork from '../../src/controls/nodes-and-pods/pod-host-network.ts'
import hostPath from '../../src/controls/nodes-and-pods/pod-hostpath.ts'
import seccomp from '../../src/controls/nodes-and-pods/pod-seccomp.ts'
import type { Change, Json, Proposal } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const set = (spec: string, container = '') =>
  `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, namespace: shop}\nspec: {template: {spec: {${spec}, containers: [{name: app, image: a${container}}]}}}\n`
/** Edits, relative to the pod spec. */
const edits = (proposal: Proposal) =>
  ('changes' in proposal ? proposal.changes.flatMap((change: Change) => (change.type === 'edit' ? change.edits : [])) : []).map((edit) =>
    'set' in edit ? { set: edit.set.slice(3), to: edit.to } : { unset: edit.unset.slice(3) },
  )

describe('leaving the network of the node', () => {
  it('gives the pod the DNS of the cluster, and closes the ports the API server opened for it', () => {
    const text = set(
      'hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet',
      ', ports: [{containerPort: 9100, hostPort: 9100}, {containerPort: 80, hostPort: 8080}]',
    )
    const [one] = proposals('pod-host-network', hostNetwork, text)
    expect(edits(one!.proposal)).toEqual([
      { set: ['hostNetwork'], to: false },
      { set: ['dnsPolicy'], to: 'ClusterFirst' },
      { unset: ['containers', { name: 'app' }, 'ports', 0, 'hostPort'] },
    ])
  })

  it('leaves another DNS policy alone', () => {
    expect(edits(proposals('pod-host-network', hostNetwork, set('hostNetwork: true, dnsPolicy: None'))[0]!.proposal)).toEqual([
      { set: ['hostNetwork'], to: false },
    ])
  })
})

describe('a path of the node', () => {
  const text = set(
    'volumes: [{name: logs, hostPath: {path: /var/log, type: Directory}}]',
    ', volumeMounts: [{name: logs, mountPath: /a, readOnly: true}, {name: logs, mountPath: /b}]',
  )
  const propose = (options: Record<string, Json> = {}) => proposals('pod-hostpath', hostPath, text, options)[0]!.proposal

  it('becomes an empty directory, with a warning about what is lost', () => {
    expect(edits(propose())).toEqual([
      { unset: ['volumes', { name: 'logs' }, 'hostPath'] },
      { set: ['volumes', { name: 'logs' }, 'emptyDir'], to: {} },
    ])
    expect(propose()).toMatchObject({
      risk: 'may-break',
      mayBreak: [
        'what lies in /var/log of the node is not seen any more: it starts empty, and its data stays on the node',
        expect.stringContaining('lost with the pod'),
        expect.stringContaining('claim, readOnly or keep (--set pod-hostpath.mode=keep)'),
      ],
    })
  })

  it.each([
    [
      'volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]',
      ', volumeMounts: [{name: s, mountPath: /s}]',
      'it can no longer talk to Docker on the node',
    ],
    [
      'volumes: [{name: s, hostPath: {path: /run/x, type: Socket}}]',
      ', volumeMounts: [{name: s, mountPath: /s}]',
      'it can no longer talk to what listens on /run/x of the node',
    ],
    [
      'volumes: [{name: s, hostPath: {path: /}}]',
      ', volumeMounts: [{name: s, mountPath: /s, readOnly: true}]',
      "it no longer sees the node's /: an agent that reads it goes blind",
    ],
  ])('says what is missed: %s', (volumes, mounts, words) => {
    const [one] = proposals('pod-hostpath', hostPath, set(volumes, mounts))
    expect(one!.proposal).toMatchObject({ risk: 'may-break', mayBreak: expect.arrayContaining([words]) })
  })

  it('is not made harmless by a read-only mount where it is a socket', () => {
    const text = set(
      'volumes: [{name: s, hostPath: {path: /run/docker.sock}}]',
      ', volumeMounts: [{name: s, mountPath: /s, readOnly: true}]',
    )
    const [one] = proposals('pod-hostpath', hostPath, text, { mode: 'readOnly' })
    expect(one!.proposal).toMatchObject({ refused: expect.stringContaining('Docker on the node') })
    expect(one!.finding.severity).toBe('critical')
  })

  it('is missed by nobody where nothing mounts it', () => {
    const [one] = proposals('pod-hostpath', hostPath, set('volumes: [{name: s, hostPath: {path: /srv}}]'))
    expect(one!.proposal).toMatchObject({ risk: 'restarts-pods' })
  })

  it('becomes a claim, which must be named', () => {
    expect(propose({ mode: 'claim' })).toHaveProperty('refused')
    expect(edits(propose({ mode: 'claim', claim: 'logs' })).at(-1)).toEqual({
      set: ['volumes', { name: 'logs' }, 'persistentVolumeClaim'],
      to: { claimName: 'logs' },
    })
  })

  it('is mounted read-only, where it was not', () => {
    expect(edits(propose({ mode: 'readOnly' }))).toEqual([
      { set: ['containers', { name: 'app' }, 'volumeMounts', 1, 'readOnly'], to: true },
    ])
  })

  it('is kept when the operator says so', () => expect(propose({ mode: 'keep' })).toHaveProperty('refused'))
})

describe('a seccomp profile', () => {
  const risk = (text: string) => proposals('pod-seccomp', seccomp, text).map(({ proposal }) => 'risk' in proposal && proposal.risk)
  it('breaks nothing that is ordinary, but may what was unconfined on purpose or does unusual things', () => {
    expect(risk(set('hostUsers: true'))).toEqual(['restarts-pods'])
    expect(risk(set('securityContext: {seccompProfile: {type: Unconfined}}'))).toEqual(['may-break'])
    expect(risk(set('hostUsers: true', ', securityContext: {capabilities: {add: [SYS_PTRACE]}}'))).toEqual(['may-break'])
  })
})
