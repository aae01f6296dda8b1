import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** 5,000 objects in 200 files, 5 MB: Deployments with comments, Services, ConfigMaps, RBAC, as teams write them. */
export function writeManifests(dir: string, files = 200, perFile = 25): number {
  mkdirSync(dir, { recursive: true })
  let bytes = 0
  for (let file = 0; file < files; file++) {
    const text = Array.from({ length: perFile }, (_, index) => document(file, index)).join('---\n')
    bytes += text.length
    writeFileSync(join(dir, `team-${file}.yaml`), text)
  }
  return bytes
}

function document(file: number, index: number): string {
  const namespace = `team-${file % 50}`
  const name = `app-${file}-${index}`
  const head = (apiVersion: string, kind: string) =>
    `# ${name}, owned by team ${file % 50}\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}\n  namespace: ${namespace}\n  labels:\n    app.kubernetes.io/name: ${name}\n    app.kubernetes.io/part-of: shop\n`
  switch (index % 5) {
    case 0:
      return `${head('v1', 'Service')}spec:\n  selector:\n    app.kubernetes.io/name: ${name}\n  ports:\n    - name: http\n      port: 80\n      targetPort: 8080\n`
    case 1:
      return `${head('v1', 'ConfigMap')}data:\n${Array.from({ length: 20 }, (_, key) => `  setting-${key}: "value ${key} of ${name}"\n`).join('')}`
    case 2:
      return `${head('rbac.authorization.k8s.io/v1', 'Role')}rules:\n  - apiGroups: [""]\n    resources: [configmaps]\n    verbs: [get, list, watch]\n`
    default:
      return `${head('apps/v1', 'Deployment')}spec:\n  replicas: 3\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: ${name}\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: ${name}\n    spec:\n      serviceAccountName: ${name}\n      containers:\n        - name: app\n          image: registry.example.com/shop/${name}:1.${index}.0 # bumped by the release job\n          ports:\n            - containerPort: 8080\n          env:\n${Array.from({ length: 12 }, (_, key) => `            - name: SETTING_${key}\n              value: "${key}"\n`).join('')}          securityContext:\n            privileged: ${index % 10 === 4}\n          resources:\n            requests: {cpu: 100m, memory: 128Mi}\n        - name: proxy\n          image: registry.example.com/mesh/proxy:2.4.1\n          args: ["--port=15001", "--log=info"]\n`
  }
}
