/** How often a node is asked: each question is a process here and a way there. */
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { RemoteHost } from '../../src/hosts/remote.ts'
import type { Runner } from '../../src/hosts/runner.ts'
import { lookAt } from '../../src/sources/hosts-look.ts'

const KEYS = ['ca', 'apiserver', 'front-proxy-client', 'front-proxy-ca', 'apiserver-etcd-client', 'apiserver-kubelet-client']
const PKI = '/etc/kubernetes/pki'
const FLAGS = KEYS.flatMap((name) => [`--x-${name}-cert-file=${PKI}/${name}.crt`, `--x-${name}-key-file=${PKI}/${name}.key`])
const MANIFEST = `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
  - {name: kube-apiserver, command: [kube-apiserver, ${FLAGS.join(', ')}], volumeMounts: [{name: k, mountPath: /etc/kubernetes}]}
  volumes:
  - {name: k, hostPath: {path: /etc/kubernetes}}
`

/** Programs of this machine, on a tree that they take for the root. */
async function node(
  files: Readonly<Record<string, string>>,
): Promise<{ readonly root: string; readonly host: RemoteHost; readonly asked: string[] }> {
  const root = await mkdtemp(join(tmpdir(), 'k8s-harden-node-'))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  const asked: string[] = []
  const runner: Runner = {
    carrier: 'ssh',
    words: 'a tree',
    async run(argv) {
      asked.push(argv.slice(2).join(' '))
      if (argv.includes('pidof')) return { exitCode: 1, stdout: Buffer.from(''), stderr: '' }
      const [program, ...words] = argv.map((word) => (word.startsWith('/') ? root + word : word))
      const done = await execa(program!, words, { reject: false, encoding: 'buffer', stripFinalNewline: false, stdin: 'ignore' })
      const own = (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll(root, ''), 'latin1')
      return { exitCode: done.exitCode!, stdout: own(done.stdout), stderr: own(done.stderr).toString() }
    },
    close: async () => {},
  }
  return { root, host: new RemoteHost('cp-1', runner), asked }
}
const FILES = {
  '/etc/kubernetes/manifests/kube-apiserver.yaml': MANIFEST,
  '/var/lib/kubelet/config.yaml': 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n',
  ...Object.fromEntries(KEYS.flatMap((name) => [`${PKI}/${name}.crt`, `${PKI}/${name}.key`]).map((path) => [path, `bytes of ${path}`])),
}

test('a control-plane node is asked some forty times, nothing twice, and no content of a key', async () => {
  const { host, asked } = await node(FILES)
  const { seen, apiServer } = await lookAt(host)
  expect(apiServer).toBe(true)
  expect(seen.files.filter(({ role }) => role === 'key').map(({ path }) => path)).toHaveLength(KEYS.length)
  expect(seen.files.filter(({ role }) => role === 'certificate').map(({ path }) => path)).toHaveLength(KEYS.length)
  expect(asked.length).toBeLessThan(45)
  expect(new Set(asked).size).toBe(asked.length)
  expect(asked.filter((one) => one.startsWith('head') && one.includes('.key'))).toEqual([])
})

test('asked one by one the node looks the same, also where links, directories and missing files are among them', async () => {
  const { root, host } = await node(FILES)
  for (const name of ['ca.crt', 'front-proxy-ca.crt', 'apiserver.key']) await execa('rm', [join(root, PKI, name)])
  await writeFile(join(root, PKI, 'real.crt'), 'another')
  await symlink('real.crt', join(root, PKI, 'ca.crt'))
  await mkdir(join(root, PKI, 'front-proxy-ca.crt'))
  const together = await lookAt(host)
  const oneByOne = new Proxy(host, {
    get: (target, name) => {
      const value: unknown = name === 'several' ? undefined : Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const byItself = await lookAt(oneByOne)
  const inOrder = (look: typeof together) => ({
    ...look,
    seen: { ...look.seen, files: look.seen.files.toSorted((a, b) => (a.path < b.path ? -1 : 1)) },
  })
  expect(inOrder(together)).toEqual(inOrder(byItself))
  expect(together.seen.files.find(({ path }) => path === `${PKI}/ca.crt`)).toMatchObject({ link: true })
  expect(together.unread.map(({ path }) => path)).toContain(`${PKI}/front-proxy-ca.crt`)
})
