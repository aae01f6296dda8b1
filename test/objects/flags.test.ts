import { describe, expect, test } from 'vitest'
import { commandLineOf, parseFlags } from '../../src/objects/flag-parse.ts'
import type { ComponentInstance } from '../../src/objects/flags.ts'
import { CONTROL_PLANE, componentFlags, effectiveFlag, isOn, listFlag, serverMinor } from '../../src/objects/flags.ts'
import { worldOf } from '../helpers/world.ts'

const view = (text: string) => worldOf(text).snapshot
const world = (fields: object = {}) => `${JSON.stringify({ apiVersion: 'k8s-harden.test/v1', kind: 'World', ...fields })}\n---\n`
const pod = (
  name: string,
  command: readonly string[],
  more: { mirror?: boolean; namespace?: string; args?: readonly string[]; container?: string; env?: object[]; image?: string } = {},
) =>
  `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: more.namespace ?? 'kube-system',
      ...(more.mirror !== false && { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
    },
    spec: {
      containers: [
        {
          name: more.container ?? 'kube-apiserver',
          image: more.image ?? 'example.com/kube-apiserver:v1.35.2',
          command,
          args: more.args,
          env: more.env,
        },
      ],
    },
  })}\n---\n`
const instances = (text: string) => componentFlags(view(text), 'kube-apiserver').instances

describe('a command line', () => {
  test.each([
    [['--a=b'], { a: 'b' }],
    [['--a', 'b'], { a: 'b' }],
    [['-a', 'b'], { a: 'b' }],
    [['--a'], { a: 'true' }],
    [['--a', '--b=c'], { a: 'true', b: 'c' }],
    [['--a="b c"'], { a: 'b c' }],
    [["--a='b'"], { a: 'b' }],
    [['--a=b=c'], { a: 'b=c' }],
    [['--a='], { a: '' }],
    [['--a=1', '--a=2'], { a: '2' }],
    [['--feature-gates=A=true,B=false'], { 'feature-gates': 'A=true,B=false' }],
    [['server', '--', 'x'], {}],
  ])('%j', (args, flags) => expect(Object.fromEntries(parseFlags(args))).toEqual(flags))

  test('command and args count together, and the place is the list that holds the flags', () => {
    expect(commandLineOf({ name: 'kube-apiserver', command: ['kube-apiserver', '--a=1'], args: ['--b=2'] }, 'kube-apiserver')).toEqual({
      flags: new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
      at: ['command'],
    })
    expect(commandLineOf({ name: 'kube-apiserver', command: ['kube-apiserver'], args: ['--b=2'] }, 'kube-apiserver')?.at).toEqual(['args'])
    expect(commandLineOf({ name: 'kube-apiserver', args: ['--b=2'] }, 'kube-apiserver')?.at).toEqual(['args'])
  })

  test("a wrapper's flags are not the component's", () => {
    const line = commandLineOf(
      { name: 'x', command: ['/go-runner', '--log-file=/a', '/usr/local/bin/kube-apiserver', '--b=2'] },
      'kube-apiserver',
    )
    expect(line).toEqual({ flags: new Map([['b', '2']]), at: ['command'] })
  })

  test('a shell script is read, but cannot be edited item by item', () => {
    const line = commandLineOf(
      { name: 'kube-apiserver', command: ['/bin/sh', '-c', 'exec /usr/local/bin/kube-apiserver --a=1 --b="x y" 1>>/var/log/a.log'] },
      'kube-apiserver',
    )
    expect(line).toEqual({
      flags: new Map([
        ['a', '1'],
        ['b', 'x y'],
      ]),
    })
  })

  test('another program is not the component', () => {
    expect(commandLineOf({ name: 'proxy', command: ['kube-rbac-proxy', '--upstream=kube-apiserver'] }, 'kube-apiserver')).toBeUndefined()
  })
})

describe('where the flags come from', () => {
  test('flagz wins, lists lose their brackets, and without a pod the subject is the control plane', () => {
    const [one] = instances(world({ facts: { ApiServerFlagz: { flags: { 'authorization-mode': '[Node,RBAC]', profiling: 'false' } } } }))
    expect(one).toMatchObject({ source: 'flagz', effective: true, subject: CONTROL_PLANE })
    expect(listFlag(one!, 'authorization-mode', 37)).toEqual(['Node', 'RBAC'])
  })

  test('flagz speaks for the one that answered; the others are read from their pods', () => {
    const all = instances(
      world({ facts: { ApiServerFlagz: { flags: { 'advertise-address': '10.0.0.2', profiling: 'false' } } } }) +
        pod('kube-apiserver-a', ['kube-apiserver', '--advertise-address=10.0.0.1']) +
        pod('kube-apiserver-b', ['kube-apiserver', '--advertise-address=10.0.0.2']),
    )
    expect(all.map(({ source, name }) => [source, name])).toEqual([
      ['flagz', 'kube-apiserver-b'],
      ['static-pod', 'kube-apiserver-a'],
    ])
  })

  test("a pod that is no mirror, or stands elsewhere, is somebody else's", () => {
    expect(instances(world() + pod('kube-apiserver', ['kube-apiserver', '--a=1'], { mirror: false }))).toEqual([])
    expect(instances(world() + pod('kube-apiserver', ['kube-apiserver', '--a=1'], { namespace: 'tenant' }))).toEqual([])
  })

  test('in files a plain Pod in kube-system is a static pod, and beats a ClusterConfiguration', () => {
    const text = world({ source: 'manifests' }) + pod('kube-apiserver', ['kube-apiserver', '--a=1'], { mirror: false })
    expect(instances(text)).toMatchObject([{ source: 'static-pod', at: ['spec', 'containers', { name: 'kube-apiserver' }, 'command'] }])
    expect(instances(`${text}apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n`)).toMatchObject([{ source: 'static-pod' }])
  })

  test.each([
    ['v1beta3', '  extraArgs:\n    profiling: "false"\n'],
    ['v1beta4', '  extraArgs:\n    - name: profiling\n      value: "false"\n'],
  ])('extraArgs of kubeadm %s lie over what kubeadm sets itself', (version, extra) => {
    const [one] = instances(
      `${world({ source: 'manifests' })}apiVersion: kubeadm.k8s.io/${version}\nkind: ClusterConfiguration\ncertificatesDir: /pki\napiServer:\n${extra}`,
    )
    expect(Object.fromEntries(one!.flags)).toMatchObject({
      profiling: 'false',
      'authorization-mode': 'Node,RBAC',
      'client-ca-file': '/pki/ca.crt',
      'etcd-servers': 'https://127.0.0.1:2379',
    })
    expect(one).toMatchObject({ source: 'cluster-configuration', at: ['apiServer', 'extraArgs'] })
  })

  test('the ConfigMap of kubeadm counts where nothing better is seen, and says so', () => {
    const {
      instances: [one],
      remarks,
    } = componentFlags(
      view(
        `${world()}apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubeadm-config, namespace: kube-system}\ndata:\n  ClusterConfiguration: |\n    apiServer:\n      extraArgs:\n        - {name: profiling, value: "false"}\n`,
      ),
      'kube-apiserver',
    )
    expect(one).toMatchObject({ source: 'cluster-configuration', at: ['data', 'ClusterConfiguration'] })
    expect(JSON.stringify(remarks)).toContain('not what runs')
  })

  test('kubeadm with an external etcd runs no etcd', () => {
    const text = `${world({ source: 'manifests' })}apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\netcd:\n  external:\n    endpoints: ["https://e1:2379"]\n    caFile: /ca\n`
    expect(componentFlags(view(text), 'etcd')).toMatchObject({ instances: [], unknown: { answer: expect.stringContaining('etcd.yaml') } })
    expect(instances(text)[0]!.flags.get('etcd-cafile')).toBe('/ca')
    expect(instances(text)[0]!.flags.has('etcd-certfile')).toBe(false)
  })

  test('etcd takes flags from its environment; a flag wins', () => {
    const text =
      world() +
      pod('etcd', ['etcd', '--key-file=/k'], {
        container: 'etcd',
        env: [
          { name: 'ETCD_CERT_FILE', value: '/c' },
          { name: 'ETCD_KEY_FILE', value: '/other' },
        ],
      })
    expect(Object.fromEntries(componentFlags(view(text), 'etcd').instances[0]!.flags)).toEqual({ 'cert-file': '/c', 'key-file': '/k' })
  })

  test('nothing seen is unknown, and names what would answer', () => {
    expect(componentFlags(view(world()), 'kube-apiserver').unknown?.unknown).toContain('no static pod')
    expect(componentFlags(view(world({ namespaces: ['shop'] })), 'kube-apiserver').unknown?.unknown).toContain('left out of this scan')
    expect(componentFlags(view(world({ kubernetes: 'v1.33.4-gke.1100000' })), 'kube-apiserver').unknown).toEqual({
      unknown: expect.stringContaining('provider'),
      answer: expect.stringContaining('as an attestation'),
    })
    expect(
      componentFlags(
        view(world({ unread: [{ what: 'Pod', why: 'forbidden', because: 'pods: 403', answer: 'allow list on pods' }] })),
        'kube-scheduler',
      ).unknown,
    ).toEqual({ unknown: expect.stringContaining('pods: 403'), answer: expect.stringContaining('allow list on pods') })
  })
})

describe('what a flag means', () => {
  const instance = (flags: Record<string, string>, component: ComponentInstance['component'] = 'kube-apiserver'): ComponentInstance => ({
    name: 'x',
    component,
    source: 'static-pod',
    flags: new Map(Object.entries(flags)),
    effective: false,
    subject: CONTROL_PLANE,
    grade: 'E1',
  })

  test.each([
    ['audit-log-maxage', 35, '0'],
    ['audit-log-maxage', 36, '366'],
    ['audit-log-maxage', undefined, '0'],
    ['audit-log-maxbackup', 37, '100'],
    ['authorization-mode', 37, 'AlwaysAllow'],
    ['anonymous-auth', 30, 'true'],
    ['tls-min-version', 37, 'VersionTLS12'],
  ])('unset --%s in 1.%s is %s', (flag, minor, value) =>
    expect(effectiveFlag(instance({}), flag, minor)).toEqual({ value, from: 'default' }),
  )

  test('set, empty and unknown flags', () => {
    expect(effectiveFlag(instance({ profiling: 'false' }), 'profiling', 37)).toEqual({ value: 'false', from: 'set' })
    expect(effectiveFlag(instance({ 'audit-policy-file': '' }), 'audit-policy-file', 37)).toEqual({ value: undefined, from: 'unset' })
    expect(effectiveFlag(instance({}), 'toString', 37)).toEqual({ value: undefined, from: 'unset' })
    expect(isOn(instance({}), 'profiling', 37)).toBe(true)
    expect(isOn(instance({ profiling: 'F' }), 'profiling', 37)).toBe(false)
    expect(isOn(instance({}, 'etcd'), 'client-cert-auth', 37)).toBe(false)
    expect(effectiveFlag(instance({}, 'kube-controller-manager'), 'bind-address', 37).value).toBe('0.0.0.0')
  })

  test('the version comes from the server, the image, or the ClusterConfiguration', () => {
    expect(serverMinor(view(world({ kubernetes: 'v1.34.1' })))).toBe(34)
    expect(serverMinor(view(world({ kubernetes: 'v1.34.1', facts: { ServerVersion: { gitVersion: 'v1.36.0', minor: 36 } } })))).toBe(36)
    expect(
      serverMinor(
        view(
          world({ source: 'manifests', kubernetes: 'none' }) +
            pod('kube-apiserver', ['kube-apiserver', '--a=1'], { image: 'host:5000/kube-apiserver:v1.35.2@sha256:00' }),
        ),
      ),
    ).toBe(35)
    expect(
      serverMinor(
        view(
          `${world({ source: 'manifests', kubernetes: 'none' })}apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.31.0\n`,
        ),
      ),
    ).toBe(31)
    expect(serverMinor(view(world({ kubernetes: 'none' })))).toBeUndefined()
  })
})
