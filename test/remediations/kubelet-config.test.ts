import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { setKubelet } from '../../remediations/kubelet-config.ts'
import type { Change, Finding, Json } from '../../src/model/index.ts'
import { kubelets } from '../../src/objects/kubelet-config.ts'
import { worldOf } from '../helpers/world.ts'

const world = (fields: object = {}) => `${JSON.stringify({ apiVersion: 'k8s-harden.test/v1', kind: 'World', ...fields })}\n---\n`
const closed = setKubelet({ set: { readOnlyPort: 0, 'authentication.anonymous.enabled': false }, summary: 'close it' })
const propose = (text: string, options: Record<string, Json> = {}, remedy = closed) => {
  const { snapshot } = worldOf(text)
  const { subject } = kubelets(snapshot).instances[0]!
  return remedy.propose({ subject, evidence: null } as unknown as Finding, { view: snapshot, options, alongside: [] })
}
const configz = (labels: object = {}, kubernetes = 'v1.37.2') =>
  `${world({ kubernetes, facts: { KubeletConfigz: { nodes: [{ node: 'a', config: { readOnlyPort: 10255 } }] } } })}${JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'a', labels } })}\n`

test('a file is edited in place', () => {
  expect(propose(`${world({ source: 'manifests' })}apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n`)).toMatchObject(
    {
      changes: [
        {
          type: 'edit',
          target: { kind: 'KubeletConfiguration' },
          edits: [
            { set: ['readOnlyPort'], to: 0 },
            { set: ['authentication', 'anonymous', 'enabled'], to: false },
          ],
        },
      ],
      risk: 'may-break',
    },
  )
})

test("kubeadm's ConfigMap among files keeps its comments", () => {
  const proposal = propose(
    `${world({ source: 'manifests' })}apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubelet-config, namespace: kube-system}\ndata:\n  kubelet: |\n    # ours\n    readOnlyPort: 10255\n    authentication:\n      webhook: {enabled: true}\n`,
  )
  const text = (proposal as unknown as { changes: { edits: { to: string }[] }[] }).changes[0]!.edits[0]!.to
  expect(text).toContain('# ours')
  expect(parse(text)).toEqual({ readOnlyPort: 0, authentication: { webhook: { enabled: true }, anonymous: { enabled: false } } })
})

test('live, a fragment and the steps for one node after the other; no complete configuration', () => {
  const proposal = propose(configz())
  const file = ('changes' in proposal ? proposal.changes[0] : undefined) as Extract<Change, { type: 'file' }>
  expect(parse(file.text.text)).toEqual({ readOnlyPort: 0, authentication: { anonymous: { enabled: false } } })
  expect(file.runbook.findIndex((line) => line.includes('cp -p'))).toBeLessThan(
    file.runbook.findIndex((line) => line.includes('restart kubelet')),
  )
  expect(file.rollback.join()).toMatch(/cp -p FILE\.before-[\d-]+ FILE/)
})

test('with kubeadm the ConfigMap and its own phase are used', () => {
  const map = '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubelet-config, namespace: kube-system}\ndata: {kubelet: ""}\n'
  expect(JSON.stringify(propose(configz() + map))).toContain('kubeadm upgrade node phase kubelet-config')
})

test("a provider's nodes are changed by its own means", () => {
  expect(propose(configz({ 'eks.amazonaws.com/nodegroup': 'x' }))).toEqual({ byHand: expect.stringContaining('launch template') })
  const gke = setKubelet({
    set: { readOnlyPort: 0 },
    summary: 's',
    provider: {
      gke: {
        argv: ['gcloud', '{node-pool}', '{cluster}', '{location}'],
        risk: 'may-break',
        summary: 's',
        asks: { 'node-pool': 'Which pool?' },
      },
    },
  })
  expect(gke.options).toHaveProperty('node-pool')
  expect(propose(configz({}, 'v1.33.4-gke.1'), { cluster: 'c', location: 'l' }, gke)).toEqual({
    needs: { option: 'node-pool', question: 'Which pool?' },
  })
})
