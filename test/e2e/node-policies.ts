/** Policies whose verdicts are held against real connections: what the conformance tests of Kubernetes try, on pods a and b of x and y. */
export interface PolicyCase {
  readonly name: string
  /** Of namespace x, one per specification. */
  readonly specs: readonly object[]
}
const all = {}
const app = (name: string) => ({ matchLabels: { app: name } })
const inNamespace = (name: string) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })
const ingress = (podSelector: object, ...rules: object[]) => ({ podSelector, policyTypes: ['Ingress'], ingress: rules })
const egress = (podSelector: object, ...rules: object[]) => ({ podSelector, policyTypes: ['Egress'], egress: rules })

/** `address` gives the address of a pod such as `y/a`. */
export const policyCases = (address: (pod: string) => string): readonly PolicyCase[] => [
  { name: 'deny all ingress', specs: [ingress(all)] },
  { name: 'deny all egress', specs: [egress(all)] },
  { name: 'deny both, allow inside', specs: [ingress(all, { from: [{ podSelector: all }] }), egress(all, { to: [{ podSelector: all }] })] },
  { name: 'types left out, egress rules given', specs: [{ podSelector: app('a'), egress: [{ to: [{ podSelector: app('b') }] }] }] },
  { name: 'a pod selector means the own namespace', specs: [ingress(app('a'), { from: [{ podSelector: app('b') }] })] },
  { name: 'another namespace', specs: [ingress(all, { from: [{ namespaceSelector: inNamespace('y') }] })] },
  {
    name: 'namespace and pods together',
    specs: [ingress(app('a'), { from: [{ namespaceSelector: inNamespace('y'), podSelector: app('b') }] })],
  },
  {
    name: 'namespace or pods, apart',
    specs: [ingress(app('a'), { from: [{ namespaceSelector: { matchLabels: { team: 'nobody' } } }, { podSelector: app('b') }] })],
  },
  { name: 'one port', specs: [ingress(all, { ports: [{ port: 81 }] })] },
  { name: 'a named port, that only a has', specs: [ingress(all, { ports: [{ port: 'web' }] })] },
  { name: 'a range of ports', specs: [ingress(app('a'), { ports: [{ port: 79, endPort: 80 }] })] },
  { name: 'UDP only', specs: [ingress(app('b'), { from: [{ namespaceSelector: all }], ports: [{ protocol: 'UDP', port: 53 }] })] },
  {
    name: 'egress to a named port and to DNS',
    specs: [egress(app('b'), { to: [{ namespaceSelector: all }], ports: [{ port: 'web' }] }, { ports: [{ protocol: 'UDP', port: 53 }] })],
  },
  {
    name: 'addresses with an exception',
    specs: [ingress(app('a'), { from: [{ ipBlock: { cidr: '198.18.0.0/15', except: [`${address('y/a')}/32`] } }] })],
  },
  { name: 'egress to one address', specs: [egress(app('a'), { to: [{ ipBlock: { cidr: `${address('y/b')}/32` } }] })] },
  {
    name: 'two policies add up',
    specs: [ingress(app('a'), { from: [{ podSelector: app('b') }] }), ingress(all, { ports: [{ port: 80 }] })],
  },
]
