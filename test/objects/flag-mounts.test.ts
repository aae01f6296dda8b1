/** What a static pod sees of the files that its flags name, once their directory is mounted. */
import { describe, expect, test } from 'vitest'
import type { PodObject } from '../../src/model/index.ts'
import { editsOfPod } from '../../src/objects/flag-edits.ts'
import { applyEdits } from '../../src/objects/path.ts'

const FILE = '/etc/kubernetes/enc/config.yaml'
const pod = (mounts: object[], volumes: object[], others: object[] = []) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kube-apiserver' },
    spec: {
      containers: [
        { name: 'kube-apiserver', command: ['kube-apiserver', `--encryption-provider-config=${FILE}`], volumeMounts: mounts },
        ...others,
      ],
      volumes,
    },
  }) as unknown as PodObject
const changed = (before: PodObject, path = '/etc/kubernetes/enc') => {
  const files = [{ name: 'encryption-config', path, type: 'Directory', readOnly: true }] as const
  const { spec } = applyEdits(before, editsOfPod(before, 'kube-apiserver', { 'encryption-provider-config': FILE }, files)!) as PodObject
  return { mounts: spec.containers[0]!.volumeMounts, volumes: spec.volumes }
}
const PKI = [
  { name: 'pki', mountPath: '/etc/kubernetes/pki' },
  { name: 'pki', hostPath: { path: '/etc/kubernetes/pki' } },
] as const
const ALONE = [
  { name: 'enc', mountPath: FILE },
  { name: 'enc', hostPath: { path: FILE, type: 'File' } },
] as const
const FOLDER = { name: 'encryption-config', mountPath: '/etc/kubernetes/enc', readOnly: true }
const FOLDER_VOLUME = { name: 'encryption-config', hostPath: { path: '/etc/kubernetes/enc', type: 'Directory' } }

describe('the directory of a file that a flag names', () => {
  test('takes the place of a mount of the file alone, through which a new file would never be seen', () => {
    expect(changed(pod([PKI[0], ALONE[0]], [PKI[1], ALONE[1]]))).toEqual({ mounts: [PKI[0], FOLDER], volumes: [PKI[1], FOLDER_VOLUME] })
  })
  test('also where the directory is mounted already, under it', () => {
    expect(changed(pod([FOLDER, ALONE[0]], [FOLDER_VOLUME, ALONE[1]]))).toEqual({ mounts: [FOLDER], volumes: [FOLDER_VOLUME] })
  })
  test('a volume that another container needs stays, and so does whatever no flag of these names', () => {
    const other = { name: 'sidecar', volumeMounts: [{ name: 'enc', mountPath: '/mine' }] }
    const audit = { name: 'audit', mountPath: '/etc/kubernetes/enc/audit.yaml' }
    const auditVolume = { name: 'audit', hostPath: { path: '/etc/kubernetes/enc/audit.yaml' } }
    expect(changed(pod([audit, ALONE[0]], [auditVolume, ALONE[1]], [other]))).toEqual({
      mounts: [audit, FOLDER],
      volumes: [auditVolume, ALONE[1], FOLDER_VOLUME],
    })
  })
  test('a pod that sees the directory is not changed', () => {
    const before = pod([FOLDER], [FOLDER_VOLUME])
    const files = [{ name: 'encryption-config', path: '/etc/kubernetes/enc', type: 'Directory', readOnly: true }] as const
    expect(editsOfPod(before, 'kube-apiserver', { 'encryption-provider-config': FILE }, files)).toEqual([])
  })
})
