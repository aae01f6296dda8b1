import { METADATA_LIST } from '../../apiserver/metadata-only.ts'
import { clean } from '../../apiserver/refusal.ts'
import type { KubeletAnswer } from '../../model/index.ts'
import { deepEqual } from '../sharing.ts'
import { type Asking, FACT_MS, type Fact, type FactAnswer } from './fact.ts'

const AT_ONCE = 4
const ALTOGETHER_MS = 30_000

type Answer = FactAnswer<'KubeletConfigz'>
const forbidden = (because: string, answer: string): Answer => ({ unread: { why: 'forbidden', because, answer } })

/**
 * `GET /api/v1/nodes/N/proxy/configz` of every node: the kubelet's configuration after files, drop-ins and flags. A node that does
 * not answer (a virtual one has no kubelet) is one refusal; a 403 of the API server is one for all.
 */
export const kubeletConfigz: Fact<'KubeletConfigz'> = async (asking) => {
  const names = await nodeNames(asking)
  if (!Array.isArray(names)) return names
  const nodes: KubeletAnswer[] = []
  const deadline = Date.now() + ALTOGETHER_MS
  let refused = false
  let last: Readonly<Record<string, unknown>> | undefined
  const waiting = names.values()
  const worker = async () => {
    for (const node of waiting) {
      if (refused) return
      if (Date.now() > deadline) {
        nodes.push({ node, refused: `not asked: ${ALTOGETHER_MS / 1000} s were not enough for all nodes` })
        continue
      }
      const answer = await ask(node, asking)
      if (answer === 'forbidden') {
        refused = true
        return
      }
      // Most nodes of a pool are configured alike: one copy.
      if (answer.config !== undefined && last !== undefined && deepEqual(last, answer.config)) nodes.push({ node, config: last })
      else {
        last = answer.config ?? last
        nodes.push(answer)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  if (refused)
    return forbidden(
      'the API server refused to get nodes/proxy (403)',
      "allow get on nodes/proxy for the time of a scan (it lets its holder run commands in pods: take it back afterwards), or scan the kubelets' files with --manifests PATH",
    )
  return { value: { nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)) } }
}

async function nodeNames({ client, signal }: Asking): Promise<string[] | Answer> {
  const names: string[] = []
  const pages = client.pages('/api/v1/nodes', { accept: METADATA_LIST, signal, limitMs: 15_000 })
  for (;;) {
    const step = await pages.next()
    if (!step.done)
      names.push(
        ...step.value.items
          .map((item) => (item as { metadata?: { name?: unknown } } | null)?.metadata?.name)
          .filter((name) => typeof name === 'string'),
      )
    else if (step.value.ok) return names
    else if (step.value.refusal.kind === 'forbidden') return forbidden('the API server refused to list nodes (403)', 'allow list on nodes')
    else
      return {
        unread: {
          why: 'unreachable',
          because: `nodes could not be read: ${step.value.refusal.message}`,
          answer: 'check the connection to the API server and scan again',
        },
      }
  }
}

async function ask(node: string, { client, signal }: Asking): Promise<KubeletAnswer | 'forbidden'> {
  const answer = await client.get<{ kubeletconfig?: unknown }>(`/api/v1/nodes/${encodeURIComponent(node)}/proxy/configz`, {
    signal,
    limitMs: FACT_MS,
    idleMs: FACT_MS,
  })
  if (!answer.ok) {
    // The kubelet's own 403 is passed on as well; only the API server's comes as a Status that names the right.
    if (answer.refusal.kind === 'forbidden' && answer.refusal.reason === 'Forbidden') return 'forbidden'
    return { node, refused: clean(answer.refusal.message, 300) }
  }
  const config = answer.body?.kubeletconfig
  if (config === null || typeof config !== 'object' || Array.isArray(config))
    return { node, refused: 'its configz holds no kubelet configuration' }
  return { node, config: config as Readonly<Record<string, unknown>> }
}
