import { describe, expect, it } from 'vitest'
import hostNetwork from '../../src/controls/nodes-and-pods/pod-host-network.ts'
import hostPorts from '../../src/controls/nodes-and-pods/pod-host-ports.ts'
import hostProbes from '../../src/controls/nodes-and-pods/pod-host-probes.ts'
import hostPath from '../../src/controls/nodes-and-pods/pod-hostpath.ts'
import lsm from '../../src/controls/nodes-and-pods/pod-lsm.ts'
import runtimeSocket from '../../src/controls/nodes-and-pods/pod-runtime-socket.ts'
import volumeTypes from '../../src/controls/nodes-and-pods/pod-volume-types.ts'
import hostProcess from '../../src/controls/nodes-and-pods/pod-windows-hostprocess.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Change, Control, Proposal, RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from './proposals.ts'

const set = (spec: string, container = '', annotations = '') =>
  `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, namespace: shop}\nspec: {template: {metadata: {annotations: {${annotations}}}, spec: {${spec}, containers: [{name: app, image: a${container}}]}}}\n`
/** Edits, relative to the pod template. */
const edits = (proposal: Proposal) =>
  ('changes' in proposal ? proposal.changes.flatMap((change: Change) => (change.type === 'edit' ? change.edits : [])) : []).map((edit) =>
    'set' in edit ? { set: edit.set.slice(2), to: edit.to } : { unset: edit.unset.slice(2) },
  )
const words = (proposal: Proposal) => ('mayBreak' in proposal ? (proposal.mayBreak ?? []) : []).join('; ')

describe('one volume, two findings', () => {
  const socket = set('volumes: [{name: s, hostPath: {path: /run}}]', ', volumeMounts: [{name: s, mountPath: /s, readOnly: true}]')
  const both = [
    { ...runtimeSocket, id: 'pod-runtime-socket', practice: 'nodes-and-pods' },
    { ...hostPath, id: 'pod-hostpath', practice: 'nodes-and-pods' },
  ] as unknown as RegisteredControl[]
  const plan = (values: Record<string, Record<string, string>>) => {
    const { snapshot } = worldOf(socket)
    const findings = both.flatMap((control) => judge(control, snapshot).findings)
    return compile(findings, new Map(both.map((control) => [control.id, control])), snapshot, { values })
  }

  it('agree on an empty directory', () => {
    const { steps, ledger } = plan({})
    expect(ledger.fixable).toHaveLength(2)
    expect(steps).toHaveLength(1)
  })

  it('do not make a volume of two kinds where the operator wants both', () => {
    const { ledger } = plan({ 'pod-hostpath': { mode: 'claim', claim: 'data' } })
    expect(ledger.fixable).toHaveLength(1)
    expect(ledger.refused).toMatchObject([{ because: expect.stringContaining('puts something else in the place of a volume') }])
  })

  it('are both unmoved by a read-only mount', () => {
    const { ledger } = plan({ 'pod-hostpath': { mode: 'readOnly' }, 'pod-runtime-socket': { mode: 'keep' } })
    expect(ledger.refused.map(({ because }) => because).join('\n')).toMatch(/keeps it[\s\S]*keeps nobody from talking to Docker/)
  })
})

describe('what the operator chooses', () => {
  const kept: [string, Control<any, any>, string][] = [
    ['pod-runtime-socket', runtimeSocket, set('volumes: [{name: s, hostPath: {path: /}}]', ', volumeMounts: [{name: s, mountPath: /s}]')],
    ['pod-host-ports', hostPorts, set('hostPID: false', ', ports: [{containerPort: 80, hostPort: 80}]')],
    ['pod-host-probes', hostProbes, set('hostPID: false', ', livenessProbe: {tcpSocket: {host: a, port: 1}}')],
    ['pod-volume-types', volumeTypes, set('volumes: [{name: s, nfs: {server: a, path: /}}]')],
  ]
  it.each(kept)('%s keeps it when told to', (id, control, text) => {
    expect(proposals(id, control, text)[0]!.proposal).toHaveProperty('changes')
    expect(proposals(id, control, text, { mode: 'keep' })[0]!.proposal).toMatchObject({ refused: expect.stringContaining('keeps it') })
  })

  it('a claim takes the place of a network volume, by the name of the volume where there are several', () => {
    const text = set(
      'volumes: [{name: a, nfs: {server: x, path: /}}, {name: b, nfs: {server: x, path: /}}]',
      ', volumeMounts: [{name: a, mountPath: /a}]',
    )
    const claimed = (claim: string) =>
      proposals('pod-volume-types', volumeTypes, text, { mode: 'claim', claim }).map(({ proposal }) => edits(proposal).at(-1))
    expect(claimed('a=one,two')).toMatchObject([{ to: { claimName: 'one' } }, { to: { claimName: 'two' } }])
    expect(claimed('a=one')).toMatchObject([{ to: { claimName: 'one' } }, undefined])
    expect(proposals('pod-volume-types', volumeTypes, text).map(({ proposal }) => 'risk' in proposal && proposal.risk)).toEqual([
      'may-break',
      'restarts-pods',
    ])
  })

  it('AppArmor is left to nodes that have it, field and annotation alike', () => {
    const key = 'container.apparmor.security.beta.kubernetes.io/app'
    const field = set('securityContext: {appArmorProfile: {type: Unconfined}}')
    expect(edits(proposals('pod-lsm', lsm, field, { apparmor: 'unset' })[0]!.proposal)).toEqual([
      { unset: ['spec', 'securityContext', 'appArmorProfile'] },
    ])
    const annotation = set('hostPID: false', '', `${key}: unconfined`)
    expect(edits(proposals('pod-lsm', lsm, annotation)[0]!.proposal)).toEqual([
      { set: ['metadata', 'annotations', key], to: 'runtime/default' },
    ])
    expect(edits(proposals('pod-lsm', lsm, annotation, { apparmor: 'unset' })[0]!.proposal)).toEqual([
      { unset: ['metadata', 'annotations', key] },
    ])
    expect(proposals('pod-lsm', lsm, field, { apparmor: 'Unconfined' })[0]!.proposal).toHaveProperty('refused')
  })

  it('an annotation that says otherwise than the mended field goes, since the API server refuses the two together', () => {
    const key = 'container.apparmor.security.beta.kubernetes.io/app'
    const text = set('hostPID: false', ', securityContext: {appArmorProfile: {type: Unconfined}}', `${key}: localhost/own`)
    expect(edits(proposals('pod-lsm', lsm, text)[0]!.proposal)).toContainEqual({ unset: ['metadata', 'annotations', key] })
  })
})

describe('a probe', () => {
  const probed = (host: string, podIP: string) =>
    `${set('hostPID: false', `, livenessProbe: {httpGet: {host: '${host}', port: 80}}`).replace('namespace: shop}', 'namespace: shop, uid: u}')}---
apiVersion: v1
kind: Pod
metadata: {name: agent-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: u, controller: true}]}
spec: {containers: [{name: app, image: a, livenessProbe: {httpGet: {host: '${host}', port: 80}}}]}
status: {phase: Running, podIP: '${podIP}'}
`
  const proposal = (host: string, podIP = '10.1.0.7') => proposals('pod-host-probes', hostProbes, probed(host, podIP))[0]!.proposal

  it('of the address that the pod has breaks nothing', () => expect(proposal('10.1.0.7')).toMatchObject({ risk: 'restarts-pods' }))
  it('of loopback may find that nothing listens elsewhere', () =>
    expect(words(proposal('127.0.0.1'))).toContain('if it listens on 127.0.0.1 only, the container is restarted'))
  it('of a name goes on sending that name', () =>
    expect(edits(proposal('app.example'))).toEqual([
      { unset: ['spec', 'containers', { name: 'app' }, 'livenessProbe', 'httpGet', 'host'] },
      {
        set: ['spec', 'containers', { name: 'app' }, 'livenessProbe', 'httpGet', 'httpHeaders'],
        to: [{ name: 'Host', value: 'app.example' }],
      },
    ]))
  it('of an address sends no header', () => expect(edits(proposal('10.0.0.1'))).toHaveLength(1))
})

describe('a HostProcess container', () => {
  const text = set('hostNetwork: true, os: {name: windows}, securityContext: {windowsOptions: {hostProcess: true}}')
  it('keeps the network of the node until it is an ordinary one, in the same plan', () => {
    expect(proposals('pod-host-network', hostNetwork, text)[0]!.proposal).toHaveProperty('refused')
    const [alongside] = proposals('pod-host-network', hostNetwork, text, {}, { 'pod-windows-hostprocess': hostProcess })
    expect(edits(alongside!.proposal)).toEqual([{ set: ['spec', 'hostNetwork'], to: false }])
    expect(edits(proposals('pod-windows-hostprocess', hostProcess, text)[0]!.proposal)).toContainEqual({
      set: ['spec', 'hostNetwork'],
      to: false,
    })
  })
})

describe('a host port on the network of the node', () => {
  const found = (ports: string) =>
    proposals('pod-host-ports', hostPorts, set('hostNetwork: true', `, ports: [${ports}]`)).map(({ finding }) => finding.detail)
  it('is the API server’s where it is the port of the container, and its own finding where it is another', () => {
    expect(found('{containerPort: 80, hostPort: 80}')).toEqual([])
    expect(found('{containerPort: 80, hostPort: 8080}, {containerPort: 81, hostPort: 81}')).toEqual(['8080 for 80'])
  })
})
