import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { FILES } from '../../src/sample-cluster/files.gen.ts'
import { loadCorpora } from '../cluster/seed.ts'
import { describeCluster } from '../cluster/with-cluster.ts'

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly status?: unknown
}
/** Files of nodes and of kubeadm: the API server knows nothing of them. */
const isOnlyAFile = ({ apiVersion }: Manifest): boolean => /^(kubeadm|kubelet\.config)\.k8s\.io\//.test(apiVersion)
/** What the server itself gives an object. */
const asWritten = ({ metadata: { uid: _uid, creationTimestamp: _created, ...metadata }, status: _status, ...object }: Manifest): Manifest =>
  ({ ...object, metadata }) as Manifest

// The order in which a server can take them: pods need their service accounts, and Pod Security is to be asked about every pod.
const ORDER = ['Namespace', 'ServiceAccount']
const place = ({ kind }: Manifest): number => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length)

describeCluster('the sample is valid Kubernetes', { flags: { 'service-cluster-ip-range': '10.96.0.0/12' } }, (cluster) => {
  test('an API server takes every object of it', async () => {
    const objects = Object.values(FILES)
      .flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Manifest))
      .filter((object) => !isOnlyAFile(object))
      .map(asWritten)
    // A cluster has one in each namespace; nobody keeps that of kube-system in a file.
    objects.push({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'kube-system' } })
    const folder = await mkdtemp(join(tmpdir(), 'k8s-harden-sample-'))
    await writeFile(
      join(folder, 'all.yaml'),
      objects
        .toSorted((a, b) => place(a) - place(b))
        .map((object) => stringify(object))
        .join('---\n'),
    )
    const { applied, rejected } = await loadCorpora(cluster(), folder)
    await rm(folder, { recursive: true, force: true })
    expect(rejected).toEqual([])
    expect(applied).toHaveLength(objects.length)
  })
})
