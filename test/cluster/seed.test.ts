import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generateLoad, loadCorpora } from './seed.ts'
import { describeCluster } from './with-cluster.ts'

const manifests = `
apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: one, namespace: brand-new } }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: wide }
rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }]
---
apiVersion: v1
kind: Pod
metadata: { name: empty }
spec: { containers: [] }
---
apiVersion: batch/v1beta1
kind: CronJob
metadata: { name: old }
`

interface List {
  items: { metadata: { name: string; uid: string; ownerReferences?: { uid: string }[] } }[]
}

describeCluster('a seeded test cluster', {}, (cluster) => {
  test('manifests are applied, and what the server refuses comes back with its reason', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'k8s-harden-corpora-'))
    await writeFile(join(dir, 'all.yaml'), manifests)
    const { applied, rejected } = await loadCorpora(cluster(), dir)
    await rm(dir, { recursive: true })

    expect(applied).toEqual(['ConfigMap/one', 'ClusterRole/wide'])
    expect(rejected).toEqual([
      { file: 'all.yaml', object: 'Pod/empty', reason: expect.stringContaining('spec.containers: Required value') },
      { file: 'all.yaml', object: 'CronJob/old', reason: 'the server serves no batch/v1beta1 CronJob' },
    ])
    expect(await cluster().kubectl(['get', 'configmap', '-n', 'brand-new', 'one', '-o', 'name'])).toBe('configmap/one')
  })

  test('a generated load is made of ordinary objects: owned, served, valid', async () => {
    const summary = await generateLoad(cluster(), { pods: 103, namespaces: 4 })
    expect(summary).toMatchObject({ pods: 103, deployments: 21, namespaces: 4, nodes: 2 })

    const owners = await cluster().api.get<List>('/apis/apps/v1/replicasets')
    const pods = await cluster().api.get<List>('/api/v1/pods')
    expect(pods.items).toHaveLength(103)
    const uids = new Set(owners.items.map(({ metadata }) => metadata.uid))
    expect(pods.items.filter(({ metadata }) => !uids.has(metadata.ownerReferences?.[0]?.uid ?? ''))).toEqual([])

    // An update makes the server validate what was put into etcd without it.
    for (const kind of ['pods', 'deployments', 'replicasets', 'roles', 'rolebindings', 'networkpolicies', 'serviceaccounts']) {
      const printed = await cluster().kubectl(['label', kind, '--all', '--namespace=team-0', 'touched=yes'])
      expect(printed).toContain('labeled')
    }
  })
})
