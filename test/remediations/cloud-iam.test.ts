import { expect, test } from 'vitest'
import { takeCloudAccess } from '../../remediations/cloud-iam.ts'
import type { Finding, Json, Proposal } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

const propose = (evidence: Json, options: Readonly<Record<string, Json>> = {}): Proposal =>
  takeCloudAccess.propose({ evidence } as unknown as Finding<never>, {
    view: worldOf('apiVersion: v1\nkind: Namespace\nmetadata: {name: x}').snapshot,
    options,
    alongside: [],
  })
const argvOf = (proposal: Proposal): readonly string[] | undefined => {
  const change = 'changes' in proposal ? proposal.changes[0] : undefined
  return change?.type === 'command' ? change.argv : undefined
}

test('an access policy is taken from whom it was given to, and can be given back', () => {
  const access = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy'
  const grant = { principal: 'arn:aws:iam::111122223333:role/ops', access, admin: true }
  const proposal = propose({ provider: 'eks', cluster: 'eu-west-1/shop', grant })
  expect(argvOf(proposal)).toEqual([
    'aws',
    'eks',
    'disassociate-access-policy',
    '--cluster-name',
    'shop',
    '--region',
    'eu-west-1',
    '--principal-arn',
    grant.principal,
    '--policy-arn',
    access,
  ])
  expect(proposal).toMatchObject({
    risk: 'may-break',
    changes: [{ undo: expect.arrayContaining(['associate-access-policy', '--access-scope', 'type=cluster']) }],
    mayBreak: [expect.stringContaining('second session')],
  })
})
test('a role of a project, local accounts', () => {
  const grant = { principal: 'user:ada@example.com', access: 'roles/container.admin', admin: true }
  expect(argvOf(propose({ provider: 'gke', cluster: 'proj/eu/shop', grant }))).toEqual([
    'gcloud',
    'projects',
    'remove-iam-policy-binding',
    'proj',
    '--member',
    grant.principal,
    '--role',
    grant.access,
    '--condition',
    'None',
  ])
  expect(argvOf(propose({ provider: 'aks', cluster: 'rg/shop', setting: 'localAccounts' }))).toEqual([
    'az',
    'aks',
    'update',
    '--resource-group',
    'rg',
    '--name',
    'shop',
    '--disable-local-accounts',
  ])
})
test('aws-auth and policies are changed by hand, the new way in first', () => {
  const words = (evidence: Json) => {
    const proposal = propose(evidence)
    return 'byHand' in proposal ? proposal.byHand : ''
  }
  const ops = words({ arn: 'arn:aws:iam::111122223333:role/ops' })
  const order = [
    'aws eks create-access-entry',
    'second session',
    'keeps a copy',
    'eksctl delete iamidentitymapping --cluster CLUSTER --arn arn:aws:iam::111122223333:role/ops',
    'node roles',
  ]
  expect(order.map((part) => ops.indexOf(part))).toEqual(order.map((part) => ops.indexOf(part)).toSorted((a, b) => a - b))
  for (const part of order) expect(ops).toContain(part)
  // Nobody can make an access entry for a pattern.
  for (const arn of ['arn:aws:iam::1:role/*', 'arn:aws:iam::1:root']) expect(words({ arn })).not.toContain(arn)
  const nodes = words({ arn: 'arn:aws:iam::1:role/nodes', nodes: true })
  expect(nodes).not.toContain('delete')
  expect(nodes).toContain('system:nodes')
  expect(propose({ provider: 'oke', cluster: 'ocid1', grant: { principal: 'g', access: 's', admin: true } })).toMatchObject({
    byHand: expect.stringContaining('first'),
  })
})

test('local accounts that are the only way in are not turned off', () =>
  expect(propose({ provider: 'aks', cluster: 'rg/shop', setting: 'entra' })).toMatchObject({
    byHand: expect.stringContaining('--enable-aad'),
  }))
