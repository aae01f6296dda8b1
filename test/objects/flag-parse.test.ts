import { describe, expect, test } from 'vitest'
import { withFlags } from '../../src/objects/flag-edits.ts'
import { commandLineOf, parseFlags } from '../../src/objects/flag-parse.ts'
import { componentFlags } from '../../src/objects/flags.ts'
import { worldOf } from '../helpers/world.ts'

const container = (more: object) => ({ name: 'kube-apiserver', ...more })
const lineOf = (more: object) => commandLineOf(container(more), 'kube-apiserver')
const flagsOf = (more: object) => Object.fromEntries(lineOf(more)!.flags)

describe('flags as the components take them', () => {
  test.each([
    [['--tls-cipher-suites=A', '--tls-cipher-suites=B,C'], { 'tls-cipher-suites': 'A,B,C' }],
    [['--authorization_mode=AlwaysAllow', '--authorization-mode=RBAC'], { 'authorization-mode': 'AlwaysAllow,RBAC' }],
    [['--enable-admission-plugins=', '--enable-admission-plugins=A'], { 'enable-admission-plugins': 'A' }],
    [['--audit-log-path', '-', '--audit-log-maxage', '-1'], { 'audit-log-path': '-', 'audit-log-maxage': '-1' }],
    [['--profiling', 'false'], { profiling: 'true' }],
    [['--profiling=false', '--profiling'], { profiling: 'true' }],
    [['--profiling=true', '--', '--profiling=false'], { profiling: 'true' }],
  ])('%j', (args, flags) => expect(Object.fromEntries(parseFlags(args))).toEqual(flags))

  test('a flag is set where it stands, however it is spelled, and the word after a boolean stays', () => {
    expect(withFlags(['--audit_log_path', '-', '--v=2'], { 'audit-log-path': '/a' })).toEqual(['--audit_log_path', '/a', '--v=2'])
    expect(withFlags(['--profiling', 'x'], { profiling: 'false' })).toEqual(['--profiling=false', 'x'])
  })
})

describe('flags inside a script', () => {
  const sh = (script: string, more: object = {}) => ({ command: ['/bin/sh', '-c', script], ...more })
  test.each([
    [
      'after a pipe that is made and between redirections',
      sh(
        'mkfifo /tmp/pipe; (tee -a /var/log/kube-apiserver.log < /tmp/pipe & ) ; exec /usr/local/bin/kube-apiserver --a --b=1 > /tmp/pipe 2>&1',
      ),
      { a: 'true', b: '1' },
    ],
    [
      'over many lines, with a comment',
      sh('exec kube-apiserver \\\n  --profiling \\\n  --a=1\n# --b=1\nother --c=1'),
      { profiling: 'true', a: '1' },
    ],
    ['of another program beside it', sh('etcd --a=1 & kube-apiserver --b="x y" && other --c=1'), { b: 'x y' }],
    [
      'from variables of the container',
      sh('exec kube-apiserver $ARGS --c=${C}', {
        env: [
          { name: 'ARGS', value: '--a=1 --b=2' },
          { name: 'C', value: '3' },
        ],
      }),
      { a: '1', b: '2', c: '3' },
    ],
    ['that it is given', sh('exec kube-apiserver "$@"', { args: ['sh', '--a=1', '--b', '2'] }), { a: '1', b: '2' }],
  ])('%s', (_what, given, flags) => expect(flagsOf(given)).toEqual(flags))

  test('variables in an argument are filled in as the kubelet does', () => {
    expect(flagsOf({ command: ['kube-apiserver', '--a=$(IP)', '--b=$$(IP)', '--c=$(X)'], env: [{ name: 'IP', value: '::1' }] })).toEqual({
      a: '::1',
      b: '$(IP)',
      c: '$(X)',
    })
  })

  test.each(['exec kube-apiserver $ARGS --profiling=false', 'exec kube-apiserver `cat /flags` --profiling=false'])(
    'arguments that cannot be seen make the rest of no use: %s',
    (script) => {
      expect(lineOf(sh(script))).toMatchObject({ hidden: true })
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'kube-apiserver-a', namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
        spec: { containers: [{ ...container(sh(script)), image: 'x' }] },
      }
      const { instances, unknown } = componentFlags(worldOf(JSON.stringify(pod)).snapshot, 'kube-apiserver')
      expect(instances).toEqual([])
      expect(unknown?.unknown).toContain('kube-apiserver-a stand in a variable')
    },
  )
})

describe('what others start them with', () => {
  const node = (...args: string[]) =>
    worldOf(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'n', annotations: { 'k3s.io/node-args': JSON.stringify(['server', ...args]) } },
      }),
    ).snapshot
  const k3s = (component: 'kube-apiserver' | 'kube-controller-manager', ...args: string[]) =>
    Object.fromEntries(componentFlags(node(...args), component).instances[0]!.flags)

  test('k3s adds to its own value with +, and gives some up for a file', () => {
    expect(k3s('kube-apiserver', '--kube-apiserver-arg', 'enable-admission-plugins+=A')).toMatchObject({
      'enable-admission-plugins': 'NodeRestriction,A',
    })
    expect(
      k3s('kube-apiserver', '--kube-apiserver-arg=enable-admission-plugins=A', '--kube-apiserver-arg=enable-admission-plugins=B'),
    ).toMatchObject({
      'enable-admission-plugins': 'A,B',
    })
    const files = k3s('kube-apiserver', '--kube-apiserver-arg=authorization-config=/a', '--kube-apiserver-arg=authentication-config=/b')
    expect(files).not.toHaveProperty('authorization-mode')
    expect(files).not.toHaveProperty('anonymous-auth')
  })
  test('k3s takes flags of the controller manager under an older name too', () =>
    expect(k3s('kube-controller-manager', '--kube-controller-arg=profiling=true')).toMatchObject({ profiling: 'true' }))

  test('kubeadm writes a flag twice that its list names twice', () => {
    const text = `${JSON.stringify({ apiVersion: 'k8s-harden.test/v1', kind: 'World', source: 'manifests' })}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
apiServer:
  extraArgs:
    - {name: authorization-mode, value: AlwaysAllow}
    - {name: authorization-mode, value: RBAC}
`
    const [one] = componentFlags(worldOf(text).snapshot, 'kube-apiserver').instances
    expect(one!.flags.get('authorization-mode')).toBe('AlwaysAllow,RBAC')
  })
})
