import { expect, test } from 'vitest'
import separation from '../../src/controls/nodes-and-pods/ns-separation.ts'
import { proposals } from './proposals.ts'

/** The steps for each finding, by reason. */
const steps = (text: string) =>
  Object.fromEntries(
    proposals('ns-separation', separation, text).map(({ finding, proposal }) => [
      `${finding.subject.kind} ${finding.reason}`,
      'byHand' in proposal ? proposal.byHand : JSON.stringify(proposal),
    ]),
  )
const APP = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web, volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], containers: [{name: a, image: a, envFrom: [{secretRef: {name: db}}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

test('what moves with a workload is named: Secrets, accounts, DNS names, data', () => {
  const words = steps(APP)
  const move = words['Deployment is in the default namespace']!
  for (const part of [
    'kubectl get deployment web -n default -o yaml',
    'Secret db',
    'ServiceAccount web',
    'Service front gets another DNS name',
    'claim data',
    'kubectl delete deployment web -n default',
  ])
    expect(move).toContain(part.replace('claim data', 'PersistentVolumeClaim data'))
  expect(words['Service is in the default namespace']).toContain('front.default.svc')
})

test('in files the namespace is named in the file, and nothing is said of kubectl', () => {
  const move = steps(`${APP}---\napiVersion: k8s-harden.test/v1\nkind: World\nsource: manifests\n`)[
    'Deployment is in the default namespace'
  ]!
  expect(move).toContain('metadata.namespace')
  expect(move).not.toContain('kubectl')
})

test.each([
  ['', 'Deployment'],
  ['restartPolicy: Never, ', 'Job'],
])('a bare pod with "%s" becomes a %s', (policy, kind) => {
  const pod = `apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {${policy}containers: [{name: a, image: a}]}\n`
  expect(steps(pod)['Pod is a pod without a controller']).toContain(`spec.template of a ${kind}`)
})
