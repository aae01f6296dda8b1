import { describe, expect, test } from 'vitest'
import { namesInSpec, SECRET_USERS, secretUses } from '../../src/objects/secret-uses.ts'
import { worldOf } from '../helpers/world.ts'

describe('who names a Secret', () => {
  test('every way of a pod spec is found', () => {
    const spec = {
      containers: [
        {
          name: 'app',
          env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }],
          envFrom: [{ secretRef: { name: 'env-from' } }],
        },
      ],
      initContainers: [{ name: 'first', envFrom: [{ secretRef: { name: 'init' } }] }],
      imagePullSecrets: [{ name: 'pull' }],
      volumes: [
        { name: 'not-a-secret', emptyDir: {} },
        { name: 'b', secret: { secretName: 'volume' } },
        { name: 'c', projected: { sources: [{ secret: { name: 'projected' } }, { configMap: { name: 'map' } }] } },
        { name: 'd', csi: { driver: 'x', nodePublishSecretRef: { name: 'csi' } } },
        { name: 'e', cephfs: { monitors: [], secretRef: { name: 'ceph' } } },
        { name: 'f', azureFile: { secretName: 'azure', shareName: 's' } },
      ],
    }
    expect([...namesInSpec(spec)].sort()).toEqual(['azure', 'ceph', 'csi', 'env', 'env-from', 'init', 'projected', 'pull', 'volume'].sort())
  })

  test('entries, accounts, arguments and gateways count, each in its own namespace', () => {
    const { snapshot } = worldOf(`apiVersion: v1
kind: ServiceAccount
metadata: {name: a, namespace: shop}
imagePullSecrets: [{name: pull}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {nginx.ingress.kubernetes.io/auth-tls-secret: edge/client-ca}}
spec: {tls: [{secretName: web-tls}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: edge}
spec: {listeners: [{name: https, tls: {certificateRefs: [{name: gate-tls}]}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: told, namespace: shop}
spec: {containers: [{name: app, image: x, args: [--default-ssl-certificate=edge/wild]}]}
`)
    const uses = secretUses(snapshot)
    for (const [namespace, name] of [
      ['shop', 'pull'],
      ['shop', 'web-tls'],
      ['edge', 'client-ca'],
      ['edge', 'gate-tls'],
      ['edge', 'wild'],
    ] as const)
      expect([name, uses.has(namespace, name)]).toEqual([name, true])
    expect(uses.has('other', 'pull')).toBe(false)
    expect(uses.has('shop', 'nobody')).toBe(false)
    expect(SECRET_USERS).toContain('Ingress')
  })
})
