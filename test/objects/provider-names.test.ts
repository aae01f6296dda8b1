/** Clusters whose control plane a provider runs, as they look through the API, and what controls of that control plane say of them. */
import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { Attestations } from '../../src/engine/attestations.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Snapshot } from '../../src/model/index.ts'
import { clusterNames, encryptionAnswer, providerAnswer } from '../../src/objects/provider-names.ts'
import { worldOf } from '../helpers/world.ts'

function cluster(kubernetes: string, context: string, labels: object, providerID: string): Snapshot {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', labels }, spec: { providerID } }
  const { snapshot } = worldOf([{ kind: 'World', kubernetes }, node].map((one) => JSON.stringify(one)).join('\n---\n'))
  return { ...snapshot, source: { ...snapshot.source, name: context } } as Snapshot
}
const aks = (context: string, nodeGroup: string): Snapshot =>
  cluster('v1.33.2', context, { 'kubernetes.azure.com/cluster': nodeGroup }, 'azure:///subscriptions/1')
const eks = (context: string, version = '1.33.1', labels: object = {}): Snapshot =>
  cluster(`v${version}-eks-1de2ab1`, context, labels, 'aws:///eu-west-1a/i-1')

const CLUSTERS = {
  eks: eks('arn:aws:eks:eu-west-1:123456789012:cluster/prod'),
  'eks before 1.28': eks('arn:aws:eks:eu-west-1:123456789012:cluster/prod', '1.27.9'),
  gke: cluster(
    'v1.33.4-gke.1100000',
    'gke_acme_europe-west1_prod',
    { 'cloud.google.com/gke-nodepool': 'x' },
    'gce://acme/europe-west1-b/n',
  ),
  aks: aks('prod', 'MC_shop_prod_westeurope'),
  oke: cluster('v1.33.1', 'context-c1', { 'oke.oraclecloud.com/node.info.private_subnet': 'true' }, 'ocid1.instance.oc1..x'),
  doks: cluster('v1.33.1', 'do-fra1-prod', { 'doks.digitalocean.com/node-pool': 'x' }, 'digitalocean://1'),
} satisfies Record<string, Snapshot>

describe('the command that asks the provider', () => {
  test.each([
    ['eks', 'aws eks describe-cluster --name prod --region eu-west-1'],
    ['gke', 'gcloud container clusters describe prod --location europe-west1 --project acme'],
    ['aks', 'az aks show --resource-group shop --name prod'],
    ['oke', 'oci ce cluster get --cluster-id CLUSTER_OCID'],
    ['doks', 'doctl kubernetes cluster get prod'],
  ] as const)('%s', (name, command) => {
    expect(providerAnswer(CLUSTERS[name])).toBe(command)
  })

  test('has a placeholder for what nothing tells', () => {
    expect(providerAnswer(eks('mine'))).toBe('aws eks describe-cluster --name CLUSTER --region REGION')
    expect(providerAnswer(aks('mine', 'nodes-of-mine'))).toBe('az aks show --resource-group GROUP --name CLUSTER')
  })

  test('takes what nodes and other tools tell', () => {
    expect(
      clusterNames(eks('mine', '1.33.1', { 'topology.kubernetes.io/region': 'eu-west-1', 'alpha.eksctl.io/cluster-name': 'c' })),
    ).toEqual({ cluster: 'c', region: 'eu-west-1' })
    expect(clusterNames(eks('me@prod.eu-west-1.eksctl.io'))).toEqual({ cluster: 'prod', region: 'eu-west-1' })
  })

  test('does not guess where a name of AKS ends, unless the context says it', () => {
    expect(clusterNames(aks('mine', 'MC_a_b_c_westeurope'))).toEqual({})
    expect(clusterNames(aks('b_c-admin', 'MC_a_b_c_westeurope'))).toEqual({ group: 'a', cluster: 'b_c' })
  })

  test('never has in it what a shell would run', () => {
    for (const context of ['gke_a_b_$(reboot)', 'gke_a;b_c_d', 'arn:aws:eks:eu-west-1:1:cluster/-x', 'do-fra1-a b'])
      expect(clusterNames({ ...CLUSTERS.gke, source: { ...CLUSTERS.gke.source, name: context } } as Snapshot)).toEqual({ project: 'acme' })
    expect(clusterNames(aks('`x`', 'MC_$(x)_`x`_westeurope'))).toEqual({})
  })
})

/** Those of practices 2, 3, 4 and 6 that look at flags of the control plane. */
const ofControlPlane = controls.filter(
  ({ practice, consults = [], reads }) =>
    ['secrets', 'api-endpoint', 'nodes-and-pods', 'audit'].includes(practice) &&
    reads.length === 0 &&
    (consults as readonly string[]).includes('ApiServerFlagz'),
)
/** It judges labels of namespaces, which are seen; the flags only say what stands behind them. */
const OF_NAMESPACES = 'psa-label-quality'

describe.each(Object.entries(CLUSTERS))('of the control plane of %s, unseen', (_name, snapshot) => {
  test.each(ofControlPlane.map((control) => [control.id, control] as const))(
    '%s does not pass, nor sends anybody to its hosts',
    (id, control) => {
      const { status, because = '', answers = [] } = judge(control, snapshot)
      if (id !== OF_NAMESPACES) expect(['unknown', 'attested'], because).toContain(status)
      expect([because, ...answers].join('\n')).not.toMatch(/--host|\/etc\/kubernetes/)
    },
  )
})

test.each(['gke', 'aks', 'eks before 1.28'] as const)(
  'whether %s encrypts is asked of the provider, and its answer may be attested',
  (name) => {
    const control = controls.find(({ id }) => id === 'sec-etcd-encryption')!
    const snapshot = CLUSTERS[name]
    const asked = judge(control, snapshot)
    expect(asked.status).toBe('unknown')
    expect(asked.answers?.join()).toContain(encryptionAnswer(snapshot))
    expect(encryptionAnswer(snapshot)).toMatch(/databaseEncryption\.state|azureKeyVaultKms|encryptionConfig/)
    const word = { control: control.id, answer: 'ENCRYPTED', by: 'sre', on: '2026-11-01', until: '2027-05-01' }
    const { attestedBy } = new Attestations([word], snapshot.now)
    expect(judge(control, snapshot, undefined, undefined, attestedBy)).toMatchObject({ status: 'attested', attestation: { by: 'sre' } })
  },
)
