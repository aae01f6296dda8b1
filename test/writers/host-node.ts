/** A node of files in a directory, with a kubelet of a few lines: it shows a mirror pod of the manifest, and runs or refuses what it says. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { ApiClient } from '../../src/apiserver/client.ts'
import type { CommandResult, HostCommand } from '../../src/hosts/host.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { RunId } from '../../src/model/index.ts'
import { HostWriter } from '../../src/writers/host.ts'
import { FakeApiServer } from '../helpers/fake-apiserver.ts'

export const MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml'
export const POD = `apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
  namespace: kube-system # ours
spec:
  containers:
    - name: kube-apiserver
      command:
        - kube-apiserver
        - --secure-port=6443
        # at least
        - --tls-min-version=VersionTLS12
      readinessProbe: {}
`

class Host extends LocalHost {
  readonly ran: string[] = []
  answer: (command: HostCommand) => CommandResult = () => ({ exitCode: 0, stdout: 'active\n', stderr: '' })
  override async run(command: HostCommand): Promise<CommandResult> {
    this.ran.push(command.name)
    return this.answer(command)
  }
}

export interface FakeNode {
  readonly api: FakeApiServer
  readonly host: Host
  readonly writer: HostWriter
  /** Where its `/` is. */
  readonly root: string
  read(path: string): string
  put(path: string, text: string): void
  /** Its words in the log, for a manifest that it cannot run. */
  fails?: (manifest: string) => string | undefined
  /** The API server does not answer while a manifest is run that fails. */
  isAlone: boolean
  stop(): Promise<void>
}

export async function fakeNode(manifest = POD, patienceMs = 3_000): Promise<FakeNode> {
  const root = mkdtempSync(join(tmpdir(), 'k8s-harden-node-'))
  const api = await FakeApiServer.start()
  const client = new ApiClient(api.context())
  const host = new Host('cp-1', root)
  const node: FakeNode = {
    api,
    host,
    root,
    isAlone: false,
    writer: new HostWriter({ client, hosts: [host], run: 'run-1' as RunId, patienceMs }),
    read: (path) => readFileSync(join(root, path), 'utf8'),
    put(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    },
    async stop() {
      client.close()
      await api.stop()
    },
  }
  if (manifest !== '') node.put(MANIFEST, manifest)
  const away = (fatal: string | undefined) => node.isAlone && fatal !== undefined
  const seen = () => {
    if (!existsSync(join(root, MANIFEST))) return undefined
    const text = node.read(MANIFEST)
    const hash = createHash('md5').update(text).digest('hex')
    const fatal = node.fails?.(text)
    if (fatal !== undefined)
      node.put(`/var/log/pods/kube-system_kube-apiserver-cp-1_${hash}/kube-apiserver/0.log`, `2026-11-26T07:00:00Z stderr F ${fatal}\n`)
    return { text, hash, fatal }
  }
  api.routes.set('/api/v1/namespaces/kube-system/pods/kube-apiserver-cp-1', (_asked, response) => {
    const now = seen()
    if (now !== undefined && away(now.fatal)) return void response.destroy()
    if (now === undefined) {
      response.writeHead(404, { 'Content-Type': 'application/json' })
      return void response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }))
    }
    const pod = parse(now.text)
    const isWell = now.fatal === undefined
    pod.metadata = {
      ...pod.metadata,
      name: 'kube-apiserver-cp-1',
      annotations: { ...pod.metadata.annotations, 'kubernetes.io/config.hash': now.hash },
    }
    pod.spec.nodeName = 'cp-1'
    pod.status = {
      conditions: [{ type: 'Ready', status: isWell ? 'True' : 'False' }],
      containerStatuses: [
        {
          name: 'kube-apiserver',
          restartCount: 0,
          state: isWell ? { running: {} } : { waiting: { reason: 'CrashLoopBackOff' } },
        },
      ],
    }
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(pod))
  })
  api.routes.set('/readyz', (_asked, response) => void (away(seen()?.fatal) ? response.destroy() : response.end('ok')))
  return node
}
