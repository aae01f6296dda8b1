import { describe, expect, it } from 'vitest'
import runAsRoot from '../../src/controls/nodes-and-pods/pod-run-as-root.ts'
import type { Json } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const set = (context: string, container = '') =>
  `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop, uid: u1}\nspec: {template: {spec: {securityContext: {${context}}, containers: [{name: app, image: a${container}}]}}}\n`
const pods = (...users: (string | undefined)[]) =>
  users
    .map(
      (user, index) =>
        `---\napiVersion: v1\nkind: Pod\nmetadata: {name: db-${index}, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]}\nspec: {containers: [{name: app, image: a}]}\nstatus: {phase: Running, containerStatuses: [{name: app${user === undefined ? '' : `, user: {linux: {${user}}}`}}]}\n`,
    )
    .join('')
const propose = (text: string, options: Record<string, Json> = {}) => proposals('pod-run-as-root', runAsRoot, text, options)[0]!.proposal
/** Field names of the container's security context with their new values; what is removed, with its level. */
function changed(text: string, options: Record<string, Json> = {}): Record<string, Json> {
  const proposal = propose(text, options)
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  return Object.fromEntries(
    proposal.changes
      .flatMap((change) => (change.type === 'edit' ? change.edits : []))
      .map((edit) =>
        'set' in edit
          ? [String(edit.set.at(-1)), edit.to]
          : [`${edit.unset.length > 5 ? 'container' : 'pod'}.${String(edit.unset.at(-1))}`, null],
      ),
  )
}

describe('running as non-root', () => {
  it('only asks the kubelet to refuse root where the user is up to the image, and warns', () => {
    expect(changed(set(''))).toEqual({ runAsNonRoot: true })
    expect(propose(set(''))).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining('CreateContainerConfigError')] })
  })

  it('pins the user and group that really run, which breaks nothing', () => {
    const text = set('') + pods('uid: 1000, gid: 2000', 'uid: 1000, gid: 2000')
    expect(changed(text)).toEqual({ runAsNonRoot: true, runAsUser: 1000, runAsGroup: 2000 })
    expect(propose(text)).toMatchObject({ risk: 'restarts-pods' })
  })

  it('does not take one pod for all', () => {
    expect(propose(set('') + pods('uid: 1000, gid: 1000', undefined))).toMatchObject({ risk: 'may-break' })
    expect(propose(set('') + pods('uid: 1000, gid: 1000', 'uid: 0, gid: 0'))).toHaveProperty('needs')
  })

  it('needs no pin for a number that the image gives, and asks for that of a name', () => {
    const config = (user: string) =>
      `---\napiVersion: k8s-harden.test/v1\nkind: World\nfacts: {ImageConfigs: {images: [{image: a, user: "${user}", volumes: [], exposedPorts: [], from: file}]}}\n`
    expect(changed(set('') + config('1000'))).toEqual({ runAsNonRoot: true })
    expect(propose(set('') + config('1000'))).toMatchObject({ risk: 'restarts-pods' })
    expect(propose(set('') + config('app'))).toEqual({
      needs: { option: 'user', question: expect.stringContaining('names its user (app)') },
    })
    expect(propose(set('') + config(''))).toHaveProperty('needs')
    expect(changed(set('') + config('app'), { user: 1234 })).toEqual({ runAsNonRoot: true, runAsUser: 1234 })
  })

  it('keeps a user that is set already', () => {
    expect(changed(set('runAsUser: 1000'))).toEqual({ runAsNonRoot: true })
    expect(propose(set('runAsUser: 1000'))).toMatchObject({ risk: 'restarts-pods' })
  })

  it('makes up no user for an image that is known to run as root, but asks', () => {
    const text = set('') + pods('uid: 0, gid: 0')
    expect(propose(text)).toEqual({ needs: { option: 'user', question: expect.stringContaining('answer a=UID') } })
    expect(changed(text, { user: 'b=7,a=101' })).toEqual({ runAsNonRoot: true, runAsUser: 101 })
    expect(propose(text, { user: 'b=7' })).toHaveProperty('needs')
  })

  it('leaves the user to the image where the specification asked for root, at whichever level', () => {
    expect(changed(set('runAsUser: 0, runAsNonRoot: false', ', ports: [{containerPort: 80}]'))).toEqual({
      'pod.runAsNonRoot': null,
      'pod.runAsUser': null,
      runAsNonRoot: true,
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
    })
    expect(changed(set('', ', securityContext: {runAsUser: 0}'))).toEqual({ runAsNonRoot: true, 'container.runAsUser': null })
    expect(propose(set('runAsUser: 0', ', ports: [{containerPort: 80}]'))).toMatchObject({
      risk: 'may-break',
      mayBreak: expect.arrayContaining([
        expect.stringMatching(/refused \(CreateContainerConfigError\); on a live cluster that is undone by itself/),
      ]),
    })
  })

  it('lets another user listen on a low port, where the pod has a network of its own', () => {
    const ports = ', ports: [{containerPort: 80}]'
    expect(changed(set('', ports), { user: 101 })).toHaveProperty('sysctls')
    expect(JSON.stringify(propose(set('', ports), { user: 101 }))).not.toContain('listen')
    const onNode = set('', ports).replace('template: {spec: {', 'template: {spec: {hostNetwork: true, ')
    expect(changed(onNode, { user: 101 })).not.toHaveProperty('sysctls')
    expect(propose(onNode, { user: 101 })).toMatchObject({ mayBreak: expect.arrayContaining(['it may not be able to listen on port 80']) })
  })

  it('gives claimed volumes to a new user, not to one that runs already', () => {
    const claimed = (text: string) =>
      text.replace('containers:', 'volumes: [{name: data, persistentVolumeClaim: {claimName: data}}], containers:')
    expect(changed(claimed(set('')), { user: 999 })).toMatchObject({ fsGroup: 999, fsGroupChangePolicy: 'OnRootMismatch', runAsUser: 999 })
    expect(changed(claimed(set('fsGroup: 5')), { user: 999 })).not.toHaveProperty('fsGroup')
    expect(changed(claimed(set('')) + pods('uid: 999, gid: 999'))).not.toHaveProperty('fsGroup')
    expect(changed(set(''), { user: 999 })).not.toHaveProperty('fsGroup')
  })

  it('takes the user the operator names, if it is one', () => {
    expect(changed(set(''), { user: 4711 })).toEqual({ runAsNonRoot: true, runAsUser: 4711 })
    expect([propose(set(''), { user: 0 }), propose(set(''), { user: 'nginx' })]).toEqual([
      { refused: expect.any(String) },
      { refused: expect.any(String) },
    ])
  })
})
