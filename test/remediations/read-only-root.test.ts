import { describe, expect, it } from 'vitest'
import readOnly from '../../src/controls/nodes-and-pods/pod-readonly-rootfs.ts'
import type { Json } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const deployment = (container: string, more = '') =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {spec: {containers: [{name: app, ${container}}]${more}}}}\n`
const propose = (text: string, options: Record<string, Json> = {}) => proposals('pod-readonly-rootfs', readOnly, text, options)[0]!.proposal
/** Mount paths that are added, with the names of their volumes. */
function added(text: string, options: Record<string, Json> = {}): string[] {
  const proposal = propose(text, options)
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  const [change] = proposal.changes
  const edits = change?.type === 'edit' ? change.edits : []
  const mounts = edits.find((edit) => 'set' in edit && edit.set.at(-1) === 'volumeMounts')
  return mounts === undefined || !('to' in mounts)
    ? []
    : (mounts.to as { name: string; mountPath: string }[]).map(({ name, mountPath }) => `${name} ${mountPath}`)
}

describe('a read-only root file system', () => {
  it('comes with an empty directory at /tmp, unless one can write there already', () => {
    expect(added(deployment('image: a'))).toEqual(['tmp /tmp'])
    const mounted = (volume: string) =>
      deployment('image: a, volumeMounts: [{name: v, mountPath: /tmp/}]', `, volumes: [{name: v, ${volume}}]`)
    expect(added(mounted('emptyDir: {}'))).toEqual([])
    // What is mounted there read-only stays: two mounts at one path are refused.
    expect(added(mounted('configMap: {name: c}'))).toEqual([])
    expect(added(deployment('image: a, volumeMounts: [{name: v, mountPath: /}]', ', volumes: [{name: v, emptyDir: {}}]'))).toEqual([])
    expect(added(deployment('image: a, volumeMounts: [{name: v, mountPath: /tmp/cache}]', ', volumes: [{name: v, emptyDir: {}}]'))).toEqual(
      ['v /tmp/cache', 'tmp /tmp'],
    )
  })

  it('keeps the scratch directories of well-known images writable', () => {
    expect(added(deployment('image: nginx:1.29'))).toEqual(['tmp /tmp', 'var-cache-nginx /var/cache/nginx', 'var-run /var/run'])
    expect(added(deployment('image: registry.example/nginx:1.29'))).toEqual(['tmp /tmp'])
  })

  it('takes the paths the operator names, for all containers or for an image', () => {
    expect(added(deployment('image: "a:1"'), { writable: '/data, a:1=/var/log:/run,b=/x' })).toEqual([
      'data /data',
      'var-log /var/log',
      'run /run',
    ])
    expect(added(deployment('image: a'), { writable: 'none' })).toEqual([])
    for (const writable of ['/', 'tmp', '/a/../b', '/a/']) expect(propose(deployment('image: a'), { writable })).toHaveProperty('refused')
  })

  it('takes no name that a volume of the pod has', () => {
    expect(added(deployment('image: a', ', volumes: [{name: tmp, emptyDir: {}}]'))).toEqual(['tmp-rw /tmp'])
    expect(
      added(deployment('image: a', ', initContainers: [{name: prepare, image: b, securityContext: {readOnlyRootFilesystem: true}}]')),
    ).toEqual(['app-tmp /tmp'])
  })

  it('may break, and says how to keep more paths writable', () => {
    expect(propose(deployment('image: a'))).toMatchObject({
      risk: 'may-break',
      mayBreak: expect.arrayContaining([
        expect.stringContaining('outside volumes and /tmp fail'),
        expect.stringContaining('--set pod-readonly-rootfs.writable'),
      ]),
    })
  })
})
