import { describe, expect, test } from 'vitest'
import { kubelets } from '../../src/objects/kubelet-config.ts'
import { kubeletFinding, kubeletSetting } from '../../src/objects/kubelet-settings.ts'
import { rememberPosition } from '../../src/objects/ref.ts'
import { worldOf } from '../helpers/world.ts'

const world = (fields: object = {}) => `${JSON.stringify({ apiVersion: 'k8s-harden.test/v1', kind: 'World', ...fields })}\n---\n`
const node = (name: string, labels: object = {}) =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })}\n---\n`
const map =
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubelet-config, namespace: kube-system}\ndata:\n  kubelet: |\n    readOnlyPort: 10255\n---\n'
const file = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nreadOnlyPort: 1\n'
const seen = (text: string) => kubelets(worldOf(text).snapshot)
const answers = (...nodes: object[]) => ({ facts: { KubeletConfigz: { nodes } } })

describe('the ladder', () => {
  test('what the nodes answer beats the ConfigMap, which beats a file', () => {
    expect(seen(world(answers({ node: 'a', config: { readOnlyPort: 0 } })) + node('a') + map + file).instances).toMatchObject([
      { source: 'configz', effective: true, subject: { kind: 'Node', name: 'a' } },
    ])
    expect(seen(world() + map + file).instances).toMatchObject([{ source: 'kubelet-config', config: { readOnlyPort: 10255 } }])
    expect(seen(world({ source: 'manifests' }) + file).instances).toMatchObject([{ source: 'file', config: { readOnlyPort: 1 } }])
  })

  test('coverage is told, with the reasons of those that did not answer', () => {
    const { notes } = seen(world(answers({ node: 'a', config: {} }, { node: 'b', refused: '503' })) + node('a') + node('b') + node('c'))
    expect(notes).toEqual(['1 of 3 nodes answered configz', '503'])
  })

  test('virtual nodes are left out', () => {
    const { instances, notes } = seen(
      world(answers({ node: 'a', config: {} }, { node: 'f', refused: '501' })) + node('a') + node('f', { type: 'virtual-kubelet' }),
    )
    expect(instances).toHaveLength(1)
    expect(notes).toEqual([expect.stringContaining('virtual nodes')])
  })

  test('all nodes refused is unknown, and so is a ConfigMap that cannot be parsed', () => {
    expect(seen(world(answers({ node: 'a', refused: '403' })) + node('a')).unknown?.unknown).toContain('403')
    expect(seen(world() + map.replace('readOnlyPort: 10255', '{').replace('kubelet: |', 'kubelet: |')).unknown).toBeDefined()
  })
})

describe('a setting', () => {
  test('has the default of a kubelet with a configuration file', () => {
    const [instance] = seen(world({ source: 'manifests' }) + file).instances
    expect(kubeletSetting(instance!, ['authentication', 'anonymous', 'enabled'])).toEqual({ value: false, from: 'default' })
    expect(kubeletSetting(instance!, ['authentication', 'x509', 'clientCAFile'])).toEqual({ value: undefined, from: 'unset' })
    expect(kubeletSetting(instance!, ['rotateCertificates'])).toEqual({ value: false, from: 'default' })
    expect(kubeletFinding(instance!, ['readOnlyPort'])).toMatchObject({ at: ['readOnlyPort'], origin: 'workload' })
  })

  test('of a drop-in that does not mention it is not seen', () => {
    const { snapshot } = worldOf(world({ source: 'manifests' }) + file)
    rememberPosition(snapshot.all('KubeletConfiguration')[0]!, { file: 'etc/kubernetes/kubelet.conf.d/10.yaml', document: 0, line: 1 })
    const [instance] = kubelets(snapshot).instances
    expect(kubeletSetting(instance!, ['authentication', 'x509', 'clientCAFile']).from).toBe('unseen')
    expect(kubeletSetting(instance!, ['readOnlyPort'])).toEqual({ value: 1, from: 'set' })
  })
})
