/** `k8s-harden try-enforcement`: the active test behind net-cni-enforces. Never part of a scan: it makes a namespace and pods. */
import { randomBytes } from 'node:crypto'
import type { KubeObject, Plan, Step } from '../../model/index.ts'
import { planDigest, stepId } from '../../plan/digest.ts'
import { invertChange } from '../../plan/invert.ts'
import { headerOf, run } from '../../plan/run.ts'
import { grant } from '../../session/approve.ts'
import { ClusterWriter } from '../../writers/cluster.ts'
import { type TrialResult, tryEnforcement } from '../../writers/enforcement-trial.ts'
import { FileJournal, newRunId, stateDirectory } from '../../writers/journal.ts'
import { lockTarget } from '../../writers/journal-lock.ts'
import { terminalIo } from '../confirm.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { openSource } from '../open-source.ts'
import { targetOf } from '../open-writer.ts'
import type { SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { VERSION } from '../version.ts'
import { line, stateText } from './apply-words.ts'

export interface TryEnforcementOptions extends SourceOptions {
  readonly image?: string
  readonly yes?: boolean
}

export const AGNHOST = 'registry.k8s.io/e2e-test-images/agnhost:2.53'
const CODES: Readonly<Record<TrialResult['is'], number>> = { enforced: EXIT.clean, 'not-enforced': EXIT.findings, unclear: EXIT.unknown }
const WORDS: Readonly<Record<TrialResult['is'], string>> = {
  enforced: 'NetworkPolicies are enforced',
  'not-enforced': 'NetworkPolicies are NOT enforced',
  unclear: 'not known whether NetworkPolicies are enforced',
}

export async function tryEnforcementMain(options: TryEnforcementOptions): Promise<number> {
  const io = terminalIo()
  const opened = await openSource(options)
  const { client } = opened
  if (client === undefined) throw new UsageError('only a live cluster can be tried', ['k8s-harden try-enforcement --context NAME'])
  if (!io.isTTY && options.yes !== true)
    throw new UsageError('this makes a namespace and pods, and here is nobody to ask: nothing was made', ['--yes says that it may'])
  const { signal } = interruptible()
  const namespace = `k8s-harden-try-${randomBytes(4).toString('hex')}`
  const plan = planOf(namespace)
  const [step] = plan.steps as [Step]
  const [state, id] = [stateDirectory(), newRunId(new Date())]
  const release = await lockTarget(state, targetOf(opened))
  let result: TrialResult = { is: 'unclear', because: 'it was not tried' }
  let journal: FileJournal | undefined
  try {
    const events = run({
      plan,
      writer: new ClusterWriter(client),
      signal,
      now: () => new Date().toISOString(),
      approve: async () => {
        io.stdout.write(
          `A namespace ${namespace} with some pods of ${line(options.image ?? AGNHOST)} is made on ${line(opened.writesTo)}, and deleted again.\n`,
        )
        if (options.yes === true) return grant(plan, [step.id], '--yes')
        const answer = await io.prompts.choose('May it be made?', [
          { value: 'skip', label: 'no' },
          { value: 'apply', label: 'yes' },
        ])
        return answer === 'apply' ? grant(plan, [step.id], 'answered "yes"') : 'skip'
      },
      openJournal: async ({ by }) => {
        const { kind, name } = opened.source.info
        const source = { kind, name, server: targetOf(opened), location: opened.location }
        const header = headerOf(plan, undefined, { run: id, time: new Date().toISOString(), tool: VERSION, source, approvedBy: by })
        return (journal = await FileJournal.begin(state, header))
      },
      verifier: {
        waitingFor: () => 'pods to try it',
        async verify() {
          const say = (what: string) => void io.stdout.write(`  ${what}\n`)
          result = await tryEnforcement(client, { namespace, image: options.image ?? AGNHOST, signal, say }).catch(
            (error: Error): TrialResult => ({ is: 'unclear', because: error.message }),
          )
          return { ok: false, undo: true, because: 'the trial is over' }
        },
      },
    })
    for await (const { state: now } of events) {
      if (now.is === 'refused' || now.is === 'undo-failed') result = { is: 'unclear', because: stateText(now) }
      if (now.is === 'undo-failed') io.stderr.write(`k8s-harden: namespace ${namespace} is still there: k8s-harden undo ${id}\n`)
    }
  } finally {
    await journal?.close()
    await release()
  }
  io.stdout.write(`${WORDS[result.is]}: ${line(result.because)}\n`)
  return signal.aborted ? EXIT.interrupted : CODES[result.is]
}

/** One step, so that all of it is in the journal before it is there, and is taken back by the same means as any change. */
function planOf(namespace: string): Plan {
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespace,
      labels: { 'app.kubernetes.io/managed-by': 'k8s-harden', 'pod-security.kubernetes.io/enforce': 'restricted' },
    },
  }
  const change = { type: 'create', object } as const
  const steps: readonly Step[] = [
    {
      id: stepId(`try:${namespace}`),
      title: `Namespace ${namespace}: try whether NetworkPolicies are enforced`,
      practices: ['nodes-and-pods'],
      controls: ['net-cni-enforces'],
      risk: 'safe',
      mayBreak: [],
      changes: [change],
      inverse: invertChange(change, undefined),
      mends: [],
      after: [],
      managedBy: '',
      carriedOut: 'live',
    },
  ]
  return { digest: planDigest(steps), revision: 0, steps, ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } }
}
