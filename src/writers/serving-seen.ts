/** Whether a kubelet serves a certificate that the cluster issued to it, as far as the API shows it. */
import { X509Certificate } from 'node:crypto'
import type { NodeObject } from '../model/index.ts'
import { SERVING_SIGNER } from '../objects/serving-request.ts'
import { NOT_YET, WriteRefused } from '../plan/writer.ts'
import { refuser, words } from './cluster-api.ts'
import type { HostWorld } from './host-performer.ts'
import type { WireRequest } from './serving-request-read.ts'

export const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
/** Seconds by which the kubelet's count may differ from the certificate it was given: clocks, and the time of asking. */
const CLOSE = 300
const FLAG = 'kubelet-certificate-authority'

export type Asking = Pick<HostWorld, 'client' | 'signal'>

/** True, or what is missing. A kubelet without a certificate refuses every connection, also this one. */
export async function servedBy(node: string, { client, signal }: Asking): Promise<true | string> {
  const proxy = `/api/v1/nodes/${encodeURIComponent(node)}/proxy`
  const asking = { signal, limitMs: 10_000 }
  const configz = await client.get<{ kubeletconfig?: { serverTLSBootstrap?: unknown; tlsCertFile?: unknown } }>(`${proxy}/configz`, asking)
  if (!configz.ok) return `its kubelet does not answer yet (${configz.refusal.message})`
  if (configz.body.kubeletconfig?.serverTLSBootstrap !== true) return 'its kubelet does not ask for a certificate (serverTLSBootstrap)'
  const metrics = await client.text(`${proxy}/metrics`, asking)
  if (!metrics.ok) return `its kubelet does not show its metrics (${metrics.refusal.message})`
  const left = Number(/^kubelet_certificate_manager_server_ttl_seconds (\S+)$/m.exec(metrics.body)?.[1]?.replace('+Inf', 'Infinity'))
  if (!Number.isFinite(left) || left <= 0) return 'its kubelet has no valid certificate yet, and its request has not come'
  const issued = (await requestsOf(node, { client, signal })).flatMap(({ status }) => expiryIn(status?.certificate) ?? [])
  if (issued.some((expiry) => Math.abs((expiry - Date.now()) / 1000 - left) < CLOSE)) return true
  // Requests are cleared away after an hour. Without a file of its own the kubelet can only have been issued what it serves.
  if ((configz.body.kubeletconfig.tlsCertFile ?? '') === '') return true
  return 'its kubelet serves the certificate of its tlsCertFile, and who signed that is not known: take tlsCertFile and tlsPrivateKeyFile out of its configuration'
}

function expiryIn(certificate: string | undefined): number | undefined {
  try {
    return certificate === undefined ? undefined : Date.parse(new X509Certificate(Buffer.from(certificate, 'base64')).validTo)
  } catch {
    return undefined
  }
}

export async function requestsOf(node: string, { client, signal }: Asking): Promise<readonly WireRequest[]> {
  const found: WireRequest[] = []
  const pages = client.pages(REQUESTS, { signal, query: { fieldSelector: `spec.signerName=${SERVING_SIGNER}` } })
  for (;;) {
    const page = await pages.next()
    if (!page.done)
      found.push(...(page.value.items as readonly WireRequest[]).filter(({ spec }) => spec.username === `system:node:${node}`))
    else if (page.value.ok) return found
    else throw new WriteRefused(refuser(page.value.refusal), words(page.value.refusal))
  }
}

/**
 * Throws `WriteRefused` where an API server is to verify kubelets while one that is up plainly has nothing that it could verify: its logs
 * and exec would fail from then on. One whose certificate somebody else placed is tried afterwards (`kubeletsLost`).
 */
export async function refuseUnverified(world: Asking, flags: Readonly<Record<string, string | null>>): Promise<void> {
  if (typeof flags[FLAG] !== 'string') return
  const unfit: string[] = []
  for (const node of await nodesUp(world)) {
    const served = await servedBy(node, world)
    if (served !== true && !(await hasOwnFile(node, world))) unfit.push(`${node} (${served})`)
  }
  if (unfit.length > 0)
    throw new WriteRefused(
      'k8s-harden',
      `${NOT_YET}not every kubelet serves a certificate of the cluster: ${unfit.join(', ')}; logs and exec would fail there`,
    )
}

async function hasOwnFile(node: string, { client, signal }: Asking): Promise<boolean> {
  const answer = await client.get<{ kubeletconfig?: { tlsCertFile?: unknown } }>(
    `/api/v1/nodes/${encodeURIComponent(node)}/proxy/configz`,
    {
      signal,
      limitMs: 10_000,
    },
  )
  const file = answer.ok ? answer.body.kubeletconfig?.tlsCertFile : undefined
  // At this path stands what a kubelet signs for itself.
  return typeof file === 'string' && file !== '' && !file.endsWith('/pki/kubelet.crt')
}

/** Nodes whose kubelet answers through the API server; undefined where the flag that may change that is not among them. */
export async function kubeletsAnswering(
  world: Asking,
  flags: Readonly<Record<string, string | null>>,
): Promise<readonly string[] | undefined> {
  if (typeof flags[FLAG] !== 'string') return undefined
  const answering: string[] = []
  for (const node of await nodesUp(world)) if ((await tried(node, world)) === undefined) answering.push(node)
  return answering
}

/** Why the API server does not reach kubelets any more that it reached before, in one clause; undefined where it does. */
export async function kubeletsLost(world: Asking, before: readonly string[] | undefined): Promise<string | undefined> {
  const lost: string[] = []
  for (const node of before ?? []) {
    const because = await tried(node, world)
    if (because !== undefined) lost.push(`${node}: ${because}`)
  }
  return lost.length === 0 ? undefined : `it does not reach kubelets any more that it reached before (${lost.join('; ')})`
}

async function tried(node: string, { client, signal }: Asking): Promise<string | undefined> {
  const answer = await client.text(`/api/v1/nodes/${encodeURIComponent(node)}/proxy/healthz`, { signal, limitMs: 10_000 })
  return answer.ok ? undefined : answer.refusal.message
}

async function nodesUp({ client, signal }: Asking): Promise<readonly string[]> {
  const names: string[] = []
  const pages = client.pages('/api/v1/nodes', { signal })
  for (;;) {
    const page = await pages.next()
    if (!page.done) {
      const nodes = page.value.items as readonly NodeObject[]
      names.push(...nodes.filter(isUp).map(({ metadata }) => metadata.name))
    } else if (page.value.ok) return names
    else throw new WriteRefused(refuser(page.value.refusal), words(page.value.refusal))
  }
}
const isUp = ({ metadata, status }: NodeObject): boolean =>
  metadata.labels?.['type'] !== 'virtual-kubelet' &&
  metadata.labels?.['eks.amazonaws.com/compute-type'] !== 'fargate' &&
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
