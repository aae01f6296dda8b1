/** A whole world in memory behind the wizard's ports: real plan, run and undo; a fake source and a fake writer. */
import type {
  JournalLine,
  KubeObject,
  Plan,
  RegisteredControl,
  RunId,
  SourceEvent,
  SourceInfo,
  Step,
  Written,
} from '../../src/model/index.ts'
import { applyEdits, valueAt } from '../../src/objects/path.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { compile } from '../../src/plan/compile.ts'
import { recordedRun } from '../../src/plan/journal.ts'
import { headerOf, run } from '../../src/plan/run.ts'
import { undo } from '../../src/plan/undo.ts'
import type { Writer } from '../../src/plan/writer.ts'
import { LiveScan } from '../../src/session/live-scan.ts'
import type { Answer, Desk, OpenedSource, RunEvent, RunSummary, SourceChoice, Values } from '../../src/session/ports.ts'
import { FAKE_CONTROLS } from './fake-controls.ts'

const PINNED = `registry.example/app@sha256:${'0'.repeat(64)}`
/** A Deployment without fault, but for what is said. */
export const workload = (namespace: string, name: string, spec: object = {}, labels: Record<string, string> = {}): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels: { owner: 'team', tier: 'back', ...labels } },
    spec: { template: { spec: { automountServiceAccountToken: false, containers: [{ name: 'app', image: PINNED }], ...spec } } },
  }) as KubeObject
const without = (object: KubeObject, ...labels: readonly string[]): KubeObject => ({
  ...object,
  metadata: {
    ...object.metadata,
    labels: Object.fromEntries(Object.entries(object.metadata.labels ?? {}).filter(([name]) => !labels.includes(name))),
  },
})

/** One step that may break, one that restarts pods, three that are safe. */
export const WORLD: readonly KubeObject[] = [
  without(workload('shop', 'cart', { hostPID: true, containers: [{ name: 'app', image: 'registry.example/cart:1.2' }] }), 'owner', 'tier'),
  workload('shop', 'checkout', { automountServiceAccountToken: true }),
  without(workload('shop', 'catalogue'), 'tier'),
  without(workload('payments', 'ledger'), 'tier'),
  without(workload('payments', 'report'), 'tier'),
  workload('kube-system', 'agent', { hostPID: true }),
]

export interface FakeOptions {
  readonly objects?: readonly KubeObject[]
  readonly contexts?: Desk['contexts']
  readonly openFails?: string
  readonly warnings?: readonly string[]
  readonly refuses?: string
  /** What there is besides Deployments. */
  readonly events?: readonly SourceEvent[]
  readonly controls?: readonly RegisteredControl[]
  /** In place of the one that only edits. */
  readonly writer?: Writer
}

export class FakeDesk implements Desk {
  readonly objects = new Map<string, KubeObject>()
  /** Steps written and taken back, in order: what the world saw. */
  readonly writes: string[] = []
  readonly approvals: string[] = []
  readonly runs: JournalLine[][] = []
  readonly #options: FakeOptions
  #push: (events: readonly SourceEvent[]) => void = () => {}

  constructor(options: FakeOptions = {}) {
    this.#options = options
    for (const object of options.objects ?? WORLD) this.objects.set(key(object), object)
  }

  contexts: Desk['contexts'] = () =>
    (
      this.#options.contexts ??
      (async () => ({
        contexts: [
          { name: 'prod-eu-1', server: 'https://10.1.2.3:6443', user: 'admin', current: true },
          { name: 'staging', server: 'https://10.1.2.4:6443', user: 'admin', current: false },
        ],
      }))
    )()

  async open(choice: SourceChoice): Promise<OpenedSource> {
    if (this.#options.openFails !== undefined) throw new Error(this.#options.openFails)
    const info: SourceInfo = {
      kind: choice.kind,
      name: choice.kind === 'live' ? choice.context : choice.kind === 'manifests' ? choice.path : 'sample',
      kubernetes: 'v1.37.2',
    }
    const { controls = FAKE_CONTROLS } = this.#options
    const stop = new AbortController()
    const scan = new LiveScan({
      source: { info, events: () => this.#events(stop.signal) },
      controls,
      follow: true,
      every: 0,
    })
    const ended = scan.run(stop.signal)
    return {
      info,
      scan,
      ended,
      writesTo: 'the live cluster',
      plan: (ids, values: Values) =>
        compile(
          scan.findings.filter((finding) => ids.includes(finding.id)),
          new Map(controls.map((one) => [one.id, one])),
          scan.state.snapshot,
          { values },
        ),
      preview: (step) => this.#writer().rehearse(step),
      run: (plan, steps, ask, signal) => this.#run(info, scan, plan, new Set(steps), ask, signal),
      close: () => stop.abort(),
    }
  }

  async history(): Promise<readonly RunSummary[]> {
    return this.runs
      .map((lines) => recordedRun(lines)!)
      .toReversed()
      .map(({ header, steps, closed }) => ({
        id: header.run,
        time: header.time,
        source: header.source.name,
        approvedBy: header.approvedBy,
        interrupted: !closed,
        steps: steps.map((step) => ({
          id: step.id,
          title: step.title,
          risk: 'safe' as const,
          state:
            step.status === 'written'
              ? step.verified
                ? ('verified' as const)
                : ('written' as const)
              : step.status === 'undone'
                ? ('undone' as const)
                : step.status === 'not-written'
                  ? ('not-written' as const)
                  : ('interrupted' as const),
        })),
      }))
  }

  async *undo(id: RunId, steps: readonly string[] | undefined, signal: AbortSignal): AsyncIterable<RunEvent> {
    const lines = this.runs.find((one) => recordedRun(one)?.header.run === id)!
    const taken = recordedRun(lines)!.steps.filter((step) => steps?.includes(step.id) ?? true)
    const events = undo({
      steps: taken,
      writer: () => this.#writer(),
      journal: { append: async (line) => void lines.push(line) },
      signal,
      now: () => '2026-11-23T10:16:00Z',
    })
    for await (const event of events) yield { is: 'step', ...event }
  }

  /** Something happens in the cluster. */
  change(...events: readonly (KubeObject | { readonly remove: string })[]): void {
    for (const event of events) {
      if ('remove' in event) this.objects.delete(event.remove)
      else this.objects.set(key(event), event)
    }
    this.#push(
      events.map((event) =>
        'remove' in event
          ? { type: 'remove', kind: 'Deployment', key: event.remove }
          : { type: 'upsert', kind: 'Deployment', key: key(event), object: event },
      ),
    )
  }

  /** Something else happens in it. */
  tell(...events: readonly SourceEvent[]): void {
    this.#push(events)
  }

  async *#events(signal: AbortSignal): AsyncIterable<readonly SourceEvent[]> {
    const queue: (readonly SourceEvent[])[] = []
    let wake = (): void => {}
    this.#push = (events) => {
      queue.push(events)
      wake()
    }
    signal.addEventListener('abort', () => wake())
    const unread = (what: 'EncryptionConfiguration' | 'AuditPolicy') =>
      ({
        type: 'unread',
        unread: {
          what,
          why: 'not-served',
          because: `${what} is a file on the control-plane node`,
          answer: 'scan a copy of it with --manifests',
        },
      }) as const
    yield [
      { type: 'replace', kind: 'Deployment', items: [...this.objects] },
      unread('EncryptionConfiguration'),
      unread('AuditPolicy'),
      ...(this.#options.events ?? []),
      { type: 'synced' },
    ]
    while (!signal.aborted) {
      if (queue.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      yield* queue.splice(0)
    }
  }

  async *#run(
    info: SourceInfo,
    scan: LiveScan,
    plan: Plan,
    selected: Set<Step['id']>,
    ask: (step: Step['id']) => Promise<Answer>,
    signal: AbortSignal,
  ): AsyncIterable<RunEvent> {
    const id = `20261123T10150${this.runs.length}Z-ab12cd` as RunId
    yield { is: 'started', run: id }
    const events = run({
      plan,
      selected,
      writer: this.#writer(),
      signal,
      now: () => '2026-11-23T10:15:00Z',
      openJournal: async (approval) => {
        const lines: JournalLine[] = [
          {
            is: 'run',
            header: headerOf(plan, selected, {
              run: id,
              time: '2026-11-23T10:15:00Z',
              tool: 'test',
              source: { kind: info.kind, name: info.name, location: null },
              approvedBy: approval.by,
            }),
          },
        ]
        this.runs.push(lines)
        return { append: async (line) => void lines.push(line) }
      },
      approve: async (step) => {
        const answer = await ask(step.id)
        if (answer.is !== 'apply') return answer.is
        this.approvals.push(answer.approval.by)
        return answer.approval
      },
      verifier: {
        verify: async (step) =>
          ({
            ok: await scan.until(() => step.mends.every((one) => scan.finding(one) === undefined), 2_000),
            note: 'the check passes now',
            because: 'the finding is still there',
            undo: false,
          }) as never,
      },
    })
    for await (const event of events) yield { is: 'step', ...event }
  }

  #writer(): Writer {
    if (this.#options.writer !== undefined) return this.#options.writer
    return {
      name: 'fake',
      rehearse: async (step) =>
        this.#options.refuses !== undefined && step.title.includes(this.#options.refuses)
          ? { ok: false, refusedBy: 'admission webhook "guard"', because: 'no changes on Mondays' }
          : {
              ok: true,
              rehearsal: { step: step.id, diff: this.#diff(step), warnings: this.#options.warnings ?? [], writer: 'fake', prepared: step },
            },
      intent: async ({ prepared }) =>
        (prepared as Step).changes.map((change): Written => {
          if (change.type !== 'edit') throw new Error('the fake writer only edits')
          return { target: change.target, before: this.#find(change.target) as never, after: null, undo: null }
        }),
      commit: async ({ prepared }) => {
        const step = prepared as Step
        for (const change of step.changes) if (change.type === 'edit') this.change(applyEdits(this.#find(change.target), change.edits))
        this.writes.push(`wrote ${step.title}`)
        return { warnings: [] }
      },
      state: async () => 'after',
      undo: async (written) => {
        for (const one of written.toReversed()) {
          this.change(one.before as never)
          this.writes.push(`took back ${one.target.name}`)
        }
      },
    }
  }

  #find({ namespace, name }: { readonly namespace?: string; readonly name: string }): KubeObject {
    return this.objects.get(keyOf(namespace, name))!
  }

  #diff(step: Step): string {
    return step.changes
      .flatMap((change) => {
        if (change.type !== 'edit') return []
        const object = this.#find(change.target)
        return [
          `--- ${change.target.kind} ${change.target.name}`,
          `+++ ${change.target.kind} ${change.target.name}`,
          '@@ -1,3 +1,3 @@',
          ...change.edits.flatMap((edit) => {
            const path = 'set' in edit ? edit.set : edit.unset
            const before = valueAt(object, path)
            return [
              ...(before === undefined ? [] : [`-${path.join('.')}: ${JSON.stringify(before)}`]),
              ...('set' in edit ? [`+${path.join('.')}: ${JSON.stringify(edit.to)}`] : []),
            ]
          }),
        ]
      })
      .join('\n')
  }
}

const key = (object: KubeObject): string => keyOf(object.metadata.namespace, object.metadata.name)
