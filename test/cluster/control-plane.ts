import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiClient, openApiClient } from './api-client.ts'
import type { Binaries } from './binaries.ts'
import { type Authority, createAuthority, createTokenKey, type Identity, type KeyPair } from './certificates.ts'
import { type Flags, toArguments } from './flags.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { freePorts } from './ports.ts'
import type { Running, Supervisor } from './supervisor.ts'

/** What every program of one cluster needs to know. */
export interface Site {
  readonly dir: string
  readonly binaries: Binaries
  readonly supervisor: Supervisor
  readonly authority: Authority
  /** Where etcd and the API server listen: loopback, or what real nodes reach too. */
  readonly address: string
  readonly url: string
  readonly etcdUrl: string
  readonly etcdPeerUrl: string
  /** The cluster administrator's client, of the group system:masters. */
  readonly api: ApiClient
  readonly admin: KeyPair
}

const startupMs = 120_000

/** Lays out the folder of a new cluster: authority, keys and addresses. */
export async function createSite(dir: string, binaries: Binaries, supervisor: Supervisor, address = '127.0.0.1'): Promise<Site> {
  const authority = await createAuthority('k8s-harden-test-ca')
  const tokenKey = await createTokenKey()
  const server = await authority.issueServer(['localhost', 'kubernetes.default.svc'], [...new Set(['127.0.0.1', address])])
  const admin = await authority.issueClient({ user: 'kubernetes-admin', groups: ['system:masters'] })
  const kubelets = await authority.issueClient({ user: 'kube-apiserver-kubelet-client', groups: ['system:masters'] })
  const files = {
    'ca.crt': authority.certificate,
    'ca.key': authority.key,
    'apiserver.crt': server.certificate,
    'apiserver.key': server.key,
    'kubelet-client.crt': kubelets.certificate,
    'kubelet-client.key': kubelets.key,
    'sa.key': tokenKey.privateKey,
    'sa.pub': tokenKey.publicKey,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 })
  const [port, etcd, etcdPeer] = await freePorts(3)
  const url = `https://${address}:${port}`
  return {
    dir,
    binaries,
    supervisor,
    authority,
    address,
    url,
    etcdUrl: `http://${address}:${etcd}`,
    etcdPeerUrl: `http://127.0.0.1:${etcdPeer}`,
    api: openApiClient(url, authority.certificate, admin),
    admin,
  }
}

/** Starts etcd without fsync: its data does not outlive the test. */
export function startEtcd({ supervisor, binaries, dir, etcdUrl, etcdPeerUrl }: Site): void {
  const flags: Flags = {
    name: 'test',
    'data-dir': join(dir, 'etcd'),
    'listen-client-urls': etcdUrl,
    'advertise-client-urls': etcdUrl,
    'listen-peer-urls': etcdPeerUrl,
    'initial-advertise-peer-urls': etcdPeerUrl,
    'initial-cluster': `test=${etcdPeerUrl}`,
    'unsafe-no-fsync': 'true',
    'log-level': 'warn',
  }
  supervisor.start('etcd', binaries.etcd, toArguments(flags))
}

/** Starts the API server and waits until it is ready to serve. `name` and `site.url` tell a further one on the same etcd apart. */
export async function startApiServer(site: Site, extra: readonly Flags[], name = 'kube-apiserver'): Promise<void> {
  const { dir, url, address, etcdUrl, supervisor, binaries } = site
  const flags: Flags = {
    'etcd-servers': etcdUrl,
    'bind-address': address,
    'advertise-address': address,
    'secure-port': new URL(url).port,
    // A loopback address is refused in Endpoints, which would fill the log with errors.
    'endpoint-reconciler-type': 'none',
    'tls-cert-file': join(dir, 'apiserver.crt'),
    'tls-private-key-file': join(dir, 'apiserver.key'),
    'client-ca-file': join(dir, 'ca.crt'),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': join(dir, 'sa.pub'),
    'service-account-signing-key-file': join(dir, 'sa.key'),
    'service-cluster-ip-range': '10.96.0.0/16',
    'enable-admission-plugins': 'NodeRestriction',
  }
  const program = supervisor.start(name, binaries.apiServer, toArguments(flags, ...extra))
  await waitFor('the API server', program, async () => (await site.api.request('GET', '/readyz')).status === 200)
}

/** Starts the controller manager, with room for thousands of objects, and waits until it works. */
export async function startControllerManager(site: Site): Promise<void> {
  const { dir, supervisor, binaries, api } = site
  if (!binaries.controllerManager) throw new Error('no kube-controller-manager among the binaries')
  const kubeconfig = await componentKubeconfig(site, { user: 'system:kube-controller-manager' })
  const flags: Flags = {
    kubeconfig,
    'service-account-private-key-file': join(dir, 'sa.key'),
    'root-ca-file': join(dir, 'ca.crt'),
    'cluster-signing-cert-file': join(dir, 'ca.crt'),
    'cluster-signing-key-file': join(dir, 'ca.key'),
    'use-service-account-credentials': 'true',
    'leader-elect': 'false',
    'secure-port': '0',
    'kube-api-qps': '1000',
    'kube-api-burst': '2000',
    'concurrent-deployment-syncs': '20',
    'concurrent-replicaset-syncs': '20',
    'concurrent-service-endpoint-syncs': '20',
    'concurrent-namespace-syncs': '20',
    'concurrent-serviceaccount-token-syncs': '20',
  }
  const program = supervisor.start('kube-controller-manager', binaries.controllerManager, toArguments(flags))
  // Pods are refused in a namespace that has no service account yet.
  const account = '/api/v1/namespaces/default/serviceaccounts/default'
  await waitFor('the controller manager', program, async () => (await api.request('GET', account)).status === 200)
}

/** Starts the scheduler; the first pod that gets a node shows that it works. */
export async function startScheduler(site: Site): Promise<void> {
  const { supervisor, binaries } = site
  if (!binaries.scheduler) throw new Error('no kube-scheduler among the binaries')
  const kubeconfig = await componentKubeconfig(site, { user: 'system:kube-scheduler' })
  // The lookup of the cluster's own authentication settings is only for the endpoint that port 0 switches off.
  const config = {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    clientConnection: { kubeconfig, qps: 1000, burst: 2000 },
    leaderElection: { leaderElect: false },
  }
  const path = join(site.dir, 'scheduler.json')
  await writeFile(path, JSON.stringify(config))
  supervisor.start('kube-scheduler', binaries.scheduler, toArguments({ config: path, 'secure-port': '0' }))
}

/** A kubeconfig for a program of the control plane, named after its user. */
export async function componentKubeconfig(site: Site, identity: Identity): Promise<string> {
  const name = identity.user.replace(/^system:/, '')
  const credentials = await site.authority.issueClient(identity)
  const path = join(site.dir, `${name}.kubeconfig`)
  return writeKubeconfig(path, { url: site.url, ca: site.authority.certificate, name, credentials })
}

/** Polls until `ready`; a program that ends meanwhile is an error with the end of its log. */
export async function waitFor(what: string, program: Running, ready: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + startupMs
  while (!(await ready().catch(() => false))) {
    const last = program.ended()
    if (last !== undefined) throw new Error(`${what} ended while starting:\n${last}`)
    if (Date.now() > deadline) throw new Error(`${what} was not ready after ${startupMs / 1000} s`)
    await sleep(100)
  }
}
