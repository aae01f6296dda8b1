/** The trees of three control-plane nodes beside each other: what holds of two of them does not hold of the third. */
import { expect, test } from 'vitest'
import { cli } from '../helpers/cli.ts'
import { directoryOf } from './manifests-helper.ts'

const KEY = 'hVcz9HIkXuYyQeBdlYrJx0WPJc9zmX6T9fJr0YNVYLc='
/** As kubeadm writes it, shortened. */
const apiServer = (...flags: string[]): string => `apiVersion: v1
kind: Pod
metadata:
  labels: {component: kube-apiserver, tier: control-plane}
  name: kube-apiserver
  namespace: kube-system
spec:
  hostNetwork: true
  containers:
  - name: kube-apiserver
    image: registry.k8s.io/kube-apiserver:v1.37.2
    command: [kube-apiserver, '--authorization-mode=Node,RBAC', ${flags.map((flag) => `'${flag}'`).join(', ')}]
`
const encryption = (...providers: string[]): string => `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
${providers.map((one) => `  - ${one}\n`).join('')}`
const SECRETBOX = `secretbox: {keys: [{name: key1, secret: ${KEY}}]}`
const FLAG = '--encryption-provider-config=/etc/kubernetes/enc/enc.yaml'

async function scanned(files: Readonly<Record<string, string>>) {
  using directory = directoryOf(files)
  const { stdout } = await cli(['scan', '--manifests', directory.path, '-o', 'json'])
  expect(stdout).not.toContain(KEY)
  const { results } = JSON.parse(stdout) as { results: { control: string; status: string; findings: { subject: { file?: string } }[] }[] }
  return (id: string) => {
    const { status, findings } = results.find(({ control }) => control === id)!
    return [status, ...findings.map(({ subject }) => subject.file)]
  }
}

test('one of three writes plain text first', async () => {
  const of = await scanned(
    Object.fromEntries(
      ['cp1', 'cp2', 'cp3'].flatMap((node) => [
        [`${node}/etc/kubernetes/manifests/kube-apiserver.yaml`, apiServer(FLAG)],
        [
          `${node}/etc/kubernetes/enc/enc.yaml`,
          node === 'cp3' ? encryption('identity: {}', SECRETBOX) : encryption(SECRETBOX, 'identity: {}'),
        ],
      ]),
    ),
  )
  expect(of('sec-etcd-encryption')).toEqual(['fail', 'cp3/etc/kubernetes/manifests/kube-apiserver.yaml'])
  expect(of('sec-etcd-encryption-provider')).toEqual(['fail', 'cp3/etc/kubernetes/enc/enc.yaml'])
})

test('a strong configuration that no API server takes says nothing of the one that is taken', async () => {
  const of = await scanned({
    'manifests/kube-apiserver.yaml': apiServer(FLAG),
    'next/enc-new.yaml': encryption(SECRETBOX),
  })
  expect(of('sec-etcd-encryption-provider')).toEqual(['unknown'])
})
