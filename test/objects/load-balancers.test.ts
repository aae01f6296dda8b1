import { describe, expect, test } from 'vitest'
import type { NodeObject, ServiceObject, View } from '../../src/model/index.ts'
import {
  declaredInternal,
  internalAnnotation,
  internalBecause,
  isInternalByDefault,
  providerOf,
  sourcesOf,
} from '../../src/objects/load-balancers.ts'

const service = (annotations: Record<string, string>, spec: object = {}, ips: readonly object[] = []): ServiceObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', annotations },
  spec: { type: 'LoadBalancer', ...spec },
  ...(ips.length > 0 && { status: { loadBalancer: { ingress: ips } } }),
})
const on = (providerID: string): View<'Node'> =>
  ({
    all: () => [{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: { providerID } } as NodeObject],
  }) as unknown as View<'Node'>

describe('a load balancer stands inside', () => {
  test.each([
    ['service.beta.kubernetes.io/aws-load-balancer-scheme', 'internal'],
    ['service.beta.kubernetes.io/aws-load-balancer-internal', 'true'],
    ['networking.gke.io/load-balancer-type', 'Internal'],
    ['cloud.google.com/load-balancer-type', 'internal'],
    ['service.beta.kubernetes.io/azure-load-balancer-internal', 'True'],
    ['service.beta.kubernetes.io/oci-load-balancer-internal', 'true'],
    ['oci-network-load-balancer.oraclecloud.com/internal', 'true'],
    ['service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type', 'intranet'],
    ['service.beta.kubernetes.io/openstack-internal-load-balancer', 'true'],
    ['service.beta.kubernetes.io/do-loadbalancer-network', 'INTERNAL'],
    ['service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type', 'private'],
    ['service.beta.kubernetes.io/scw-loadbalancer-private', 'true'],
    ['yandex.cloud/load-balancer-type', 'internal'],
    ['load-balancer.hetzner.cloud/disable-public-network', 'true'],
    ['service.kubernetes.io/qcloud-loadbalancer-internal-subnetid', 'subnet-1'],
  ])('by %s: %s', (name, value) => expect(declaredInternal(service({ [name]: value }))).toContain(name))

  test.each([
    ['service.beta.kubernetes.io/aws-load-balancer-scheme', 'internet-facing'],
    ['service.beta.kubernetes.io/aws-load-balancer-internal', 'false'],
    ['networking.gke.io/load-balancer-type', 'External'],
    ['service.beta.kubernetes.io/azure-load-balancer-internal', 'false'],
    ['service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type', 'internet'],
  ])('not by %s: %s', (name, value) => expect(internalBecause(service({ [name]: value }))).toBeUndefined())

  test('by its addresses, where all of them are private', () => {
    expect(internalBecause(service({}, {}, [{ ip: '192.168.4.2' }, { ip: 'fd00::1' }]))).toBe('its addresses are private')
    expect(internalBecause(service({}, {}, [{ ip: '192.168.4.2' }, { ip: '8.8.8.8' }]))).toBeUndefined()
    expect(internalBecause(service({}, {}, [{ hostname: 'internal-a-1.eu-west-1.elb.amazonaws.com' }]))).toBeDefined()
    expect(internalBecause(service({}, {}, [{ hostname: 'a-1.elb.eu-west-1.amazonaws.com' }]))).toBeUndefined()
    // What addresses say is no declaration: it may be another one tomorrow.
    expect(declaredInternal(service({}, {}, [{ ip: '192.168.4.2' }]))).toBeUndefined()
  })
  test('by its class', () => {
    expect(internalBecause(service({}, { loadBalancerClass: 'tailscale' }))).toBeDefined()
    expect(internalBecause(service({ 'tailscale.com/funnel': 'true' }, { loadBalancerClass: 'tailscale' }))).toBeUndefined()
    expect(isInternalByDefault(service({}, { loadBalancerClass: 'service.k8s.aws/nlb' }))).toBe(true)
    const named = { 'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internet-facing' }
    expect(isInternalByDefault(service(named, { loadBalancerClass: 'service.k8s.aws/nlb' }))).toBe(false)
  })
})

describe('whom it lets in', () => {
  test('the field beats the annotation, which counts where the field is empty', () => {
    const annotations = { 'service.beta.kubernetes.io/load-balancer-source-ranges': '10.0.0.0/8, 203.0.113.0/24' }
    expect(sourcesOf(service(annotations), undefined).ranges).toEqual(['10.0.0.0/8', '203.0.113.0/24'])
    expect(sourcesOf(service(annotations, { loadBalancerSourceRanges: ['0.0.0.0/0'] }), undefined).ranges).toEqual(['0.0.0.0/0'])
  })
  test('a list that is kept elsewhere is named', () => {
    const annotations = { 'service.beta.kubernetes.io/azure-allowed-service-tags': 'AzureFrontDoor.Backend' }
    expect(sourcesOf(service(annotations), undefined).elsewhere).toContain('azure-allowed-service-tags')
  })
  test('some providers do not heed the field', () => {
    const limited = service({}, { loadBalancerSourceRanges: ['203.0.113.0/24'] })
    expect(sourcesOf(limited, providerOf(on('hcloud://1'))).ignored).toMatch(/Hetzner/)
    expect(sourcesOf(limited, providerOf(on('aws:///a/i-1'))).ignored).toBeUndefined()
    const unmanaged = service({ 'service.beta.kubernetes.io/oci-load-balancer-security-list-management-mode': 'None' })
    expect(sourcesOf(unmanaged, undefined).ignored).toMatch(/no rules/)
  })
})

test('what is written to move it inside is what the provider reads', () => {
  expect(internalAnnotation(providerOf(on('gce://p/z/i')))).toEqual(['networking.gke.io/load-balancer-type', 'Internal'])
  expect(internalAnnotation(providerOf(on('ocid1.instance.oc1.x')))).toEqual([
    'service.beta.kubernetes.io/oci-load-balancer-internal',
    'true',
  ])
  for (const id of ['aws:///a/i', 'gce://p', 'azure:///s', 'ocid1.i', 'openstack:///1', 'digitalocean://1', 'ibm://1', 'hcloud://1']) {
    const [name, value] = internalAnnotation(providerOf(on(id)))!
    expect(internalBecause(service({ [name]: value })), id).toBeDefined()
  }
  expect(internalAnnotation(providerOf(on('linode://1')))).toBeUndefined()
  expect(internalAnnotation(providerOf(on('metal://1')))).toBeUndefined()
})
