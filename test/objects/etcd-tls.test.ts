import { expect, test } from 'vitest'
import { judgeClient } from '../../src/objects/etcd-tls.ts'
import type { ComponentInstance } from '../../src/objects/flags.ts'
import { CONTROL_PLANE } from '../../src/objects/flags.ts'

test('a password in the address of etcd is not shown', () => {
  const server: ComponentInstance = {
    name: 'a',
    component: 'kube-apiserver',
    source: 'static-pod',
    flags: new Map([['etcd-servers', 'http://root:hunter2@10.0.0.1:2379']]),
    effective: false,
    subject: CONTROL_PLANE,
    grade: 'E1',
  }
  const found = JSON.stringify([...judgeClient(server)])
  expect(found).toContain('//…@10.0.0.1:2379')
  expect(found).not.toContain('hunter2')
})
