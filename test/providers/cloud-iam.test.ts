/** Against stand-ins for aws, gcloud, az and oci on PATH: what is run, and what is made of the answers. No real cloud was ever asked. */
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cloudIam } from '../../src/providers/cloud-iam.ts'
import { clusterNamed, clusterOf } from '../../src/providers/cluster-name.ts'
import { teller } from '../../src/providers/command.ts'

let dir: string
const path = process.env['PATH']
const { signal } = new AbortController()
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'k8s-harden-clouds-'))
  process.env['PATH'] = dir
})
afterEach(() => {
  process.env['PATH'] = path
})

/** A program that notes its arguments and answers by the first pattern that they match; without one it fails. */
async function program(name: string, answers: Readonly<Record<string, unknown>>): Promise<void> {
  const script = `#!${process.execPath}
const { appendFileSync } = require('node:fs')
const args = process.argv.slice(2)
appendFileSync(${JSON.stringify(join(dir, 'calls'))}, JSON.stringify([${JSON.stringify(name)}, ...args]) + '\\n')
const answers = ${JSON.stringify(answers)}
const key = Object.keys(answers).find((one) => args.join(' ').includes(one))
if (key === undefined) { console.error('AccessDenied: no \\u001b[31mrights'); process.exit(254) }
if (answers[key] === 'hang') setInterval(() => {}, 1000)
else console.log(typeof answers[key] === 'string' ? answers[key] : JSON.stringify(answers[key]))
`
  await writeFile(join(dir, name), script)
  await chmod(join(dir, name), 0o755)
}
const calls = async (): Promise<string[][]> =>
  (await readFile(join(dir, 'calls'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string[])

const EKS = { provider: 'eks', region: 'eu-west-1', name: 'shop' } as const
const [OPS, DEV] = ['arn:aws:iam::111122223333:role/ops', 'arn:aws:iam::111122223333:role/dev']
const policy = (name: string, type: string) => ({
  policyArn: `arn:aws:eks::aws:cluster-access-policy/${name}`,
  accessScope: { type, namespaces: [] },
})

describe('EKS', () => {
  test('access entries and their policies; an administrator of a namespace is none of the cluster', async () => {
    await program('aws', {
      'describe-cluster': { cluster: { name: 'shop', accessConfig: { authenticationMode: 'API_AND_CONFIG_MAP' } } },
      'list-access-entries': { accessEntries: [OPS, DEV] },
      [`--principal-arn ${OPS}`]: { associatedAccessPolicies: [policy('AmazonEKSClusterAdminPolicy', 'cluster')] },
      [`--principal-arn ${DEV}`]: {
        associatedAccessPolicies: [policy('AmazonEKSClusterAdminPolicy', 'namespace'), policy('AmazonEKSEditPolicy', 'cluster')],
      },
    })
    expect(await cloudIam(EKS, signal)).toEqual({
      provider: 'eks',
      cluster: 'eu-west-1/shop',
      settings: { authenticationMode: 'API_AND_CONFIG_MAP' },
      unanswered: [],
      grants: [
        { principal: OPS, access: policy('AmazonEKSClusterAdminPolicy', '').policyArn, admin: true },
        { principal: DEV, access: policy('AmazonEKSClusterAdminPolicy', '').policyArn, admin: false },
        { principal: DEV, access: policy('AmazonEKSEditPolicy', '').policyArn, admin: false, writes: true },
      ],
    })
    // Only questions, and never a shell.
    for (const [, , verb = ''] of await calls()) expect(verb).toMatch(/^(describe|list|get|show)\b/)
  })

  test('a program that is missing, refuses, prints something else or hangs leaves its question open', async () => {
    expect((await cloudIam(EKS, signal)).unanswered).toContainEqual({
      command: 'aws eks list-access-entries --cluster-name shop --region eu-west-1 --output json',
      because: 'aws is not installed',
    })
    await program('aws', { 'describe-cluster': { cluster: {} } })
    expect((await cloudIam(EKS, signal)).unanswered).toEqual([
      { command: expect.stringContaining('list-access-entries'), because: 'AccessDenied: no rights' },
    ])
    await program('aws', { 'describe-cluster': { cluster: {} }, 'list-access-entries': 'Update available!' })
    expect((await cloudIam(EKS, signal)).unanswered).toMatchObject([{ because: 'what it printed is no JSON' }])
    await program('aws', { 'describe-cluster': { cluster: {} }, 'list-access-entries': { somethingElse: [] } })
    expect((await cloudIam(EKS, signal)).unanswered).toMatchObject([{ because: 'its answer has no "accessEntries"' }])
    await program('aws', { 'describe-cluster': { cluster: {} }, 'list-access-entries': 'hang' })
    expect((await cloudIam(EKS, signal, teller(signal, 500))).unanswered).toMatchObject([{ because: 'it did not finish within 0.5 s' }])
  })

  test('where aws-auth alone counts there are no entries to ask for', async () => {
    await program('aws', { 'describe-cluster': { cluster: { accessConfig: { authenticationMode: 'CONFIG_MAP' } } } })
    expect(await cloudIam(EKS, signal)).toMatchObject({ grants: [], unanswered: [], settings: { authenticationMode: 'CONFIG_MAP' } })
  })
})

test('GKE: roles of the project that the cluster heeds', async () => {
  await program('gcloud', {
    'clusters describe': { name: 'shop', authenticatorGroupsConfig: { enabled: true } },
    'get-iam-policy': {
      etag: 'x',
      bindings: [
        { role: 'roles/container.admin', members: ['user:ada@example.com'] },
        { role: 'roles/container.developer', members: ['group:dev@example.com'] },
        { role: 'roles/container.viewer', members: ['group:all@example.com'] },
        { role: 'roles/storage.admin', members: ['user:bob@example.com'] },
      ],
    },
  })
  const fact = await cloudIam({ provider: 'gke', project: 'proj', location: 'europe-west1', name: 'shop' }, signal)
  expect(fact).toMatchObject({ cluster: 'proj/europe-west1/shop', settings: { groups: 'on' }, unanswered: [] })
  expect(fact.grants.map(({ principal, admin, writes = false }) => [principal, admin, writes])).toEqual([
    ['user:ada@example.com', true, false],
    ['group:dev@example.com', false, true],
    ['group:all@example.com', false, false],
  ])
})

test('AKS: Entra ID, Azure RBAC, local accounts', async () => {
  await program('az', {
    'aks show': { name: 'shop', aadProfile: { enableAzureRbac: false, adminGroupObjectIDs: ['g1'] }, disableLocalAccounts: false },
  })
  expect(await cloudIam({ provider: 'aks', group: 'rg', name: 'shop' }, signal)).toMatchObject({
    settings: { entra: 'on', azureRbac: 'off', localAccounts: 'on' },
    grants: [{ principal: 'g1', admin: false }],
  })
  await program('az', { 'aks show': { name: 'shop', aadProfile: null, disableLocalAccounts: true } })
  expect((await cloudIam({ provider: 'aks', group: 'rg', name: 'shop' }, signal)).settings).toEqual({
    entra: 'off',
    azureRbac: 'off',
    localAccounts: 'off',
  })
})

test('OKE: statements of the compartment', async () => {
  await program('oci', {
    'cluster get': { data: { 'compartment-id': 'ocid1.compartment.oc1..c' } },
    'policy list': {
      data: [
        {
          statements: [
            'Allow group ops to manage cluster-family in compartment C',
            'Allow group dev to use clusters in compartment C',
            'Allow group x to read buckets in tenancy',
          ],
        },
      ],
    },
  })
  const { grants } = await cloudIam({ provider: 'oke', id: 'ocid1.cluster.oc1.eu.x' }, signal)
  expect(grants.map(({ principal, admin }) => [principal, admin])).toEqual([
    ['Allow group ops', true],
    ['Allow group dev', false],
  ])
})

describe('what a cluster is called at its provider', () => {
  test.each([
    [
      { name: 'arn:aws:eks:eu-west-1:111122223333:cluster/shop', userName: '' },
      { provider: 'eks', region: 'eu-west-1', name: 'shop' },
    ],
    [
      { name: 'gke_proj_europe-west1_shop', userName: '' },
      { provider: 'gke', project: 'proj', location: 'europe-west1', name: 'shop' },
    ],
    [
      { name: 'shop', userName: 'clusterUser_my_rg_shop' },
      { provider: 'aks', group: 'my_rg', name: 'shop' },
    ],
    [
      {
        name: 'x',
        userName: '',
        exec: { command: '/usr/bin/aws', args: ['--region', 'eu-west-1', 'eks', 'get-token', '--cluster-name', 'shop'] },
      },
      { provider: 'eks', region: 'eu-west-1', name: 'shop' },
    ],
    [
      {
        name: 'x',
        userName: '',
        exec: { command: 'oci', args: ['ce', 'cluster', 'generate-token', '--cluster-id', 'ocid1.cluster.oc1.eu.x'] },
      },
      { provider: 'oke', id: 'ocid1.cluster.oc1.eu.x' },
    ],
    [{ name: 'kind-kind', userName: 'kind-kind' }, undefined],
    // A name that would be an option of the program.
    [{ name: 'arn:aws:eks:eu-west-1:111122223333:cluster/--profile', userName: '' }, undefined],
  ])('%j', (context, expected) => expect(clusterOf(context)).toEqual(expected))
  test.each(['eks:shop', 'gke:a/b', 'aks:rg/--x', 'oke:shop', 'nonsense', 'eks:../shop; rm'])('%s is refused', (text) =>
    expect(clusterNamed(text)).toBeUndefined(),
  )
})
