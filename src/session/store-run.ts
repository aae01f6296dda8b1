/** Carries a run of apply or undo: rehearsed steps become questions, answers become approvals. */
import type { StepId } from '../model/index.ts'
import type { Action } from './actions.ts'
import type { Answer, OpenedSource, RunEvent } from './ports.ts'
import { selectedSteps } from './rows-plan.ts'
import type { State } from './store-state.ts'
import { type EffectPorts, messageOf } from './store-tasks.ts'

interface RunPorts extends EffectPorts {
  source(): OpenedSource | undefined
  readHistory(): void
}

export function runEffects({ desk, clock, grant, get, dispatch, source, readHistory }: RunPorts) {
  let answered: ((answer: Answer) => void) | undefined
  let stop = new AbortController()

  const approvalFor = (step: StepId, by: string): Answer => ({ is: 'apply', approval: grant(get().running!.plan!, [step], by) })

  function ask(step: StepId): Promise<Answer> {
    const { running } = get()
    if (running === undefined || running.stopping) return Promise.resolve({ is: 'stop' })
    const isSafe = running.steps.find((one) => one.id === step)?.risk === 'safe'
    if (running.automatic && isSafe && running.rehearsed.get(step)?.warnings.length === 0)
      return Promise.resolve(approvalFor(step, 'the button "apply all safe steps" in the wizard'))
    return new Promise((resolve) => {
      answered = resolve
      dispatch({ type: 'asked', step, at: clock.now() })
    })
  }

  function answer(given: Answer): void {
    const resolve = answered
    answered = undefined
    resolve?.(given)
  }

  async function carry(events: AsyncIterable<RunEvent>): Promise<void> {
    try {
      for await (const event of events) dispatch({ type: 'run-event', event, at: clock.now() })
      dispatch({ type: 'run-ended' })
    } catch (error) {
      dispatch({ type: 'run-ended', problem: messageOf(error) })
    }
    readHistory()
  }

  function begin(now: State): void {
    const opened = source()
    if (opened === undefined || now.planned?.plan === undefined) return
    stop = new AbortController()
    void carry(
      opened.run(
        now.planned.plan,
        selectedSteps(now.planned).map((step) => step.id),
        ask,
        stop.signal,
      ),
    )
  }

  function undo({ run, steps }: Extract<Action, { type: 'undo' }>): void {
    stop = new AbortController()
    void carry(desk.undo(run, steps, stop.signal))
  }

  return {
    after(action: Action, before: State): void {
      const now = get()
      const started = now.running !== undefined && now.running !== before.running
      if (action.type === 'begin' && started) begin(now)
      else if (action.type === 'undo' && started) undo(action)
      else if (action.type === 'answer' && before.running?.asking !== undefined) {
        const { step } = before.running.asking
        const said = before.running.asking.focus === 'typed' ? 'the typed name in the wizard' : 'a key press in the wizard'
        answer(action.answer === 'skip' ? { is: 'skip' } : action.answer === 'stop' ? { is: 'stop' } : approvalFor(step, said))
      }
      if (now.running?.stopping === true && before.running?.stopping !== true) {
        stop.abort()
        answer({ is: 'stop' })
      }
    },
  }
}
