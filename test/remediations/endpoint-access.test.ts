import { describe, expect, test } from 'vitest'
import { privateEndpoint, restrictEndpoint } from '../../remediations/endpoint-access.ts'
import type { Finding, Json, Remedy } from '../../src/model/index.ts'
import { CONTROL_PLANE } from '../../src/objects/flags.ts'
import { worldOf } from '../helpers/world.ts'

const cluster = (label: string) => worldOf(`apiVersion: v1\nkind: Node\nmetadata: {name: n, labels: {${label}: a}}\n`).snapshot
const EKS = cluster('eks.amazonaws.com/nodegroup')
const OKE = cluster('oke.oraclecloud.com/pool')
const AKS = cluster('kubernetes.azure.com/cluster')
const GKE = cluster('cloud.google.com/gke-nodepool')
const propose = (remedy: Remedy<unknown>, view: typeof EKS, options: Record<string, Json>) =>
  remedy.propose({ subject: CONTROL_PLANE, evidence: null } as unknown as Finding<unknown>, { view, options, alongside: [] })

describe('a private endpoint', () => {
  test('asks for what it does not know', () =>
    expect(propose(privateEndpoint, EKS, { region: 'eu-central-1' })).toMatchObject({ needs: { option: 'cluster' } }))
  test.each([
    [
      EKS,
      { region: 'eu-central-1', cluster: 'prod' },
      'aws eks update-cluster-config --region eu-central-1 --name prod --resources-vpc-config endpointPublicAccess=false,endpointPrivateAccess=true',
    ],
    [
      GKE,
      { location: 'europe-west1', cluster: 'prod' },
      'gcloud container clusters update prod --location europe-west1 --enable-private-endpoint',
    ],
    [
      OKE,
      { cluster: 'ocid1.cluster.x', nsg: 'ocid1.nsg.y' },
      'oci ce cluster update-endpoint-config --cluster-id ocid1.cluster.x --nsg-ids ["ocid1.nsg.y"] --is-public-ip-enabled false',
    ],
  ])('is one command, with one to take it back', (view, options, command) => {
    const proposal = propose(privateEndpoint, view, options) as unknown as { risk: string; changes: { argv: string[]; undo: string[] }[] }
    expect(proposal.risk).toBe('may-break')
    expect(proposal.changes[0]!.argv.join(' ')).toBe(command)
    expect(proposal.changes[0]!.undo).not.toEqual(proposal.changes[0]!.argv)
    expect(proposal.changes[0]!.undo).toHaveLength(proposal.changes[0]!.argv.length)
  })
  test('is no single command on AKS', () =>
    expect(propose(privateEndpoint, AKS, {})).toMatchObject({ byHand: expect.stringContaining('az aks') }))
  test('is a matter of firewalls where no provider runs the cluster', () =>
    expect(propose(privateEndpoint, worldOf('').snapshot, {})).toMatchObject({ byHand: expect.stringContaining('6443') }))
})

test('an access list at the provider', () => {
  expect(propose(restrictEndpoint, AKS, { group: 'g', cluster: 'c', cidrs: '198.51.100.0/24' })).toMatchObject({
    changes: [
      { argv: ['az', 'aks', 'update', '--resource-group', 'g', '--name', 'c', '--api-server-authorized-ip-ranges', '198.51.100.0/24'] },
    ],
  })
  expect(propose(restrictEndpoint, EKS, { region: 'r', cluster: 'c' })).toMatchObject({ needs: { option: 'cidrs' } })
})
