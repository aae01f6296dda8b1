/** Counters tell of everybody's reads: no finding says that more are in plain text than were looked at. */
import { expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import { worldOf } from '../helpers/world.ts'

const labels = { resource: 'secrets', status: 'OK', transformation_type: 'to_storage', transformer_prefix: 'k8s:enc:secretbox:v1:' }
const samples = [labels, { ...labels, transformer_prefix: 'key:' }].map((one) => ({
  name: 'apiserver_storage_transformation_operations_total',
  labels: one,
  value: 9,
}))
const newest = { 'k8s:enc:secretbox:v1:': 1, 'key:': 1 }
const facts = {
  ApiServerMetrics: { samples },
  StoredForm: { resources: [{ resource: 'secrets', objects: 60, looked: 25, read: { '': 31 }, newest, failed: 0 }] },
}

test.each(['sec-etcd-encryption', 'sec-etcd-encryption-coverage'])('%s', (id) => {
  const { snapshot } = worldOf(`apiVersion: k8s-harden.test/v1\nkind: World\nfacts: ${JSON.stringify(facts)}`)
  const { findings } = judge(controls.find((control) => control.id === id)!, snapshot)
  expect(findings.map(({ detail }) => detail).join()).toMatch(/of 25 that were read of 60, 25 are stored (?:in|as) plain text/)
})
