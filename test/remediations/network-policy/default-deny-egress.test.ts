import { describe, expect, it } from 'vitest'
import { defaultDenyEgress } from '../../../remediations/network-policy/default-deny-egress.ts'
import { EVIDENCE } from '../../../remediations/network-policy/policy-rules.ts'
import type { Finding, Json, KubeObject, NetworkPolicyObject, Proposal } from '../../../src/model/index.ts'
import { worldOf } from '../../helpers/world.ts'

const pod = (name: string, namespace: string, spec = 'automountServiceAccountToken: false, ') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}}}\nspec: {${spec}containers: [{name: app, image: a}]}\n`
const service = (name: string, namespace: string, spec: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`
const dns = service(
  'kube-dns',
  'kube-system',
  '{clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10, "fd00:1::a"], selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}, {name: metrics, port: 9153}]}',
)
const api =
  'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}\naddressType: IPv4\nendpoints: [{addresses: [10.0.0.10]}, {addresses: [10.0.0.11]}]\nports: [{name: https, port: 6443, protocol: TCP}]\n'
const node = 'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDR: 10.244.0.0/16}\n'

function propose(documents: readonly string[], options: Record<string, Json> = {}): Proposal {
  const { snapshot } = worldOf(documents.join('---\n'))
  const finding = { subject: { apiVersion: 'v1', kind: 'Namespace', name: 'shop' } } as Finding
  return defaultDenyEgress().propose(finding, {
    view: snapshot,
    options: { mode: 'fence', outside: 'everything', ...options },
    alongside: [],
  })
}
function policies(documents: readonly string[], options: Record<string, Json> = {}): readonly NetworkPolicyObject[] {
  const proposal = propose(documents, options)
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  return proposal.changes.map((change) => (change as { object: KubeObject }).object as NetworkPolicyObject)
}
const names = (list: readonly NetworkPolicyObject[]) => list.map(({ metadata }) => metadata.name)
const named = (list: readonly NetworkPolicyObject[], name: string) => list.find(({ metadata }) => metadata.name === name)!.spec!

const DNS_RULE = {
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
    { ipBlock: { cidr: '10.96.0.10/32' } },
    { ipBlock: { cidr: 'fd00:1::a/128' } },
  ],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
}

describe('closing a namespace for egress', () => {
  it('allows DNS by the pods and the addresses of its Service, both protocols and both families', () =>
    expect(named(policies([pod('web', 'shop'), dns, node]), 'allow-dns')).toEqual({
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [DNS_RULE],
    }))

  it('writes first what holds all that every pod needs, and denies last', () => {
    const set = policies([pod('web', 'shop'), dns, node])
    expect(names(set)).toEqual(['block-metadata', 'allow-dns', 'default-deny-egress'])
    expect(named(set, 'block-metadata')).toEqual({
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [
        {
          to: [
            { ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.169.254/32', '10.244.0.0/16'] } },
            { ipBlock: { cidr: '::/0', except: ['fd00:ec2::254/128', 'fd20:ce::254/128'] } },
          ],
        },
        { to: [{ podSelector: {} }] },
        DNS_RULE,
      ],
    })
    for (const { metadata } of set) expect(metadata.annotations?.[EVIDENCE]).toMatch(/\w/)
    for (const { metadata } of set) expect(metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'k8s-harden' })
  })

  it('sees the port of the DNS pods where it is another (OpenShift)', () => {
    const openshift = service(
      'dns-default',
      'openshift-dns',
      '{clusterIP: 172.30.0.10, selector: {dns: default}, ports: [{port: 53, protocol: UDP, targetPort: dns}, {port: 53, protocol: TCP, targetPort: dns-tcp}]}',
    )
    const pods =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: dns, namespace: openshift-dns, labels: {dns: default}}\nspec: {containers: [{name: dns, image: d, ports: [{name: dns, containerPort: 5353, protocol: UDP}, {name: dns-tcp, containerPort: 5353, protocol: TCP}]}]}\n'
    expect(named(policies([pod('web', 'shop'), openshift, pods]), 'allow-dns').egress![0]!.ports).toEqual([
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
      { protocol: 'UDP', port: 5353 },
      { protocol: 'TCP', port: 5353 },
    ])
  })

  it('allows the cache on each node by its address, which no selector of pods matches', () => {
    const cache = (args: string) =>
      `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: node-local-dns, namespace: kube-system}\nspec: {template: {spec: {hostNetwork: true, containers: [{name: c, image: "registry.k8s.io/dns/k8s-dns-node-cache:1.23", args: ${args}}]}}}\n`
    const cidrs = (args: string) =>
      named(policies([pod('web', 'shop'), dns, cache(args)]), 'allow-dns').egress![0]!.to!.map(({ ipBlock }) => ipBlock?.cidr)
    expect(cidrs('["-localip", "169.254.25.10,10.96.0.10"]')).toContain('169.254.25.10/32')
    expect(cidrs('["-localip=169.254.20.11"]')).toContain('169.254.20.11/32')
    expect(cidrs('[]')).toContain('169.254.20.10/32')
  })

  it('allows the API server to those with a token only, at its own addresses', () => {
    const set = policies([pod('web', 'shop'), pod('operator', 'shop', ''), pod('other', 'shop', ''), dns, api, node])
    expect(names(set)[0]).toBe('allow-api-server')
    expect(named(set, 'allow-api-server')).toMatchObject({
      podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['operator', 'other'] }] },
    })
    expect(named(set, 'allow-api-server').egress![0]).toEqual({
      to: [{ ipBlock: { cidr: '10.0.0.10/32' } }, { ipBlock: { cidr: '10.0.0.11/32' } }],
      ports: [{ protocol: 'TCP', port: 6443 }],
    })
    // It may be the first to isolate them.
    expect(named(set, 'allow-api-server').egress).toContainEqual(DNS_RULE)
  })

  it('is refused where the API server is not to be found and the outside is to be closed', () => {
    expect(propose([pod('web', 'shop', ''), dns], { outside: 'nothing' })).toEqual({
      refused: expect.stringContaining('addresses of the API server'),
    })
    expect(propose([pod('web', 'shop', ''), dns])).toHaveProperty('changes')
  })

  it('mirrors what the other side lets in: caller and callee by one list', () => {
    const caller = pod('web', 'shop', 'automountServiceAccountToken: false, ').replace('image: a', 'image: a, args: ["api.bank:80"]')
    const callee = pod('api', 'bank').replace('image: a', 'image: a, ports: [{name: http, containerPort: 8080}]')
    const set = policies([caller, callee, service('api', 'bank', '{selector: {app: api}, ports: [{port: 80, targetPort: http}]}'), dns])
    expect(names(set)[0]).toBe('allow-from-web')
    expect(named(set, 'allow-from-web').egress![0]).toEqual({
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'bank' } }, podSelector: { matchLabels: { app: 'api' } } }],
      ports: [{ protocol: 'TCP', port: 8080 }],
    })
  })

  it('leaves the metadata service to pods that take their identity from it', () => {
    const account =
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: shop, annotations: {iam.gke.io/gcp-service-account: a@b}}\n'
    const set = policies([pod('web', 'shop'), account, dns])
    expect(names(set)[0]).toBe('allow-metadata')
    expect(named(set, 'allow-metadata').egress![0]!.to).toContainEqual({ ipBlock: { cidr: '169.254.169.254/32' } })
    expect(named(set, 'allow-metadata').egress![0]!.ports!.map(({ port }) => port)).toEqual([80, 987, 988])
    expect(names(policies([pod('web', 'shop'), account, dns], { outside: 'nothing' }))).not.toContain('allow-metadata')
  })

  it('closes the outside where that is chosen, but for what evidence shows', () => {
    const slice = (address: string) =>
      `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: old-1, namespace: shop, labels: {kubernetes.io/service-name: old}}\naddressType: IPv4\nendpoints: [{addresses: [${address}]}]\nports: [{port: 5432, protocol: TCP}]\n`
    const world = [
      pod('web', 'shop').replace('image: a', 'image: a, args: ["old:5432"]'),
      service('old', 'shop', '{ports: [{port: 5432}]}'),
      slice('192.0.2.7'),
      dns,
    ]
    expect(JSON.stringify(policies(world, { outside: 'nothing' }))).not.toMatch(/0\.0\.0\.0|192\.0\.2\.7/)
    const set = policies(world, { outside: 'evidence' })
    expect(JSON.stringify(set)).not.toContain('0.0.0.0/0')
    expect(named(set, 'allow-from-web').egress![0]).toEqual({
      to: [{ ipBlock: { cidr: '192.0.2.7/32' } }],
      ports: [{ protocol: 'TCP', port: 5432 }],
    })
  })

  it('names the API server as an entity on Cilium, where no address matches it', () => {
    const cilium =
      'apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: cilium, namespace: kube-system}\nspec: {template: {spec: {hostNetwork: true, containers: [{name: c, image: "quay.io/cilium/cilium:v1.18"}]}}}\n'
    const set = policies([pod('web', 'shop', ''), dns, api, cilium]) as readonly (KubeObject & { spec: object })[]
    expect(set[0]).toMatchObject({
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'allow-api-server' },
      spec: {
        endpointSelector: { matchLabels: { app: 'web' } },
        enableDefaultDeny: { egress: false },
        egress: [{ toEntities: ['kube-apiserver'] }],
      },
    })
    expect(JSON.stringify(set)).not.toContain('10.0.0.10')
  })

  describe('on Cilium', () => {
    const cilium = (name: string) =>
      `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: ${name}, namespace: kube-system}\nspec: {template: {spec: {hostNetwork: true, containers: [{name: c, image: "gke.gcr.io/cilium/cilium:v1.18"}]}}}\n`
    const agent = [
      'apiVersion: v1\nkind: Pod\nmetadata: {name: agent, namespace: infra, labels: {app: agent}}\nspec: {hostNetwork: true, containers: [{name: app, image: a}]}\nstatus: {podIP: 10.0.0.5}\n',
      service('agent', 'infra', '{selector: {app: agent}, ports: [{port: 9000}]}'),
    ]
    const caller = pod('web', 'shop').replace('image: a', 'image: a, args: ["agent.infra:9000"]')

    it('names nodes as entities where pods on their network are called', () => {
      const set = policies([caller, ...agent, dns, cilium('cilium')]) as readonly KubeObject[]
      expect(set[0]).toMatchObject({
        kind: 'CiliumNetworkPolicy',
        metadata: { name: 'allow-to-agent-on-nodes' },
        spec: {
          endpointSelector: { matchLabels: { app: 'web' } },
          enableDefaultDeny: { egress: false },
          egress: [{ toEntities: ['host', 'remote-node'], toPorts: [{ ports: [{ port: '9000', protocol: 'TCP' }] }] }],
        },
      })
    })

    it('goes by addresses on Dataplane V2 of GKE, which has no such policies', () => {
      const set = policies([pod('web', 'shop', ''), dns, api, cilium('anetd')])
      expect(set.map(({ kind }) => kind)).not.toContain('CiliumNetworkPolicy')
      expect(named(set, 'allow-api-server').egress![0]!.to).toContainEqual({ ipBlock: { cidr: '10.0.0.10/32' } })
    })

    it('goes by the address of the node elsewhere, where addresses are closed', () => {
      for (const outside of ['nothing', 'evidence'])
        expect(named(policies([caller, ...agent, dns], { outside }), 'allow-from-web').egress![0]).toEqual({
          to: [{ ipBlock: { cidr: '10.0.0.5/32' } }],
          ports: [{ protocol: 'TCP', port: 9000 }],
        })
    })
  })

  it('allows the pods behind load balancers, whose addresses lead straight to them from inside', () => {
    const world = [
      pod('web', 'shop'),
      pod('nginx', 'ingress'),
      service('nginx', 'ingress', '{type: LoadBalancer, selector: {app: nginx}, ports: [{port: 443, targetPort: 8443}]}'),
      dns,
    ]
    const rule = {
      to: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress' } },
          podSelector: { matchLabels: { app: 'nginx' } },
        },
      ],
      ports: [{ protocol: 'TCP', port: 8443 }],
    }
    expect(named(policies(world), 'block-metadata').egress).toContainEqual(rule)
    expect(JSON.stringify(policies(world, { outside: 'evidence' }))).not.toContain('8443')
  })

  it('allows the agent of EKS Pod Identity, and names what cannot be named by address', () => {
    const world = [
      pod('web', 'shop').replace(
        'image: a',
        'image: a, env: [{name: AWS_CONTAINER_CREDENTIALS_FULL_URI, value: "http://169.254.170.23/v1/credentials"}]',
      ),
      service('db', 'shop', '{type: ExternalName, externalName: db.example.com}'),
      dns,
    ]
    expect(named(policies(world, { outside: 'nothing' }), 'allow-pod-identity').egress![0]).toEqual({
      to: [{ ipBlock: { cidr: '169.254.170.23/32' } }, { ipBlock: { cidr: 'fd00:ec2::23/128' } }],
      ports: [{ protocol: 'TCP', port: 80 }],
    })
    expect(propose(world, { outside: 'evidence' })).toMatchObject({
      mayBreak: expect.arrayContaining([expect.stringContaining('db.example.com')]),
    })
    expect(names(policies(world))).not.toContain('allow-pod-identity')
  })

  it('says so where DNS is nowhere to be found, and asks anywhere', () => {
    const proposal = propose([pod('web', 'shop')])
    expect(proposal).toMatchObject({ mayBreak: expect.arrayContaining([expect.stringContaining('no DNS Service')]) })
    expect(named(policies([pod('web', 'shop')]), 'allow-dns').egress).toEqual([{ ports: DNS_RULE.ports }])
  })

  it('is refused where what is called cannot be told', () => {
    const unread =
      'apiVersion: k8s-harden.test/v1\nkind: World\nunread: [{what: Service, why: forbidden, because: "the API server refused to list services (403)", answer: allow list on services}]\n'
    expect(propose([pod('web', 'shop'), unread])).toEqual({ refused: expect.stringContaining('allow list on services') })
  })
})
