/** One run of the program in that world: it settles, plans, applies or takes back, as the command line does, until it is through or dies. */
import type { ApiClient } from '../../src/apiserver/client.ts'
import { encryptionWish } from '../../src/cli/commands/encryption-wish.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { JournalLine, Plan, RunId, StepState } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { interrupted, type Journal, recordedRun, undoable } from '../../src/plan/journal.ts'
import { headerOf, run } from '../../src/plan/run.ts'
import { forget, keep, undo, whatHappened } from '../../src/plan/undo.ts'
import { grant } from '../../src/session/approve.ts'
import { HostWriter } from '../../src/writers/host.ts'
import { worldOf } from '../helpers/world.ts'
import { ClientOfWorld } from './encryption-client.ts'
import { clock, type EncryptionWorld, hostOf, Life, MANIFEST, PATH, sleep } from './encryption-world.ts'

export type Goal = 'enable' | 'rotate' | 'disable'
const ENABLE = controls.filter(({ id }) => id === 'sec-etcd-encryption' || id === 'sec-etcd-encryption-coverage')

/** The journals of all runs, last first. */
export type Runs = { readonly id: RunId; readonly lines: JournalLine[] }[]
export interface Outcome {
  /** `died`, or why it stopped, or '' where it is through. */
  readonly stopped: string
  readonly instants: number
  readonly at: string
}

export async function process(world: EncryptionWorld, runs: Runs, what: Goal | 'undo', diesAt?: number): Promise<Outcome> {
  const life = new Life(diesAt)
  Object.assign(ClientOfWorld, { world, life })
  const client = new ClientOfWorld({ server: `https://${world.nodes[0]!.name}:6443` }) as unknown as ApiClient
  const hosts = world.nodes.map((node) => hostOf(world, node, life))
  const writerFor = (id: RunId) => new HostWriter({ client, hosts, run: id })
  const journalOf = (lines: JournalLine[]): Journal => ({
    async append(line) {
      await life.instant(`before ${line.is}`)
      lines.push(JSON.parse(JSON.stringify(line)) as JournalLine)
      await life.instant(`after ${line.is}`)
    },
  })
  const now = () => new Date(clock.now).toISOString()
  const { signal } = new AbortController()
  const work = async (): Promise<string> => (what === 'undo' ? takeBack() : apply(what))
  const stopped = await Promise.race([work().catch((error: Error) => `${error.stack}`), life.died])
  return { stopped, instants: life.instants, at: life.last.join() }

  async function takeBack(): Promise<string> {
    for (const { id, lines } of runs) {
      const steps = undoable(recordedRun(lines)!)
      const told = undo({ steps, writer: () => writerFor(id), journal: journalOf(lines), signal, now })
      const because = await fault(told)
      if (because !== '') return because
    }
    return ''
  }

  /** As apply without a terminal does, with the undo that it asks for where something is neither here nor there. */
  async function settle(): Promise<string> {
    for (const { id, lines } of runs) {
      const [writer, journal] = [writerFor(id), journalOf(lines)]
      for (const step of interrupted(recordedRun(lines)!)) {
        const happened = await whatHappened(step, writer)
        if (happened === 'nothing') await forget(step, { journal, now, writer })
        else if (happened === 'written') {
          await writer.prove(step.writes)
          await keep(step, { journal, now })
        } else {
          const because = await fault(undo({ steps: [step], writer: () => writer, journal, signal, now }))
          if (because !== '') return because
        }
      }
    }
    return ''
  }

  async function apply(goal: Goal): Promise<string> {
    const because = await settle()
    if (because !== '') return because
    // A scan comes to nothing while no API server answers.
    for (let tries = 0; world.nodes[0]!.server === undefined && tries < 120; tries++) await sleep(1000)
    const wish = goal === 'enable' ? ENABLE : [encryptionWish(goal === 'rotate' ? { do: 'rotate', removeOld: true } : { do: 'disable' })]
    const { snapshot } = worldOf(seen(world))
    const findings = wish.flatMap((control) => judge(control, snapshot).findings).filter(({ verdict }) => verdict === 'fail')
    const plan: Plan = compile(findings, new Map(wish.map((control) => [control.id, control])), snapshot, {})
    if (plan.steps.length === 0)
      return findings.length === 0 ? '' : `no step for ${findings.map(({ reason }) => reason).join()}: ${JSON.stringify(plan.ledger)}`
    const id = world.newRun() as RunId
    const events = run({
      plan,
      writer: writerFor(id),
      openJournal: async () => {
        const lines: JournalLine[] = []
        const source = { kind: 'live', name: 'x', location: null } as const
        runs.unshift({ id, lines })
        lines.push({ is: 'run', header: headerOf(plan, undefined, { run: id, time: now(), tool: 'x', source, approvedBy: 'x' }) })
        return journalOf(lines)
      },
      approve: async (step) => grant(plan, [step.id], 'x'),
      verifier: { verify: async () => ({ ok: true, note: '' }) },
      signal,
      now,
    })
    return fault(events)
  }

  async function fault(events: AsyncIterable<{ readonly state: StepState }>): Promise<string> {
    let waits = 0
    for await (const { state } of events) {
      if (state.is === 'waiting' && ++waits % 9 === 0) await life.instant(`waiting for ${state.for}`)
      if (state.is === 'refused' || state.is === 'not-mended' || state.is === 'undo-failed') return `${state.is}: ${state.because}`
      if (state.is === 'skipped') return `skipped: ${state.because}`
      world.traffic()
    }
    return ''
  }
}

/** What the sources would bring of it. */
function seen(world: EncryptionWorld): string {
  const hosts = world.nodes.map(({ name, files }) => ({
    node: name,
    carrier: 'local',
    controlPlane: true,
    unread: [],
    files: [MANIFEST, PATH].flatMap((path) => {
      const file = files.get(path)
      return file === undefined ? [] : [{ path, is: 'file', mode: file.mode, uid: 0, gid: 0, text: file.text }]
    }),
  }))
  const read: Record<string, number> = {}
  for (const { prefix } of world.etcd.values()) {
    const local = /^(k8s:enc:\w+:v1:)(.+:)$/.exec(prefix)
    for (const series of local === null ? [''] : [local[1]!, local[2]!]) read[series] = (read[series] ?? 0) + 1
  }
  const objects = world.etcd.size
  const isOn = world.nodes.some(({ server }) => server?.loaded !== undefined)
  const facts = {
    Hosts: { hosts },
    ServerVersion: { gitVersion: 'v1.37.2', minor: 37 },
    ...(isOn && { StoredForm: { resources: [{ resource: 'secrets', objects, looked: objects, read, newest: {}, failed: 0 }] } }),
  }
  const document = { apiVersion: 'k8s-harden.test/v1', kind: 'World', facts }
  const texts = new Set(world.nodes.flatMap(({ files }) => files.get(PATH)?.text ?? []))
  const configurations = [...texts].map(
    (text, index) => `${text}metadata: {name: ${index === 0 ? 'encryption-config.yaml' : `of-${index}`}}\n`,
  )
  const pods = world.nodes.map(({ name }) => JSON.stringify(world.mirror(`kube-apiserver-${name}`)))
  return [JSON.stringify(document), ...pods, ...configurations].join('\n---\n')
}
