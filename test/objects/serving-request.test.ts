import { describe, expect, test } from 'vitest'
import type { NodeObject } from '../../src/model/index.ts'
import { faultsOfServing, type ServingRequest } from '../../src/objects/serving-request.ts'

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1' },
  status: {
    addresses: [
      { type: 'InternalIP', address: '10.0.0.1' },
      { type: 'InternalIP', address: 'fd00:0::1' },
      { type: 'Hostname', address: 'n1' },
    ],
  },
} as NodeObject
const good: ServingRequest = {
  username: 'system:node:n1',
  groups: ['system:nodes', 'system:authenticated'],
  signerName: 'kubernetes.io/kubelet-serving',
  usages: ['digital signature', 'server auth'],
  commonNames: ['system:node:n1'],
  organizations: ['system:nodes'],
  dnsNames: ['n1'],
  ips: ['10.0.0.1', 'fd00::1'],
  others: [],
}

test('a request for exactly what the node is may be approved, with an RSA key too', () => {
  expect(faultsOfServing(good, node)).toEqual([])
  expect(faultsOfServing({ ...good, usages: ['digital signature', 'key encipherment', 'server auth'] }, node)).toEqual([])
})

describe('a request is not approved', () => {
  const faulty: readonly (readonly [string, Partial<ServingRequest>, RegExp])[] = [
    ['of another node', { username: 'system:node:n2' }, /made by system:node:n2/],
    ['of somebody outside the group of nodes', { groups: ['system:authenticated'] }, /outside the group/],
    ['for another signer', { signerName: 'kubernetes.io/kube-apiserver-client' }, /asks kubernetes.io\/kube-apiserver-client/],
    ['for another subject', { commonNames: ['system:node:n2'] }, /names the subject system:node:n2/],
    ['with two subjects', { commonNames: ['system:node:n1', 'system:node:n2'] }, /names the subject/],
    ['for another organization', { organizations: ['system:nodes', 'system:masters'] }, /names the organization/],
    ['to log in with', { usages: ['digital signature', 'client auth'] }, /usages/],
    ['to sign with', { usages: ['digital signature', 'server auth', 'cert sign'] }, /usages/],
    ['for an address of another', { ips: ['10.0.0.1', 'fd00::1', '10.0.0.9'] }, /names 10.0.0.9, which the Node does not have/],
    ['for a name of another', { dnsNames: ['n1', 'kubernetes.default.svc'] }, /kubernetes.default.svc/],
    ['for mail or URIs', { others: ['url spiffe://x'] }, /spiffe/],
    ['that leaves an address out', { ips: ['10.0.0.1'] }, /leaves out fd00::1/],
    ['without any name', { ips: [], dnsNames: [] }, /names no address/],
  ]
  test.each(faulty)('%s', (_name, change, fault) => {
    expect(faultsOfServing({ ...good, ...change }, node).join('; ')).toMatch(fault)
  })
})
