/** Actions on the node of a test's cluster, as steps of a plan, and the writer that carries them out. */
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import type { Host } from '../../src/hosts/host.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { Approval, HostAction, Plan, Rehearsal, RunId, Step, StepId, Written } from '../../src/model/index.ts'
import { grant } from '../../src/session/approve.ts'
import { HostWriter } from '../../src/writers/host.ts'

export function stepOf(action: HostAction, id = 'step-1'): Step {
  return {
    id: id as StepId,
    title: 'a test',
    practices: ['api-endpoint'],
    controls: [],
    risk: 'may-break',
    mayBreak: [],
    changes: [{ type: 'host', key: 'a test', title: 'a test', action }],
    inverse: [],
    mends: [],
    after: [],
    managedBy: '',
    carriedOut: 'live',
  }
}
export const approvalOf = (step: Step): Approval =>
  grant(
    { digest: 'x', revision: 1, steps: [step], ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } } as Plan,
    [step.id],
    'a test',
  )

export interface Hands {
  readonly writer: HostWriter
  readonly client: ApiClient
  readonly told: string[]
  /** Rehearses, and commits what was rehearsed. */
  take(action: HostAction): Promise<{ readonly written: readonly Written[]; readonly diff: string }>
  rehearse(action: HostAction): Promise<Rehearsal>
  readonly host: Host
  close(): void
}

/** `root`: where the node's files are on this machine, or the way to the node. */
export function handsOn(
  node: string,
  root: string | ((client: ApiClient) => Host),
  kubeconfig: string,
  run = 'run-1',
  patienceMs = 120_000,
): Hands {
  const client = new ApiClient(pickContext({ kubeconfig }))
  const host = typeof root === 'string' ? new LocalHost(node, root) : root(client)
  const writer = new HostWriter({ client, hosts: [host], run: run as RunId, patienceMs })
  const told: string[] = []
  const rehearse = async (action: HostAction): Promise<Rehearsal> => {
    const result = await writer.rehearse(stepOf(action))
    if (!result.ok) throw new Error(`refused by ${result.refusedBy}: ${result.because}`)
    return result.rehearsal
  }
  return {
    writer,
    host,
    client,
    told,
    rehearse,
    async take(action) {
      const rehearsal = await rehearse(action)
      const written = JSON.parse(JSON.stringify(await writer.intent(rehearsal))) as Written[]
      await writer.commit(rehearsal, written, approvalOf(stepOf(action)), (words) => told.push(words))
      return { written, diff: rehearsal.diff }
    },
    close: () => client.close(),
  }
}
