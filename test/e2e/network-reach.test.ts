/** `reach` on a real API server: every pair of pods and port, against a computation that shares nothing with ours; and that it only looks. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { AuditEvent } from '../cluster/audit.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli } from '../helpers/cli.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

type Labels = Record<string, string>
interface Peer {
  readonly podSelector?: { readonly matchLabels?: Labels }
  readonly namespaceSelector?: { readonly matchLabels?: Labels }
  readonly ipBlock?: { readonly cidr: string }
}
interface Rule {
  readonly peers?: readonly Peer[]
  readonly ports?: readonly { readonly protocol: string; readonly port: number; readonly endPort?: number }[]
}
interface Policy {
  readonly namespace: string
  readonly selector: Labels
  readonly ingress?: readonly Rule[]
  readonly egress?: readonly Rule[]
}
const NAMESPACES = ['x', 'y', 'z']
const PODS = NAMESPACES.flatMap((namespace, n) =>
  ['a', 'b', 'c'].map((name, index) => ({ namespace, name, labels: { pod: name, ns: namespace }, ip: `10.244.${n}.${index + 10}` })),
)
const web = { podSelector: { matchLabels: { pod: 'a' } } }
const POLICIES: readonly Policy[] = [
  { namespace: 'x', selector: {}, ingress: [] },
  { namespace: 'x', selector: { pod: 'a' }, ingress: [{ peers: [web], ports: [{ protocol: 'TCP', port: 80 }] }] },
  {
    namespace: 'x',
    selector: { pod: 'b' },
    ingress: [{ peers: [{ namespaceSelector: { matchLabels: { team: 'y' } }, podSelector: { matchLabels: { pod: 'b' } } }] }],
  },
  {
    namespace: 'y',
    selector: { pod: 'c' },
    egress: [
      {
        peers: [{ namespaceSelector: {} }],
        ports: [
          { protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 80, endPort: 90 },
        ],
      },
    ],
  },
  {
    namespace: 'z',
    selector: { pod: 'b' },
    ingress: [{ peers: [{ ipBlock: { cidr: '10.244.1.0/24' } }] }],
    egress: [{ ports: [{ protocol: 'TCP', port: 81 }] }],
  },
]
const PORTS = [
  ['TCP', 80],
  ['TCP', 81],
  ['UDP', 53],
] as const

// ── the other computation ──────────────────────────────────────────────────────────────────────
type Pod = (typeof PODS)[number]
const holds = (wanted: Labels = {}, labels: Labels) => Object.entries(wanted).every(([key, value]) => labels[key] === value)
const isPeer = ({ podSelector, namespaceSelector, ipBlock }: Peer, policy: Policy, other: Pod): boolean => {
  if (ipBlock !== undefined) return other.ip.startsWith(ipBlock.cidr.replace('.0/24', '.'))
  const isNamespace =
    namespaceSelector === undefined ? other.namespace === policy.namespace : holds(namespaceSelector.matchLabels, { team: other.namespace })
  return isNamespace && holds(podSelector?.matchLabels, other.labels)
}
function lets(pod: Pod, other: Pod, side: 'ingress' | 'egress', protocol: string, port: number): boolean {
  const mine = POLICIES.filter(
    (policy) => policy.namespace === pod.namespace && holds(policy.selector, pod.labels) && policy[side] !== undefined,
  )
  if (mine.length === 0) return true
  return mine.some((policy) =>
    policy[side]!.some(
      ({ peers, ports }) =>
        (peers === undefined || peers.some((peer) => isPeer(peer, policy, other))) &&
        (ports === undefined || ports.some((one) => one.protocol === protocol && port >= one.port && port <= (one.endPort ?? one.port))),
    ),
  )
}
const expected = (from: Pod, to: Pod, protocol: string, port: number) =>
  from === to || (lets(from, to, 'egress', protocol, port) && lets(to, from, 'ingress', protocol, port))

const objectOf = ({ namespace, selector, ingress, egress }: Policy, index: number) => {
  const rules = (list: readonly Rule[] | undefined, key: string) =>
    list?.map(({ peers, ports }) => ({ ...(peers && { [key]: peers }), ...(ports && { ports }) }))
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `p${index}`, namespace },
    spec: {
      podSelector: { matchLabels: selector },
      policyTypes: [...(ingress ? ['Ingress'] : []), ...(egress ? ['Egress'] : [])],
      ...(ingress && { ingress: rules(ingress, 'from') }),
      ...(egress && { egress: rules(egress, 'to') }),
    },
  }
}
const isReading = ({ verb, objectRef }: AuditEvent): boolean =>
  ['get', 'list', 'watch'].includes(verb) || /^selfsubject/.test(objectRef?.resource ?? '')

describeCluster('who reaches whom', {}, (cluster) => {
  test('every answer is right, and nothing is written', async () => {
    const { api, kubeconfig, dir } = cluster()
    for (const name of NAMESPACES) {
      await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { team: name } } })
      await api.create(`/api/v1/namespaces/${name}/serviceaccounts`, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: name },
      })
    }
    for (const { namespace, name, labels, ip } of PODS) {
      const at = `/api/v1/namespaces/${namespace}/pods`
      await api.create(at, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace, labels },
        spec: { containers: [{ name: 'app', image: 'shop/app:1' }], automountServiceAccountToken: false },
      })
      const status = JSON.stringify({ status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] } })
      await cluster().kubectl(['-n', namespace, 'patch', 'pod', name, '--subresource=status', '--type=merge', '-p', status])
    }
    for (const policy of POLICIES.map(objectOf))
      await api.create(`/apis/networking.k8s.io/v1/namespaces/${policy.metadata.namespace}/networkpolicies`, policy)

    const asked = PODS.flatMap((from) => PODS.flatMap((to) => PORTS.map(([protocol, port]) => ({ from, to, protocol, port }))))
    const file = join(dir, 'questions.jsonl')
    const end = ({ namespace, name, ip }: Pod, index: number) =>
      [{ namespace, pod: name }, { ip }, `${namespace}/${name}`, `${namespace}/Pod/${name}`][index % 4]
    await writeFile(
      file,
      asked
        .map(({ from, to, protocol, port }, index) => JSON.stringify({ from: end(from, index), to: end(to, index + 1), protocol, port }))
        .join('\n'),
    )
    const mark = await cluster().auditMark()
    const { stdout, stderr, exitCode } = await cli(['reach', '--questions', file, '--kubeconfig', kubeconfig])
    expect(exitCode, stderr).toBe(0)
    expect(stderr).toContain('whether anything enforces network policies here is not known')
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const told = asked.map(
      ({ from, to, protocol, port }, index) =>
        `${from.namespace}/${from.name} ${to.namespace}/${to.name} ${protocol} ${port} ${answers[index]?.allowed}`,
    )
    expect(told).toEqual(
      asked.map(
        ({ from, to, protocol, port }) =>
          `${from.namespace}/${from.name} ${to.namespace}/${to.name} ${protocol} ${port} ${expected(from, to, protocol, port)}`,
      ),
    )
    expect(answers.every(({ complete }) => complete === true)).toBe(true)
    expect(new Set(answers.map(({ allowed }) => allowed))).toEqual(new Set([true, false]))

    const json = await cli(['reach', '--planned', '--control', 'net-default-deny-ingress', '-o', 'json', '--kubeconfig', kubeconfig])
    expect(json.exitCode, json.stderr).toBe(0)
    const { complete, now, difference } = JSON.parse(json.stdout)
    expect(complete).toBe(true)
    expect(now.some((cell: { from: string; to: string }) => cell.from === 'x/Pod/c' && cell.to === 'x/Pod/a')).toBe(false)
    // x is closed already, and the plan closes the others.
    expect(difference.some(({ to }: { to: string }) => to.startsWith('x/'))).toBe(false)
    expect(difference).toContainEqual({ from: 'x/Pod/a', to: 'y/Pod/a', lost: 'every', gained: [] })

    const seen = (await cluster().auditSince(mark)).filter(({ userAgent = '' }) => userAgent.startsWith('k8s-harden'))
    expect(seen.length).toBeGreaterThan(3)
    expect(seen.filter((event) => !isReading(event)).map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([])
  })
})
