/** Something made for a trial and always taken back: by the journal, so that a crash in the middle leaves nothing behind. */
import type { ApiClient } from '../../apiserver/client.ts'
import type { ControlId, KubeObject, Plan, Practice, Step } from '../../model/index.ts'
import { planDigest, stepId } from '../../plan/digest.ts'
import { invertChange } from '../../plan/invert.ts'
import { headerOf, run } from '../../plan/run.ts'
import { grant } from '../../session/approve.ts'
import { ClusterWriter } from '../../writers/cluster.ts'
import { FileJournal, newRunId, stateDirectory } from '../../writers/journal.ts'
import { lockTarget } from '../../writers/journal-lock.ts'
import type { terminalIo } from '../confirm.ts'
import type { Opened } from '../open-source.ts'
import { targetOf } from '../open-writer.ts'
import { VERSION } from '../version.ts'
import { stateText } from './apply-words.ts'

export interface Trial {
  readonly object: KubeObject
  readonly title: string
  readonly practice: Practice
  readonly control: ControlId
  /** Told before the question; ends in a full stop. */
  readonly what: string
  /** `pods to try it`. */
  readonly waitingFor: string
  readonly yes: boolean
  /** Once it is there; afterwards it is deleted whatever came of it. */
  look(): Promise<void>
  /** It was never made, or could not be deleted. */
  failed(because: string): void
}

export async function runTrial(
  opened: Opened,
  client: ApiClient,
  io: ReturnType<typeof terminalIo>,
  signal: AbortSignal,
  trial: Trial,
): Promise<void> {
  const plan = planOf(trial)
  const [step] = plan.steps as [Step]
  const [state, id] = [stateDirectory(), newRunId(new Date())]
  const release = await lockTarget(state, targetOf(opened))
  let journal: FileJournal | undefined
  try {
    const events = run({
      plan,
      writer: new ClusterWriter(client),
      signal,
      now: () => new Date().toISOString(),
      approve: async () => {
        io.stdout.write(`${trial.what}\n`)
        if (trial.yes) return grant(plan, [step.id], '--yes')
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
        waitingFor: () => trial.waitingFor,
        async verify() {
          await trial.look()
          return { ok: false, undo: true, because: 'the trial is over' }
        },
      },
    })
    for await (const { state: now } of events) {
      if (now.is === 'refused' || now.is === 'undo-failed') trial.failed(stateText(now))
      const { kind, metadata } = trial.object
      if (now.is === 'undo-failed') io.stderr.write(`k8s-harden: ${kind} ${metadata.name} is still there: k8s-harden undo ${id}\n`)
    }
  } finally {
    await journal?.close()
    await release()
  }
}

/** One step, so that all of it is in the journal before it is there, and is taken back by the same means as any change. */
function planOf({ object, title, practice, control }: Trial): Plan {
  const change = { type: 'create', object } as const
  const steps: readonly Step[] = [
    {
      id: stepId(`try:${object.metadata.name}`),
      title,
      practices: [practice],
      controls: [control],
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
