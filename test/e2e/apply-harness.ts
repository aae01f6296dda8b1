/** A live scan, a plan and a run against the test cluster, with one-line controls: what `apply` is made of, without a terminal. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { wantedBy } from '../../src/engine/evaluator.ts'
import type { Change, Finding, Kind, KubeObject, Plan, Readable, RegisteredControl, Risk, RunId, StepState } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { compile } from '../../src/plan/compile.ts'
import { headerOf, type RunOptions, run } from '../../src/plan/run.ts'
import { verifierOf } from '../../src/plan/verify.ts'
import { grant } from '../../src/session/approve.ts'
import { LiveScan } from '../../src/session/live-scan.ts'
import { liveSource } from '../../src/sources/live.ts'
import { ClusterWriter } from '../../src/writers/cluster.ts'
import { FileJournal, newRunId, readRuns } from '../../src/writers/journal.ts'
import { LockOut } from '../../src/writers/lockout.ts'

/** Finds objects of a kind for which `isBad` says so, and changes them as `mend` says. */
export const finding = (
  id: string,
  kind: Kind,
  isBad: (object: KubeObject) => boolean,
  mend: (found: Finding, object: KubeObject) => readonly Change[],
  risk: Risk = 'safe',
): RegisteredControl => {
  const objects = new Map<string, KubeObject>()
  return {
    id,
    practice: 'rbac',
    title: `${id} must not be`,
    severity: 'high',
    why: 'Because.',
    references: [],
    reads: [kind],
    *evaluate(view) {
      for (const object of view.all(kind) as readonly KubeObject[]) {
        if (!isBad(object)) continue
        objects.set(object.metadata.name, object)
        yield { subject: refOf(object), reason: 'is bad', evidence: null, origin: 'workload' }
      }
    },
    remedy: {
      family: 'test',
      reads: [],
      propose: (found) => ({ changes: mend(found, objects.get(found.subject.name)!), risk, summary: id }),
    },
  }
}

export interface Session {
  readonly client: ApiClient
  readonly scan: LiveScan
  readonly writer: ClusterWriter
  readonly state: string
  plan(): Plan
  /** Runs the plan; `hooks` change what stands in the way. Resolves with the last state of each step. */
  apply(
    hooks?: Partial<RunOptions> & { readonly deadlineMs?: number; readonly settleMs?: number; readonly steadyMs?: number },
  ): Promise<readonly StepState[]>
  runs(): ReturnType<typeof readRuns>
  close(): Promise<void>
}

export async function openSession({
  kubeconfig,
  controls = [],
  state: given,
}: {
  readonly kubeconfig: string
  readonly controls?: readonly RegisteredControl[]
  readonly state?: string
}): Promise<Session> {
  const context = pickContext({ kubeconfig })
  const client = new ApiClient(context)
  const scan = new LiveScan({ source: liveSource({ client, context: context.name }), controls, follow: true, every: 10 })
  const stop = new AbortController()
  const also: Readable[] = ['Pod', 'ReplicaSet', 'Namespace', 'ServiceAccount', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding']
  const running = scan.run(stop.signal, new Set([...wantedBy(controls), ...also]))
  if (!(await scan.until((state) => state.synced, 30_000))) throw new Error('the scan did not get through')
  const writer = new ClusterWriter(client)
  const state = given ?? (await mkdtemp(join(tmpdir(), 'k8s-harden-state-')))
  const plan = () => compile(scan.findings, new Map(controls.map((control) => [control.id, control])), scan.state.snapshot, {})
  return {
    client,
    scan,
    writer,
    state,
    plan,
    async apply({ deadlineMs = 30_000, settleMs = 0, steadyMs = 0, ...hooks } = {}) {
      const made = hooks.plan ?? plan()
      let journal: FileJournal | undefined
      const states = new Map<string, StepState>()
      const events = run({
        plan: made,
        writer,
        signal: new AbortController().signal,
        now: () => new Date().toISOString(),
        watchman: new LockOut(client, { snapshot: () => scan.state.snapshot, steps: made.steps, settleMs: 200 }),
        verifier: verifierOf(scan, { deadlineMs, settleMs, steadyMs, showMs: 10_000 }),
        approve: async (step) => grant(made, [step.id], 'a test'),
        openJournal: async (approval) =>
          (journal = await FileJournal.begin(
            state,
            headerOf(made, undefined, {
              run: newRunId(new Date()) as RunId,
              time: new Date().toISOString(),
              tool: 'test',
              source: { kind: 'live', name: 'test', server: client.server, location: null },
              approvedBy: approval.by,
            }),
          )),
        ...hooks,
      })
      for await (const event of events) states.set(event.step, event.state)
      await journal?.close()
      return [...states.values()]
    },
    runs: () => readRuns(state),
    async close() {
      stop.abort()
      await running
      client.close()
    },
  }
}

/** What must be the same after an undo. */
export function comparable(object: KubeObject): unknown {
  const { status: _status, ...rest } = object as KubeObject & { status?: unknown }
  const { resourceVersion, generation, uid, creationTimestamp, ...metadata } = rest.metadata as KubeObject['metadata'] & {
    managedFields?: unknown
    annotations?: Record<string, string>
  }
  const { managedFields: _fields, annotations = {}, ...kept } = metadata
  // Counted up by a controller at every rollout, also at the one that takes it back.
  const { 'deployment.kubernetes.io/revision': _revision, ...own } = annotations
  return { ...rest, metadata: { ...kept, annotations: own } }
}

export const container = ['spec', 'template', 'spec', 'containers', { name: 'app' }] as const

/** A Deployment of that name whose first container does not say `privileged: false`. */
export const notPrivileged = (name: string): RegisteredControl =>
  finding(
    'privileged',
    'Deployment',
    (object) => object.metadata.name === name && !JSON.stringify(object).includes('"privileged":false'),
    ({ subject }) => [{ type: 'edit', target: subject, edits: [{ set: [...container, 'securityContext', 'privileged'], to: false }] }],
    'restarts-pods',
  )
