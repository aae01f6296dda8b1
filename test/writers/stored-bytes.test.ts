import { describe, expect, test } from 'vitest'
import { type Host, type HostCommand, HostRefused, HostUnreachable } from '../../src/hosts/host.ts'
import { proveByBytes } from '../../src/writers/stored-bytes.ts'

const PREFIX = 'k8s:enc:secretbox:v1:key1:'
const manifest = (...flags: string[]) =>
  `apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: kube-apiserver\n      command: ${JSON.stringify(['kube-apiserver', ...flags])}\n`
const KUBEADM = manifest(
  '--etcd-servers=https://127.0.0.1:2379',
  '--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt',
  '--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt',
  '--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key',
)
const answer = (keys: number, succeeded = true) =>
  JSON.stringify({ header: { revision: '5' }, ...(succeeded && { succeeded }), responses: [{ response_range: { count: String(keys) } }] })

function node(name: string, text: string | undefined, run: (command: HostCommand) => string | Error): { host: Host; ran: HostCommand[] } {
  const ran: HostCommand[] = []
  const host = {
    node: name,
    read: async () => (text === undefined ? undefined : { text, sha256: '', stat: {} }),
    list: async () => [],
    run: async (command: HostCommand) => {
      ran.push(command)
      const said = run(command)
      if (said instanceof Error) throw said
      return { exitCode: 0, stdout: said, stderr: '' }
    },
  } as unknown as Host
  return { host, ran }
}

describe('what etcd says of its bytes', () => {
  test('it is asked with the certificates of the API server, and answers only yes or no and a number', async () => {
    const { host, ran } = node('cp-1', KUBEADM, () => answer(12))
    expect(await proveByBytes([host], 'secrets', PREFIX, 12)).toEqual({ is: 'seen', all: true, keys: 12 })
    const [{ argv, stdin }] = ran as [HostCommand]
    expect(argv.join(' ')).toBe(
      'curl --silent --show-error --fail --max-time 20 --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/apiserver-etcd-client.crt --key /etc/kubernetes/pki/apiserver-etcd-client.key --data-binary @- -- https://127.0.0.1:2379/v3/kv/txn',
    )
    const { success } = JSON.parse(stdin!) as { success: { request_range: { count_only: boolean } }[] }
    expect(success.map(({ request_range }) => request_range.count_only)).toEqual([true])
  })

  test('one value of another form is enough for no', async () => {
    expect(await proveByBytes([node('cp-1', KUBEADM, () => answer(12, false)).host], 'secrets', PREFIX, 12)).toMatchObject({ all: false })
  })

  test('fewer keys than there are objects are not where they lie', async () => {
    expect(await proveByBytes([node('cp-1', KUBEADM, () => answer(0)).host], 'secrets', PREFIX, 12)).toMatchObject({
      is: 'unknown',
      because: expect.stringMatching(/etcd has 0 keys under \/registry\/secrets\/, and there are 12 secrets/),
    })
  })

  test('another prefix of the API server is used; an etcd of their own is not looked for', async () => {
    const { host, ran } = node('cp-1', manifest('--etcd-servers=http://127.0.0.1:1,http://127.0.0.1:2', '--etcd-prefix=mine'), () =>
      answer(1),
    )
    expect(await proveByBytes([host], 'configmaps', PREFIX, 1)).toMatchObject({ is: 'seen' })
    expect(Buffer.from((JSON.parse(ran[0]!.stdin!) as { compare: { key: string }[] }).compare[0]!.key, 'base64').toString()).toBe(
      '/mine/configmaps/',
    )
    const apart = node('cp-1', manifest('--etcd-servers=http://a:1', '--etcd-servers-overrides=/secrets#http://b:1'), () => answer(1))
    expect(await proveByBytes([apart.host], 'secrets', PREFIX, 1)).toMatchObject({
      is: 'unknown',
      because: expect.stringMatching(/their own/),
    })
    expect(apart.ran).toEqual([])
  })

  test('a node that cannot tell leaves it to the next one, and whoever is asked last says why', async () => {
    const refuses = node('cp-1', KUBEADM, () => new HostRefused('there is no curl'))
    const gone = node('cp-2', KUBEADM, () => new HostUnreachable('ssh: connection refused'))
    const bare = node('cp-3', undefined, () => answer(12))
    expect(await proveByBytes([refuses.host, gone.host, bare.host], 'secrets', PREFIX, 12)).toEqual({
      is: 'unknown',
      because: 'cp-3: no manifest in /etc/kubernetes/manifests runs kube-apiserver',
    })
    const good = node('cp-4', KUBEADM, () => answer(12))
    expect(await proveByBytes([refuses.host, good.host], 'secrets', PREFIX, 12)).toMatchObject({ is: 'seen', all: true })
    expect(await proveByBytes([], 'secrets', PREFIX, 12)).toMatchObject({ is: 'unknown' })
    expect(await proveByBytes([node('cp-1', KUBEADM, () => '{"code":16}').host], 'secrets', PREFIX, 1)).toMatchObject({ is: 'unknown' })
  })
})
