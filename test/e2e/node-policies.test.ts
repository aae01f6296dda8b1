import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, expect, test, vi } from 'vitest'
import type { KubeObject, NamespaceObject, NetworkPolicyObject, PodObject } from '../../src/model/index.ts'
import { type End, podEnds } from '../../src/objects/network-ends.ts'
import { hasPort } from '../../src/objects/network-ports.ts'
import { reach } from '../../src/objects/network-reach.ts'
import { images } from '../cluster/nodes/images.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'
import { worldOf } from '../plan/plan-fixtures.ts'
import { policyCases } from './node-policies.ts'

vi.setConfig({ hookTimeout: 240_000 })
/** A connection that is cut shows after a second; what is new must have reached the policy engine. */
const patience = { timeout: 60_000, interval: 200 }

describeNode('policies that are enforced on a real node', { policies: true }, (cluster) => {
  const pods = new Map<string, PodObject>()
  const core = '/api/v1/namespaces'
  const ip = (at: string): string => pods.get(at)!.status!.podIP!
  const [space, name] = [(at: string) => at.split('/')[0]!, (at: string) => at.split('/')[1]!]
  const read = (at: string) => cluster().api.get<PodObject>(`${core}/${space(at)}/pods/${name(at)}`)
  const isReady = async (at: string) => (await read(at)).status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

  /** A pod that serves TCP on 80 and 81 and UDP on 53; only those with `named` give port 80 its name. */
  const make = async (
    at: string,
    { named = false, container = {}, labels = {} }: { named?: boolean; container?: object; labels?: object } = {},
  ) => {
    const ports = [{ containerPort: 80, ...(named && { name: 'web' }) }, { containerPort: 81 }, { containerPort: 53, protocol: 'UDP' }]
    const app = {
      name: 'app',
      image: images.root.name,
      imagePullPolicy: 'Never',
      args: ['serve=:80', 'serve=:81', 'serve=:53', 'udp=:53'],
      ports,
      ...container,
    }
    await cluster().api.create(`${core}/${space(at)}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: name(at), labels: { app: name(at), ...labels } },
      spec: { terminationGracePeriodSeconds: 1, containers: [app] },
    })
  }
  const makeAll = async (...all: readonly Parameters<typeof make>[]) => {
    for (const namespace of new Set(all.map(([at]) => space(at)).filter((one) => one !== 'kube-system')))
      await cluster().api.create(core, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    // The account comes a moment after its namespace.
    const hasAccount = async (namespace: string) =>
      expect((await cluster().api.request('GET', `${core}/${namespace}/serviceaccounts/default`)).status).toBe(200)
    for (const namespace of new Set(all.map(([at]) => space(at)))) await vi.waitFor(() => hasAccount(namespace), patience)
    for (const one of all) await make(...one)
    for (const [at] of all) {
      await vi.waitFor(async () => expect(await isReady(at)).toBe(true), patience)
      pods.set(at, await read(at))
    }
  }

  beforeAll(async () => {
    await cluster().nodes[0]!.addImages([images.root])
    await makeAll(['x/a', { named: true }], ['x/b'], ['y/a', { named: true }], ['y/b'])
  })

  const PORTS = [
    ['TCP', 80],
    ['TCP', 81],
    ['UDP', 53],
  ] as const
  /** From each of these pods to each other: `x/a to y/b TCP/80`, in order. */
  const waysOf = (all: readonly string[]) => all.flatMap((from) => all.filter((to) => to !== from).map((to) => [from, to] as const))

  /** What really gets through, tried from inside the pods: exec goes past all policies. */
  const real = async (all: readonly string[]): Promise<Record<string, boolean>> => {
    const found = await Promise.all(
      all.map(async (from) => {
        const targets = waysOf(all).flatMap(([one, to]) =>
          one === from
            ? PORTS.map(
                ([protocol, port]) => [`${from} to ${to} ${protocol}/${port}`, `${protocol.toLowerCase()}/${ip(to)}:${port}`] as const,
              )
            : [],
        )
        const reachStep = `reach=${targets.map(([, target]) => target).join(' ')}`
        const said = await cluster().kubectl(['exec', '-n', space(from), name(from), '--', '/workload', reachStep])
        return targets.map(([way, target]) => [way, said.includes(`open ${target}\n`)] as const)
      }),
    )
    return Object.fromEntries(found.flat())
  }
  /** What the policies that are there should let through. */
  const foretold = async (all: readonly string[]): Promise<Record<string, boolean>> => {
    const [namespaces, policies] = await Promise.all([
      cluster().api.get<{ items: NamespaceObject[] }>(core),
      cluster().api.get<{ items: NetworkPolicyObject[] }>('/apis/networking.k8s.io/v1/networkpolicies'),
    ])
    const objects: KubeObject[] = [
      ...all.map((at) => ({ ...pods.get(at)!, apiVersion: 'v1', kind: 'Pod' })),
      ...namespaces.items.map((one) => ({ ...one, apiVersion: 'v1', kind: 'Namespace' })),
      ...policies.items.map((one) => ({ ...one, apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' })),
    ]
    const world = worldOf(objects)
    const ends = new Map<string, End>(podEnds(world).map((end) => [`${end.namespace.name}/${end.pod?.metadata.name}`, end]))
    return Object.fromEntries(
      waysOf(all).flatMap(([from, to]) => {
        const { ports } = reach(world).connection(ends.get(from)!, ends.get(to)!)
        return PORTS.map(([protocol, port]) => [`${from} to ${to} ${protocol}/${port}`, hasPort(ports, protocol, port)] as const)
      }),
    )
  }
  const XY = ['x/a', 'x/b', 'y/a', 'y/b']
  const put = (namespace: string, specs: readonly object[]) =>
    Promise.all(
      specs.map((spec, index) =>
        cluster().api.create(`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`, {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: `p${index}` },
          spec,
        }),
      ),
    )
  const clear = (namespace: string) => cluster().kubectl(['delete', 'networkpolicies', '--all', '-n', namespace])

  test('without a policy everything is open', async () => {
    const open = await foretold(XY)
    expect(Object.values(open)).toEqual(Array(36).fill(true))
    await expect.poll(() => real(XY), patience).toEqual(open)
  })

  test('what is foretold of each policy is what it does to real connections', async () => {
    const cases = policyCases(ip)
    expect(cases.length).toBeGreaterThan(12)
    for (const { name: title, specs } of cases) {
      await put('x', specs)
      const wanted = await foretold(XY)
      expect(Object.values(wanted), `${title} cuts something`).toContain(false)
      expect(Object.values(wanted), `${title} does not cut everything`).toContain(true)
      await expect.poll(() => real(XY), { ...patience, message: title }).toEqual(wanted)
      await clear('x')
    }
  }, 400_000)

  const newState = () => mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
  const run = (state: string, ...args: readonly string[]) => {
    const env = { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state }
    return execa(process.execPath, [BIN, ...args], { env, stdin: 'ignore', reject: false, all: true })
  }
  const RISK = ['--yes', '--accept-risk', 'may-break', '--steady', '3']
  const harden = async (namespace: string, ...args: readonly string[]) => run(await newState(), 'apply', ...RISK, '-n', namespace, ...args)
  const policiesOf = async (namespace: string) =>
    (await cluster().api.get<{ items: KubeObject[] }>(`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`)).items.map(
      ({ metadata }) => metadata.name,
    )

  test('a namespace that is closed for ingress is closed for real, and open inside', async () => {
    const all = ['shop/web', 'shop/db', 'office/client']
    await makeAll(['shop/web', { named: true }], ['shop/db'], ['office/client'])
    const { exitCode, all: said } = await harden('shop', '--control', 'net-default-deny-ingress')
    expect(said).toMatch(/\d+ pods as ready as before for \d+ s, no restarts/)
    expect(exitCode).toBe(0)
    const wanted = await foretold(all)
    expect(wanted).toMatchObject({
      'shop/web to shop/db TCP/80': true,
      'office/client to shop/db TCP/80': false,
      'shop/db to office/client TCP/80': true,
    })
    await expect.poll(() => real(all), patience).toEqual(wanted)
  })

  test('a roll-out that cuts what nothing names is taken back by itself, and the app is ready again', async () => {
    const readinessProbe = { httpGet: { path: '/', port: 80 }, periodSeconds: 1, failureThreshold: 2, timeoutSeconds: 3 }
    await makeAll(['data/db'], ['front/reader', { container: { readinessProbe } }])
    // From here on it is ready only as long as it reaches the database: no object says so.
    const step = `/do?step=${encodeURIComponent(`request=tcp=${ip('data/db')}:80`)}`
    expect(await (await fetch(`http://${ip('front/reader')}${step}`)).text()).toBe('done\n')
    await expect.poll(() => isReady('front/reader'), patience).toBe(true)

    const { exitCode, all: said } = await harden('data', '--control', 'net-default-deny-ingress')
    expect(said).toContain('pod front/reader is no longer ready: Readiness probe failed: HTTP probe failed with statuscode: 500')
    expect(exitCode).toBe(4)
    expect(await policiesOf('data')).toEqual([])
    await expect.poll(() => isReady('front/reader'), patience).toBe(true)
  })

  const BOTH = ['--control', 'net-default-deny-ingress', '--control', 'net-default-deny-egress']
  /** The pods of the node have a range, the API server an address, and names are asked for at a Service: as in a cluster that is set up. */
  const setUp = async () => {
    const { hostAddress } = cluster().nodes[0]!
    const podCIDR = hostAddress.replace(/\.\d+$/, '.128/25')
    const body = { spec: { podCIDR, podCIDRs: [podCIDR] } }
    const patch = await cluster().api.request('PATCH', '/api/v1/nodes/node-0', { body, contentType: 'application/merge-patch+json' })
    expect(patch.status, patch.text).toBe(200)
    await cluster().api.create('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [hostAddress] }],
      ports: [{ name: 'https', port: Number(new URL(cluster().url).port) }],
    })
    await makeAll(['kube-system/dns', { labels: { 'k8s-app': 'kube-dns' } }])
    const ports = ['UDP', 'TCP'].map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: 53 }))
    await service('kube-system', 'kube-dns', { selector: { 'k8s-app': 'kube-dns' }, ports })
  }
  const service = (namespace: string, called: string, spec: object) =>
    cluster().api.create(`${core}/${namespace}/services`, { apiVersion: 'v1', kind: 'Service', metadata: { name: called }, spec })

  test('closed both ways, an app still has DNS, its peers and the API server, and nothing else; undo opens all again', async () => {
    await setUp()
    const env = [{ name: 'STOCK', value: 'http://stock.depot:80' }]
    await makeAll(['market/app', { container: { env } }], ['market/peer'], ['depot/stock'], ['depot/spare'])
    await service('depot', 'stock', { selector: { app: 'stock' }, ports: [{ port: 80 }] })
    const api = `tcp/${cluster().nodes[0]!.hostAddress}:${new URL(cluster().url).port}`
    const [udp, tcp, dns] = [`udp/${ip('kube-system/dns')}:53`, `tcp/${ip('kube-system/dns')}:53`, `tcp/${ip('kube-system/dns')}:80`]
    const [peer, stock, other, spare] = [
      `tcp/${ip('market/peer')}:80`,
      `tcp/${ip('depot/stock')}:80`,
      `tcp/${ip('depot/stock')}:81`,
      `tcp/${ip('depot/spare')}:80`,
    ]
    const [needed, others] = [
      [udp, tcp, peer, stock, api],
      [dns, other, spare],
    ]
    const ways = async () => {
      const said = await cluster().kubectl(['exec', '-n', 'market', 'app', '--', '/workload', `reach=${[...needed, ...others].join(' ')}`])
      return said.split('\n').filter((line) => /^(open|closed) /.test(line))
    }
    const open = [...needed, ...others].map((one) => `open ${one}`)
    await expect.poll(ways, patience).toEqual(open)

    const state = await newState()
    const outside = ['--set', 'net-default-deny-egress.outside=nothing']
    const { exitCode, all: said } = await run(state, 'apply', ...RISK, '-n', 'market', ...BOTH, ...outside)
    expect(exitCode, said).toBe(0)
    await expect.poll(ways, patience).toEqual([...needed.map((one) => `open ${one}`), ...others.map((one) => `closed ${one}`)])

    expect((await run(state, 'undo', '--yes')).exitCode).toBe(0)
    expect(await policiesOf('market')).toEqual([])
    await expect.poll(ways, patience).toEqual(open)
  })

  test('where only the way out breaks an app, that is taken back, and the way in stays closed', async () => {
    const readinessProbe = { httpGet: { path: '/', port: 80 }, periodSeconds: 1, failureThreshold: 2, timeoutSeconds: 3 }
    await makeAll(['ledger/db'], ['court/clerk', { container: { readinessProbe } }])
    const step = `/do?step=${encodeURIComponent(`request=tcp=${ip('ledger/db')}:80`)}`
    expect(await (await fetch(`http://${ip('court/clerk')}${step}`)).text()).toBe('done\n')
    await expect.poll(() => isReady('court/clerk'), patience).toBe(true)

    const { exitCode, all: said } = await harden('court', ...BOTH)
    expect(said).toContain('pod court/clerk is no longer ready: Readiness probe failed: HTTP probe failed with statuscode: 500')
    expect(exitCode).toBe(4)
    const left = await policiesOf('court')
    expect(left).toContain('default-deny-ingress')
    expect(left.filter((one) => /egress|dns|metadata|api-server/.test(one))).toEqual([])
    await expect.poll(() => isReady('court/clerk'), patience).toBe(true)
  })
})
