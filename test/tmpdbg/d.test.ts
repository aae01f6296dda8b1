import { test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import { compile } from '../../src/plan/compile.ts'
import { worldOf } from '../helpers/world.ts'
test('x', () => {
  const version='v1.37.2'
  const { snapshot } = worldOf(`
apiVersion: k8s-harden.test/v1
kind: World
source: live
kubernetes: ${version}
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp1, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: x}}
spec:
  containers: [{name: kube-apiserver, image: "registry.k8s.io/kube-apiserver:${version}", command: [kube-apiserver, "--authorization-mode=Node,RBAC"]}]
`)
  const both = controls.filter(({ id }) => id === 'authn-oidc-users' || id === 'authn-anonymous-api') as any
  const findings = both.flatMap((control: any) => judge(control, snapshot).findings)
  const plan = compile(findings, new Map(both.map((control: any) => [control.id, control])), snapshot, { values: { 'authn-oidc-users': { issuer: 'https://127.0.0.1:1', audience: 'kubernetes' } } })
  console.log(JSON.stringify(plan, null, 1).slice(0, 6000))
})
