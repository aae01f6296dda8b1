import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { type ApiClient, openApiClient } from './api-client.ts'
import { type AuditEvent, type AuditLog, type AuditMark, metadataPolicy, openAuditLog } from './audit.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { createSite, type Site, startApiServer, startControllerManager, startEtcd, startScheduler } from './control-plane.ts'
import { startFakeNodes } from './fake-nodes.ts'
import type { Flags } from './flags.ts'
import { type Extra, writeKubeconfig } from './kubeconfig.ts'
import { kubeletFlags, prepareNodes, type RealNode, startNode } from './nodes/node.ts'
import type { StaticApiServer } from './nodes/static-apiserver.ts'
import { freePorts } from './ports.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'

export interface ClusterOptions {
  /** API-server flags that are added or win over the defaults; null takes a default away. */
  readonly flags?: Flags
  readonly controllerManager?: boolean
  readonly scheduler?: boolean
  /** How many nodes kwok plays the kubelet of. */
  readonly kwokNodes?: number
  /** How many nodes with a real kubelet, `node-0` and so on; only where `describeNode` runs. */
  readonly nodes?: number
  /** The real nodes enforce NetworkPolicies. */
  readonly policies?: boolean
  /** Fields of the real nodes' KubeletConfiguration that win over the defaults. */
  readonly kubeletConfig?: object
  /** An audit policy as YAML or JSON; by default every request is logged at Metadata level; false: no audit log. */
  readonly audit?: string | false
  /** Path of an EncryptionConfiguration, reloaded when it changes. */
  readonly encryptionConfig?: string
  readonly authorizationMode?: string
  readonly allowPrivileged?: boolean
  /** The API server's `--runtime-config`. */
  readonly runtimeConfig?: string
}

export interface Person {
  readonly user: string
  readonly groups?: readonly string[]
  /** Given by impersonation, because a certificate cannot carry it. */
  readonly extra?: Extra
}

export interface SecondApiServer {
  readonly url: string
  readonly kubeconfig: string
}

/** A running test cluster. */
export interface Cluster {
  readonly url: string
  /** Its folder: logs of the programs, keys, the audit log. */
  readonly dir: string
  /** The authority's certificate, as a file. */
  readonly caFile: string
  /** Path of the administrator's kubeconfig (group system:masters). */
  readonly kubeconfig: string
  /** The administrator's client. */
  readonly api: ApiClient
  readonly etcdUrl: string
  /** The real nodes. */
  readonly nodes: readonly RealNode[]
  /** Path of a new kubeconfig for somebody. */
  kubeconfigFor(person: Person): Promise<string>
  /** Path of a new kubeconfig with a fresh token of an existing service account. */
  serviceAccountKubeconfig(namespace: string, name: string): Promise<string>
  /** The folder of kubectl, for the PATH of a shell. */
  readonly kubectlFolder: string
  /** Runs kubectl and returns what it printed; `as` is a kubeconfig other than the administrator's. */
  kubectl(args: readonly string[], options?: { readonly input?: string; readonly as?: string }): Promise<string>
  auditEvents(): Promise<AuditEvent[]>
  auditMark(): Promise<AuditMark>
  auditSince(mark: AuditMark): Promise<AuditEvent[]>
  /** The bytes that etcd holds under a key such as `/registry/secrets/default/mine`. */
  etcdRaw(key: string): Promise<Buffer | undefined>
  /** Restarts the API server; flags add up over restarts. */
  restartApiServer(options?: { readonly flags?: Flags }): Promise<void>
  /** Starts a second API server on the same etcd, or restarts it; its audit log is off. Flags add up over restarts. */
  secondApiServer(options?: { readonly flags?: Flags }): Promise<SecondApiServer>
  /**
   * Ends the cluster's own API server, and so `api` and `kubectl` with it: each kubelet goes on with the API server of its own node, as
   * kubeadm has it, and the controller manager with that of the last one.
   */
  handOver(servers: readonly StaticApiServer[]): Promise<void>
  /** The processes that the cluster consists of. */
  pids(): number[]
  stop(): Promise<void>
}

const SECOND = 'kube-apiserver-2'
// Whoever talks to a program stops before it: an API server without etcd hangs for a minute.
const stopOrder = ['kwok', 'kube-scheduler', 'kube-controller-manager', 'kube-apiserver', SECOND, 'etcd']

/** The programs that a cluster with these options needs, besides etcd and the API server. */
export function programsFor({ controllerManager, scheduler, kwokNodes }: ClusterOptions): (keyof Binaries)[] {
  const needed: (keyof Binaries)[] = ['kubectl']
  if (controllerManager) needed.push('controllerManager')
  if (scheduler) needed.push('scheduler')
  if (kwokNodes) needed.push('kwok', 'stages')
  return needed
}

/** Starts a cluster on the loopback address, building its programs first when they are not there yet. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const binaries = await findBinaries()
  if ('skip' in binaries) throw new Error(binaries.skip)
  const dir = await mkdtemp(join(tmpdir(), 'k8s-harden-cluster-'))
  const supervisor = createSupervisor(dir)
  try {
    return await startIn(dir, binaries, supervisor, options)
  } catch (error) {
    await stopAll(supervisor)
    throw error
  }
}

async function startIn(dir: string, binaries: Binaries, supervisor: Supervisor, options: ClusterOptions): Promise<Cluster> {
  const prepared = await prepareNodes(dir, supervisor, options.nodes ?? 0)
  const site = await createSite(dir, binaries, supervisor, prepared[0]?.namespaces.hostAddress)
  const flags: Flags[] = [await flagsOf(dir, options), options.flags ?? {}]
  startEtcd(site)
  await startApiServer(site, flags)
  if (options.controllerManager) await startControllerManager(site)
  if (options.scheduler) await startScheduler(site)
  if (options.kwokNodes) await startFakeNodes(site, options.kwokNodes)
  const nodes = await Promise.all(prepared.map((node) => startNode(site, node, options.kubeletConfig ?? {})))
  if (options.policies) await Promise.all(nodes.map((node) => node.enforcePolicies()))
  return {
    nodes,
    ...access(site, await administrator(site)),
    ...auditing(openAuditLog(join(dir, 'audit.log'), site.api)),
    async restartApiServer({ flags: more = {} } = {}) {
      flags.push(more)
      await supervisor.stop('kube-apiserver')
      await startApiServer(site, flags)
    },
    secondApiServer: second(site, await flagsOf(dir, { ...options, audit: false })),
    async handOver(servers) {
      await supervisor.stop('kube-controller-manager')
      for (const [index, { url }] of servers.entries()) await nodes[index]!.followApiServer(url)
      await supervisor.stop('kube-apiserver')
      const { url, api } = servers.at(-1)!
      if (options.controllerManager) await startControllerManager({ ...site, url, api })
    },
    pids: supervisor.pids,
    async stop() {
      site.api.close()
      await stopAll(supervisor, nodes)
    },
  }
}

function second(site: Site, first: Flags): Cluster['secondApiServer'] {
  const flags: Flags[] = [first]
  let port: number | undefined
  return async ({ flags: more = {} } = {}) => {
    flags.push(more)
    port ??= (await freePorts(1))[0]!
    const url = `https://${site.address}:${port}`
    const api = openApiClient(url, site.authority.certificate, site.admin)
    await site.supervisor.stop(SECOND)
    await startApiServer({ ...site, url, api }, flags, SECOND)
    api.close()
    const kubeconfig = join(site.dir, 'admin-2.kubeconfig')
    return {
      url,
      kubeconfig: await writeKubeconfig(kubeconfig, {
        url,
        ca: site.authority.certificate,
        name: 'kubernetes-admin',
        credentials: site.admin,
      }),
    }
  }
}

async function stopAll(supervisor: Supervisor, nodes: readonly RealNode[] = []): Promise<void> {
  for (const name of stopOrder) await supervisor.stop(name)
  // The address that the others listen on goes with the node.
  await Promise.all(nodes.map((node) => node.stop()))
  await supervisor.release()
}

async function flagsOf(dir: string, options: ClusterOptions): Promise<Flags> {
  const flags: Record<string, string> = {
    'authorization-mode': options.authorizationMode ?? 'Node,RBAC',
    'allow-privileged': String(options.allowPrivileged ?? true),
  }
  if (options.audit !== false) {
    flags['audit-policy-file'] = join(dir, 'audit-policy.yaml')
    flags['audit-log-path'] = join(dir, 'audit.log')
    // One file whatever happens: a rotated one would lose the marks.
    flags['audit-log-maxsize'] = '10000'
    await writeFile(flags['audit-policy-file'], options.audit ?? metadataPolicy)
  }
  if (options.nodes) Object.assign(flags, kubeletFlags(dir))
  if (options.encryptionConfig) {
    flags['encryption-provider-config'] = options.encryptionConfig
    flags['encryption-provider-config-automatic-reload'] = 'true'
  }
  if (options.runtimeConfig) flags['runtime-config'] = options.runtimeConfig
  // Nobody makes the service accounts that this plugin asks every pod for.
  if (!options.controllerManager) flags['disable-admission-plugins'] = 'ServiceAccount'
  return flags
}

function administrator({ dir, url, authority, admin }: Site): Promise<string> {
  const path = join(dir, 'admin.kubeconfig')
  return writeKubeconfig(path, { url, ca: authority.certificate, name: 'kubernetes-admin', credentials: admin })
}

function access(site: Site, kubeconfig: string) {
  const { dir, url, authority, api, admin, binaries, etcdUrl } = site
  const ca = authority.certificate
  let files = 0
  const newPath = () => join(dir, `user-${++files}.kubeconfig`)

  return {
    url,
    dir,
    caFile: join(dir, 'ca.crt'),
    kubeconfig,
    api,
    etcdUrl,
    async kubeconfigFor({ user, groups = [], extra }: Person) {
      const credentials = extra ? { ...admin, as: user, groups, extra } : await authority.issueClient({ user, groups })
      return writeKubeconfig(newPath(), { url, ca, name: user, credentials })
    },
    async serviceAccountKubeconfig(namespace: string, name: string) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`
      const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
      const { status } = await api.create<{ status: { token: string } }>(path, request)
      return writeKubeconfig(newPath(), { url, ca, name, credentials: { token: status.token } })
    },
    kubectlFolder: dirname(binaries.kubectl ?? ''),
    async kubectl(args: readonly string[], { input, as = kubeconfig }: { input?: string; as?: string } = {}) {
      if (!binaries.kubectl) throw new Error('no kubectl among the binaries')
      const env = { HOME: dir, KUBECONFIG: as }
      const { stdout } = await execa(binaries.kubectl, args, { env, cwd: dir, ...(input === undefined ? {} : { input }) })
      return stdout
    },
    etcdRaw: (key: string) => readFromEtcd(etcdUrl, key),
  }
}

function auditing(log: AuditLog) {
  return {
    auditEvents: () => log.since({ offset: 0 }),
    auditMark: () => log.mark(),
    auditSince: (mark: AuditMark) => log.since(mark),
  }
}

async function readFromEtcd(etcdUrl: string, key: string): Promise<Buffer | undefined> {
  const body = JSON.stringify({ key: Buffer.from(key).toString('base64') })
  const response = await fetch(`${etcdUrl}/v3/kv/range`, { method: 'POST', body })
  const { kvs } = (await response.json()) as { kvs?: { value: string }[] }
  return kvs?.[0] && Buffer.from(kvs[0].value, 'base64')
}
