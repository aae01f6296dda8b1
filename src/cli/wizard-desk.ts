/** The wizard's ports, on the real thing: sources, writers, journal. */
import { controls } from '../controls/index.gen.ts'
import { wantedBy } from '../engine/evaluator.ts'
import type { Plan, RegisteredControl, RehearsalResult, RunId, Step, StepId } from '../model/index.ts'
import { withCanaries } from '../plan/canary.ts'
import { compile } from '../plan/compile.ts'
import { headerOf, run } from '../plan/run.ts'
import { toldWhile } from '../plan/told.ts'
import { verifierOf } from '../plan/verify.ts'
import { LiveScan } from '../session/live-scan.ts'
import type { Answer, ContextList, Desk, OpenedSource, RunEvent, SourceChoice } from '../session/ports.ts'
import { FileJournal, newRunId, stateDirectory } from '../writers/journal.ts'
import { lockTarget } from '../writers/journal-lock.ts'
import { settleInterrupted } from './commands/interrupted.ts'
import { closeHosts } from './hosts-option.ts'
import { type Opened, type OpenOptions, openSource } from './open-source.ts'
import { alsoRead, filesDirectory, openWriters, targetOf, type Writers } from './open-writer.ts'
import type { SourceOptions } from './options.ts'
import { VERSION } from './version.ts'
import { pastRuns, undoRun } from './wizard-history.ts'

export function wizardDesk({ kubeconfig, images, auditLog, flows, cloudIam, host }: SourceOptions): Desk {
  const state = stateDirectory()
  return {
    contexts: () => contextsIn(kubeconfig),
    open: async (choice) =>
      openedSource(
        await openSource({
          ...optionsFor(choice, kubeconfig),
          ...(images !== undefined && { images }),
          ...(auditLog !== undefined && { auditLog }),
          ...(flows !== undefined && { flows }),
          ...(cloudIam !== undefined && { cloudIam }),
          // Other sources may be opened from here, which have no nodes.
          ...(host !== undefined && choice.kind === 'live' && { host }),
        }),
        state,
      ),
    history: () => pastRuns(state),
    undo: (id, steps, stop) => undoRun(state, id, steps, stop),
  }
}

const optionsFor = (choice: SourceChoice, kubeconfig: string | undefined): OpenOptions => {
  if (choice.kind === 'sample') return { sample: true }
  if (choice.kind === 'manifests') return { manifests: choice.path }
  return { context: choice.context, ...(kubeconfig !== undefined && { kubeconfig }) }
}

/** A missing or broken kubeconfig is no error of the wizard: it is told, and other sources are offered. */
async function contextsIn(kubeconfig: string | undefined): Promise<ContextList> {
  const { ConfigProblem, listContexts } = await import('../apiserver/context.ts')
  try {
    return { contexts: listContexts(kubeconfig === undefined ? {} : { kubeconfig }) }
  } catch (error) {
    if (error instanceof ConfigProblem) return { contexts: [], problem: error.message }
    throw error
  }
}

/** Resolves with the first picture; rejects where the source cannot be read at all. */
async function openedSource(opened: Opened, state: string): Promise<OpenedSource> {
  const stop = new AbortController()
  const scan = new LiveScan({ source: opened.source, controls, follow: true })
  const before = scan.state.snapshot.revision
  const first = new Promise<void>((resolve) => {
    // A source that fails tells its listeners too, with nothing new to show.
    const unsubscribe = scan.subscribe((now) => {
      if (now.snapshot.revision === before) return
      unsubscribe()
      resolve()
    })
  })
  const ended = scan.run(stop.signal, new Set([...wantedBy(controls), ...alsoRead(opened)]))
  await Promise.race([first, ended])
  const byId = new Map<string, RegisteredControl>(controls.map((control) => [control.id, control]))
  const work = new Workplace(opened, scan, state)
  return {
    info: opened.source.info,
    scan,
    ended,
    writesTo: opened.writesTo,
    plan(ids, values, { oneFirst } = { oneFirst: false }) {
      const { snapshot } = scan.state
      const findings = ids.map((id) => scan.finding(id)).filter((finding) => finding !== undefined)
      const plan = compile(findings, byId, snapshot, { values })
      return oneFirst ? withCanaries(plan, snapshot) : plan
    },
    preview: (step) => work.preview(step),
    run: (plan, steps, ask, signal) => work.run(plan, new Set(steps), ask, signal),
    close: () => {
      stop.abort()
      void closeHosts(opened)
    },
  }
}

class Workplace {
  readonly #opened: Opened
  readonly #scan: LiveScan
  readonly #state: string
  /** The run that comes next: files for the operator are shown where it will put them. */
  #next = newRunId(new Date())
  #writers: Promise<Writers> | undefined

  constructor(opened: Opened, scan: LiveScan, state: string) {
    this.#opened = opened
    this.#scan = scan
    this.#state = state
  }

  #open(): Promise<Writers> {
    return (this.#writers ??= openWriters(this.#opened, {
      out: filesDirectory(undefined, this.#state, this.#next),
      run: this.#next,
    }))
  }

  async preview(step: Step): Promise<RehearsalResult> {
    if (step.canary === 'rest') return { ok: false, refusedBy: 'k8s-harden', because: 'its turn comes when the first pod is there' }
    const { writer, files } = await this.#open()
    return (step.carriedOut === 'file' ? files : writer).rehearse(step)
  }

  async *run(
    plan: Plan,
    selected: ReadonlySet<StepId>,
    ask: (step: StepId) => Promise<Answer>,
    signal: AbortSignal,
  ): AsyncIterable<RunEvent> {
    const writers = await this.#open()
    const id = this.#next
    this.#next = newRunId(new Date())
    this.#writers = undefined
    const release = await lockTarget(this.#state, targetOf(this.#opened))
    let journal: FileJournal | undefined
    try {
      yield* this.#settle(writers, signal)
      const events = run({
        plan,
        selected,
        ...writers,
        signal,
        watchman: writers.watchman?.(() => this.#scan.state.snapshot, plan.steps),
        verifier: verifierOf(this.#scan),
        now: () => new Date().toISOString(),
        approve: async (step) => {
          const answer = await ask(step.id)
          return answer.is === 'apply' ? answer.approval : answer.is
        },
        openJournal: async (approval) => (journal = await FileJournal.begin(this.#state, this.#header(plan, selected, id, approval.by))),
      })
      let told = false
      for await (const event of events) {
        if (!told && journal !== undefined) {
          told = true
          yield { is: 'started', run: id }
        }
        yield { is: 'step', ...event }
      }
    } finally {
      await journal?.close()
      await release()
    }
  }

  #header(plan: Plan, selected: ReadonlySet<StepId>, id: RunId, approvedBy: string) {
    const { source, location } = this.#opened
    const { kind, name } = source.info
    return headerOf(plan, selected, {
      run: id,
      time: new Date().toISOString(),
      tool: VERSION,
      source: { kind, name, server: targetOf(this.#opened), location },
      approvedBy,
    })
  }

  /** What a crash left open comes first (safety law 5): settled by itself where it is clear, else told. */
  async *#settle(writers: Writers, signal: AbortSignal): AsyncGenerator<RunEvent, void> {
    const words = toldWhile((tell) => this.#settled(writers, signal, tell))
    for await (const text of words) yield { is: 'told', text, passing: /^waiting for /.test(text) }
  }

  async #settled(writers: Writers, signal: AbortSignal, tell: (text: string) => void): Promise<void> {
    const said: string[] = []
    const listen = {
      write(text: string) {
        said.push(text.replace(/^k8s-harden: /, '').trim())
        tell(said.at(-1)!)
      },
    }
    const nobody = async (): Promise<never> => {
      throw new Error('nobody is asked here')
    }
    const io = { stdout: listen, stderr: listen, isTTY: false, prompts: { choose: nobody, type: nobody } }
    const blocked = await settleInterrupted(io, { opened: this.#opened, writers, stateDirectory: this.#state, signal }, true)
    if (blocked !== undefined) throw new Error(`${said.at(-1)} (or press u here)`)
  }
}
