/** `reach` on the command line: what is printed, what is warned of, and which number comes back. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli } from '../helpers/cli.ts'

const deployment = (namespace: string, name: string, port = 8080) => `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${namespace}}
spec: {template: {metadata: {labels: {app: ${name}}}, spec: {containers: [{name: a, image: i, ports: [{containerPort: ${port}, name: http}]}]}}}
`
const agent = (image: string) => `---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: kube-system}
spec: {template: {metadata: {labels: {app: agent}}, spec: {hostNetwork: true, containers: [{name: a, image: "${image}"}]}}}
`
const CALICO = agent('docker.io/calico/node:v3.30.0')
const FLANNEL = agent('docker.io/flannel/flannel:v0.26.0')
const SHOP = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Node
metadata: {name: worker-1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: some, namespace: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: shop}
spec: {containers: [{name: a, image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: basket, namespace: shop}
spec: {clusterIP: 10.96.0.7, selector: {app: cart}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: cart, namespace: shop}
spec:
  podSelector: {matchLabels: {app: cart}}
  ingress:
    - {from: [{ipBlock: {cidr: 10.0.0.0/8}}]}
    - {from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}
${deployment('shop', 'web')}${deployment('shop', 'cart')}${deployment('blog', 'press')}`
const reach = (args: readonly string[], input = SHOP + CALICO) => cli(['reach', ...args, '--manifests', '-'], { input })

describe('one question', () => {
  test.each([
    [['shop/web', 'shop/cart', '8080'], 0, 'Deployment shop/web -> Deployment shop/cart on TCP 8080: yes'],
    [['shop/web', 'shop/cart', '80'], 5, 'perhaps allowed by spec.ingress[0] of NetworkPolicy shop/cart: every port'],
    [['shop/web', 'shop/Service/basket', '80'], 0, 'Deployment shop/web -> Service shop/basket on TCP 80: yes'],
    [['shop/web', 'shop/svc/basket', '8080'], 1, 'nothing answers at TCP 8080 of Service shop/basket'],
    [['shop/web', '10.96.0.7', '80'], 0, 'Service shop/basket on TCP 80: yes'],
    [['blog/press', 'shop/deploy/cart', '8080/TCP'], 5, 'on TCP 8080: perhaps'],
    [['10.1.2.3', 'shop/cart', '5432'], 0, '10.1.2.3 -> Deployment shop/cart on TCP 5432: yes'],
    [['outside', 'shop/cart', '8080'], 1, 'outside the cluster -> Deployment shop/cart on TCP 8080: no'],
    [['outside', 'shop/web', '8080'], 0, 'ingress of Deployment shop/web: no policy isolates it'],
    [['nodes', 'Node/worker-1', '22'], 0, 'neither is a pod with an address of its own'],
  ] as const)('%j', async (args, code, words) => {
    const { exitCode, stdout, stderr } = await reach(args)
    expect(`${stdout}${stderr}`).toContain(words)
    expect(exitCode).toBe(code)
  })
  test('which policies decide, in words and as JSON', async () => {
    const { stdout } = await reach(['shop/web', 'shop/cart', '8080'])
    expect(stdout).toContain('  ingress of Deployment shop/cart: isolated by NetworkPolicy shop/cart\n')
    expect(stdout).toContain('    allowed by spec.ingress[1] of NetworkPolicy shop/cart: TCP 8080')
    const json = JSON.parse((await reach(['outside', 'shop/cart', '-o', 'json'])).stdout)
    expect(json).toMatchObject({ allowed: false, complete: true, enforced: true, ports: [] })
    expect(json.sides).toEqual([{ direction: 'ingress', isolatedBy: ['NetworkPolicy shop/cart'], rules: [] }])
  })
  test('a name that is nobody, or two, a port that is none, and one name alone', async () => {
    expect((await reach(['shop/db', 'shop/cart', '1'])).stderr).toContain('there is no workload, pod or Service shop/db')
    const two = SHOP + CALICO + deployment('shop', 'web').replace('Deployment', 'StatefulSet')
    expect((await reach(['shop/web', 'shop/cart', '1'], two)).stderr).toContain('shop/web may be Deployment or StatefulSet')
    for (const args of [
      ['shop/web', 'shop/cart', 'http'],
      ['shop/web', 'shop/cart', '0'],
      ['shop/web'],
      ['--control', 'net-default-deny-ingress'],
    ])
      expect((await reach(args)).exitCode, args.join(' ')).toBe(2)
  })
})

describe('what is not there', () => {
  const bare = SHOP.replace(/---\napiVersion: v1\nkind: Node\n[\s\S]*?---/, '---') + CALICO
  test('a question between pods needs no nodes; one about nodes, or an address that may be one, does', async () => {
    const asked = async (...args: string[]) => (await reach(args, bare)).exitCode
    expect(await asked('shop/web', 'shop/cart', '8080')).toBe(0)
    expect(await asked('outside', 'shop/cart', '8080')).toBe(1)
    expect(await asked('shop/web', '192.168.0.11', '22')).toBe(5)
    expect((await reach(['shop/web', 'nodes'], bare)).stdout).toContain('-> nodes: not known, as far as can be seen')
    const { stdout } = await reach(['shop/web', 'shop/cart', '8080', '-o', 'json'], bare)
    expect(JSON.parse(stdout)).toMatchObject({ allowed: true, complete: true })
  })
  test('a name that is mistyped is told what there is', async () => {
    const { stderr, exitCode } = await reach(['shop/wbe', 'shop/cart'])
    expect(stderr).toContain('there is no workload, pod or Service shop/wbe; shop has web, cart, one')
    expect(exitCode).toBe(2)
    expect((await reach(['shp/web', 'shop/cart'])).stderr).toContain('and no other in shp; there are pods in')
    const typo = await reach(['-n', 'shp'])
    expect(typo.stderr).toContain('there is no namespace shp; there are')
    expect(typo.exitCode).toBe(2)
  })
})

describe('where nothing enforces policies', () => {
  test('that comes first, and is in the JSON', async () => {
    const input = SHOP + FLANNEL
    expect((await reach([], input)).stdout).toMatch(/^NOTHING HERE ENFORCES NETWORK POLICIES: Flannel/)
    expect((await reach(['outside', 'shop/cart', '8080'], input)).stdout).toMatch(/^NOTHING HERE ENFORCES/)
    const { stdout, stderr } = await reach(['-o', 'json'], input)
    expect(JSON.parse(stdout)).toMatchObject({ enforced: false, plugins: [{ name: 'Flannel', enforces: false }] })
    expect(stderr).toMatch(/^k8s-harden: NOTHING HERE ENFORCES/)
  })
})

describe('the matrix', () => {
  test('JSON: cells with ports, ranges that policies name, and nothing for what is closed', async () => {
    const { stdout, exitCode } = await reach(['-o', 'json'])
    expect(exitCode).toBe(0)
    const { schema, complete, enforced, ends, now } = JSON.parse(stdout)
    expect({ schema, complete, enforced }).toEqual({ schema: 'k8s-harden/reach/v1', complete: true, enforced: true })
    expect(ends.map(({ id }: { id: string }) => id)).toEqual(
      expect.arrayContaining(['blog/Deployment/press', 'shop/Deployment/cart', 'nodes', 'outside', '10.0.0.0/8']),
    )
    const to = now.filter((cell: { to: string }) => cell.to === 'shop/Deployment/cart')
    expect(to).toContainEqual({ from: '10.0.0.0/8', to: 'shop/Deployment/cart', ports: 'every' })
    expect(to).toContainEqual({
      from: 'shop/Deployment/web',
      to: 'shop/Deployment/cart',
      ports: [{ protocol: 'TCP', port: 8080 }],
      perhaps: 'every',
    })
    expect(to.some(({ from }: { from: string }) => from === 'outside')).toBe(false)
  })
  const recorded = (namespace: string, name: string) => {
    const file = join(mkdtempSync(join(tmpdir(), 'k8s-harden-reach-')), 'flows.jsonl')
    const end = (where: string, who: string) => ({ namespace: where, workload: { kind: 'Deployment', name: who } })
    const flow = { source: end('blog', 'press'), destination: end(namespace, name), protocol: 'TCP', port: 8080, verdict: 'forwarded' }
    writeFileSync(file, JSON.stringify(flow))
    return file
  }
  test('with the plan: what is lost, and a recorded flow that the policies let through', async () => {
    const args = ['--planned', '--control', 'net-default-deny-ingress', '--flows', recorded('shop', 'web')]
    const input = (SHOP + CALICO).replace('{name: one, namespace: shop}', '{name: one, namespace: shop, labels: {app: one}}')
    const { difference, cut, planned } = JSON.parse((await reach([...args, '-o', 'json'], input)).stdout)
    expect(cut).toEqual([])
    expect(difference).toContainEqual({ from: 'outside', to: 'shop/Deployment/web', lost: 'every', gained: [] })
    const into = planned.filter((cell: { to: string }) => cell.to === 'shop/Deployment/web')
    expect(into.some(({ from }: { from: string }) => from === 'outside')).toBe(false)
    expect(into.find(({ from }: { from: string }) => from === 'blog/Deployment/press')?.ports).toEqual([{ protocol: 'TCP', port: 8080 }])
    expect((await reach(['outside', 'shop/web', '80', ...args], input)).exitCode).toBe(1)
  })
  test('with the plan: a recorded flow that is cut', async () => {
    const proxy = deployment('shop', 'proxy').replace('spec: {containers', 'spec: {hostNetwork: true, containers')
    const shut = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: proxy, namespace: shop}
spec: {podSelector: {matchLabels: {app: proxy}}}
`
    const input = `${SHOP}${CALICO}${proxy}${shut}`
    const args = ['--planned', '--control', 'pod-host-network', '--flows', recorded('shop', 'proxy')]
    const { cut } = JSON.parse((await reach([...args, '-o', 'json'], input)).stdout)
    expect(cut).toEqual([{ from: 'Deployment blog/press', to: 'Deployment shop/proxy', protocol: 'TCP', port: 8080, count: 1 }])
    const { stdout } = await reach(args, input)
    expect(stdout).toContain('CUTS WHAT IS IN USE: 1 of 1 recorded flows that it touches')
    expect(stdout).toContain('Deployment blog/press -> Deployment shop/proxy TCP 8080 (seen 1 time)')
  })
  test('a name that steers a terminal reaches it neither as JSON nor as text', async () => {
    const name = 'x\u009b2Jy\u202ez'
    const input = SHOP + CALICO + deployment('shop', 'odd').replace('name: odd,', `name: ${JSON.stringify(name)},`)
    for (const args of [[], ['-o', 'json']]) expect((await reach(args, input)).stdout).not.toMatch(/[\u0080-\u009f\u202e]/)
  })
})

describe('questions', () => {
  test('each line is answered, or says why not', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'k8s-harden-reach-')), 'questions.jsonl')
    const lines = [
      { from: 'shop/web', to: 'shop/cart', port: 8080 },
      {
        from: { namespace: 'shop', labels: { app: 'web' } },
        to: { namespace: 'shop', labels: { app: 'cart' } },
        protocol: 'UDP',
        port: 8080,
      },
      { from: { namespace: 'new', labels: { app: 'web' } }, to: { namespace: 'shop', pod: 'one' }, port: 1 },
      { from: { ip: '10.9.9.9' }, to: 'shop/cart' },
      { from: 'shop/web', to: 'shop/cart', prot: 'TCP' },
      { from: 'shop/web', port: 1 },
    ]
    writeFileSync(file, `${lines.map((one) => JSON.stringify(one)).join('\n')}\nno json\n`)
    const { stdout, exitCode } = await reach(['--questions', file])
    expect(exitCode).toBe(2)
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { allowed: true, complete: true },
      { allowed: null, complete: true },
      { allowed: true, complete: true },
      { allowed: true, ports: 'every', complete: true },
      { line: 5, error: 'there is no field "prot": a question has from, to, protocol, port' },
      { line: 6, error: '"to" is missing: give text, {"ip"}, {"namespace","pod"} or {"namespace","labels"}' },
      { line: 7, error: 'the line is no JSON' },
    ])
  })
})
