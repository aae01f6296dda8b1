/** Names in lists: what tells two apart is not cut off. */
import { expect, test } from 'vitest'
import type { ObjectRef } from '../../src/model/index.ts'
import { fittedName, subjectText } from '../../src/session/rows-findings.ts'

const file = (name: string, path: string): ObjectRef => ({ apiVersion: 'v1', kind: 'Config', name, file: path })

test('a file of a node is named by its node and path, of which both ends stay', () => {
  const text = subjectText(file('kubelet.conf', 'cp-1:/etc/kubernetes/kubelet.conf'))
  expect(text).toBe('cp-1:/etc/kubernetes/kubelet.conf')
  expect(fittedName(text, 24)).toBe('cp-1:~netes/kubelet.conf')
  // A file of this machine, and an object that stands in a file.
  expect(subjectText(file('web', 'k8s/web.yaml'))).toBe('Config web')
  expect(subjectText({ ...file('kube-apiserver-cp-1', 'cp-1:/etc/kubernetes/manifests/kube-apiserver.yaml'), kind: 'Pod' })).toBe(
    'Pod kube-apiserver-cp-1',
  )
})

test('static pods of two nodes are told apart, containers give way to the name of their object', () => {
  const [one, two] = ['cp-1', 'cp-2'].map((node) => fittedName(`Pod kube-system/kube-apiserver-${node}`, 30))
  expect([one, two]).toEqual(['Pod kube-system/kube-a~er-cp-1', 'Pod kube-system/kube-a~er-cp-2'])
  expect(fittedName('Deployment payments/ledger (app)', 24)).toBe('Deployment payments/led~')
  expect(fittedName('KubeconfigFile /root/.kube/admin.conf', 24)).toBe('KubeconfigFi~/admin.conf')
})
