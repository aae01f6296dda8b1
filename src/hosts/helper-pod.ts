/** A pod that opens folders of its node: for nodes that nothing else reaches. It is made when first needed and deleted at the end. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import { type ExecAnswer, execInPod } from '../apiserver/exec.ts'
import { clean } from '../apiserver/refusal.ts'
import { WATCHING, WHILE_ARMED } from './helper-pod-guard-programs.ts'
import { CONTAINER, DEFAULT_IMAGE, type Folder, LIFETIME, NAMESPACE, podObject, volumeName } from './helper-pod-object.ts'
import { type NodeSeen, type PodSeen, problemOf, sameMounts, saysMissing, waitingFor } from './helper-pod-seen.ts'
import {
  deletePod,
  ensureNamespace,
  ownPodName,
  PODS,
  removeLeftovers,
  removeNamespace,
  thisRun,
  thrown,
  wordsOf,
} from './helper-pod-traces.ts'
import { HostRefused, HostUnreachable } from './host.ts'
import type { Ran, Runner, RunOptions } from './runner.ts'

export interface HelperPodOptions {
  /** With the programs of FILE_COMMANDS, `env` and `sleep`, best named with its digest. */
  readonly image?: string
  /** Milliseconds from its creation until it must run, its image pulled. */
  readonly patienceMs?: number
}

export interface PodName {
  readonly name: string
  readonly uid: string
}

/** Earlier runs are cleared up after once, by whichever node comes first. */
const cleared = new WeakMap<ApiClient, Promise<void>>()

/** A guard is armed only in a pod that has this much of its life left. */
const GUARDS_FOR_MS = (LIFETIME / 2) * 1000

/** The pod as a way to run programs; which folders of the node it has is said by `have`. Not for calls side by side. */
export class HelperPod implements Runner {
  readonly carrier = 'helper-pod'
  readonly words: string
  readonly #client: ApiClient
  readonly #node: string
  readonly #image: string
  readonly #patienceMs: number
  #folders: readonly Folder[]
  #missing: ReadonlySet<string> = new Set()
  #pod: PodName | undefined
  #madeAt = 0
  /** Its program watches over files. */
  #guards = false
  /** The guard that is armed in it. */
  #held: string | undefined
  #used = false

  constructor(
    client: ApiClient,
    node: string,
    folders: readonly string[],
    { image = DEFAULT_IMAGE, patienceMs = 90_000 }: HelperPodOptions = {},
  ) {
    this.#client = client
    this.#node = node
    this.#image = image
    this.#patienceMs = patienceMs
    this.#folders = folders.map((path) => ({ path, writable: false }))
    this.words = `a helper pod in namespace ${NAMESPACE}`
  }

  /** The folder that holds the path, of those that the pod has. */
  folderOf(path: string): Folder | undefined {
    return this.#folders.find((folder) => path === folder.path || path.startsWith(`${folder.path}/`))
  }
  isMissing({ path }: Folder): boolean {
    return this.#missing.has(path)
  }

  /** One folder more, or one that may be written to: with a new pod, since a pod's volumes cannot be changed. */
  async have(folder: Folder): Promise<void> {
    if (this.#held !== undefined)
      throw new HostRefused(`${folder.path} cannot be opened while the helper pod on ${this.#node} guards files`)
    await this.#drop()
    this.#missing = new Set([...this.#missing].filter((path) => path !== folder.path))
    this.#folders = [
      ...this.#folders.filter(({ path }) => path !== folder.path && !path.startsWith(`${folder.path}/`)),
      { path: folder.path, writable: folder.writable },
    ]
  }
  /** Makes the pod where there is none, so that what is missing is known. */
  async there(): Promise<void> {
    this.#pod ??= await this.#make()
  }

  /** A pod whose program guards files, and that lives long enough, in the place of one that does not. */
  async guarding(): Promise<void> {
    if (this.#held !== undefined) throw new HostRefused(`the helper pod on ${this.#node} guards other files already`)
    if (!this.#guards || Date.now() - this.#madeAt > GUARDS_FOR_MS) await this.#drop()
    this.#guards = true
    await this.there()
  }
  /** Until `release` there will be no other pod in its place, and no folder more. */
  async hold(guard: string): Promise<PodName> {
    await this.guarding()
    this.#held = guard
    return this.#pod!
  }
  release(): void {
    this.#held = undefined
  }
  /** In this pod and no other; undefined where it is over. */
  async runIn(pod: PodName, argv: readonly string[], { timeoutMs, limit }: RunOptions): Promise<Ran | undefined> {
    const answer = await execInPod(this.#client, { namespace: NAMESPACE, pod: pod.name, container: CONTAINER, argv, timeoutMs, limit })
    if (answer.ok) return { exitCode: answer.exitCode, stdout: answer.stdout, stderr: answer.stderr.toString('utf8') }
    if ((await this.#isOver(pod)) !== undefined) return undefined
    throw this.#failed(answer, undefined)
  }

  async run(argv: readonly string[], { timeoutMs, stdin, limit }: RunOptions): Promise<Ran> {
    for (let again = false; ; again = true) {
      await this.there()
      const pod = this.#pod!
      const answer = await execInPod(this.#client, {
        namespace: NAMESPACE,
        pod: pod.name,
        container: CONTAINER,
        argv: this.#held !== undefined && argv.includes('mv') ? ['sh', '-c', WHILE_ARMED, 'sh', this.#held, ...argv] : argv,
        timeoutMs,
        limit,
        ...(stdin !== undefined && { stdin: Buffer.from(stdin) }),
      })
      if (answer.ok) return { exitCode: answer.exitCode, stdout: answer.stdout, stderr: answer.stderr.toString('utf8') }
      const over = await this.#isOver(pod)
      if (over !== undefined && this.#held === undefined) this.#pod = undefined
      // Evicted or deleted by somebody: what has not begun can begin in a new one.
      if (over === undefined || answer.begun || again || this.#held !== undefined) throw this.#failed(answer, over)
      if (over !== 'gone') await deletePod(this.#client, pod)
    }
  }

  async close(): Promise<void> {
    if (!this.#used) return
    this.release()
    await this.#drop()
    this.#used = false
    await removeNamespace(this.#client)
  }

  async #drop(): Promise<void> {
    if (this.#pod === undefined) return
    await deletePod(this.#client, this.#pod)
    this.#pod = undefined
  }

  #failed({ refusal, begun }: Extract<ExecAnswer, { ok: false }>, over: string | undefined): HostRefused | HostUnreachable {
    const words = wordsOf(refusal)
    if (/executable file not found|no such file or directory/.test(words))
      return new HostRefused(`image ${this.#image} does not have the programs that are needed: ${words}`)
    if (over !== undefined) return new HostUnreachable(`the helper pod on ${this.#node} ended in between (${over})`)
    if (begun) return new HostUnreachable(words)
    return thrown(refusal, `cannot run programs in the helper pod on ${this.#node}`)
  }

  async #isOver({ name, uid }: PodName): Promise<string | undefined> {
    const answer = await this.#client.get<PodSeen>(`${PODS}/${name}`)
    if (!answer.ok) return answer.refusal.kind === 'not-found' ? 'gone' : undefined
    if (answer.body.metadata.uid !== uid) return 'gone'
    const { phase, reason, message } = answer.body.status ?? {}
    return phase === 'Failed' || phase === 'Succeeded' ? clean([reason, message].filter(Boolean).join(': ') || phase, 300) : undefined
  }

  async #make(): Promise<PodName> {
    await this.#checkNode()
    let clearing = cleared.get(this.#client)
    if (clearing === undefined) cleared.set(this.#client, (clearing = removeLeftovers(this.#client)))
    await clearing
    this.#used = true
    try {
      for (;;) {
        const folders = this.#folders.filter(({ path }) => !this.#missing.has(path))
        const missing = await this.#start(folders)
        if (missing === undefined) return this.#pod!
        await this.#drop()
        this.#missing = new Set([...this.#missing, ...missing])
      }
    } catch (error) {
      // What kept the pod from running is the news; what is left is cleared up after next time.
      await this.#drop()
        .then(() => removeNamespace(this.#client))
        .catch(() => {})
      throw error
    }
  }

  /** Which nodes can have no such pod. Who may not look at nodes hears it from the kubelet. */
  async #checkNode(): Promise<void> {
    const answer = await this.#client.get<NodeSeen>(`/api/v1/nodes/${encodeURIComponent(this.#node)}`)
    if (!answer.ok) {
      if (answer.refusal.kind === 'forbidden') return
      throw thrown(answer.refusal, `cannot look at node ${this.#node}`)
    }
    const { metadata, spec, status } = answer.body
    const { labels = {}, annotations = {} } = metadata
    const no = (why: string): never => {
      throw new HostRefused(`${this.#node} can have no helper pod: ${why}`)
    }
    if (labels['kubernetes.io/os'] === 'windows') no('it runs Windows')
    if (labels['eks.amazonaws.com/compute-type'] === 'fargate') no('Fargate mounts no folders of a node into pods')
    if (labels['type'] === 'virtual-kubelet' || spec?.taints?.some(({ key }) => key.startsWith('virtual-kubelet.io/')))
      no('it is a virtual node, with no files of its own')
    if (annotations['kwok.x-k8s.io/node'] !== undefined) no('it is played by kwok')
    if (status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'Unknown')
      throw new HostUnreachable(`${this.#node} can have no helper pod now: its kubelet does not report`)
  }

  /** Makes a pod and waits until it runs; returns folders that the node does not have instead. */
  async #start(folders: readonly Folder[]): Promise<readonly string[] | undefined> {
    const name = ownPodName()
    const watching = this.#guards ? { watching: WATCHING } : {}
    const pod = podObject({ node: this.#node, name, image: this.#image, folders, run: thisRun, ...watching })
    this.#madeAt = Date.now()
    const made = await this.#create(pod)
    this.#pod = { name, uid: made.metadata.uid }
    // What is mounted decides what "not there" means.
    if (!sameMounts(made, pod))
      throw new HostRefused('an admission webhook changes the helper pod, so that it would not show what is there')
    for (const end = Date.now() + this.#patienceMs; ; await sleep(250)) {
      const answer = await this.#client.get<PodSeen>(`${PODS}/${name}`)
      if (!answer.ok) throw thrown(answer.refusal, `cannot look at the helper pod on ${this.#node}`)
      const problem = problemOf(answer.body)
      if (problem === 'runs') return undefined
      if (problem !== undefined) throw new HostRefused(`the helper pod does not run on ${this.#node}: ${problem}`)
      const events = await this.#eventsOf(made.metadata.uid)
      const missing = folders.filter(({ path }, index) => events.some((event) => saysMissing(event, volumeName(index), path)))
      if (missing.length > 0) return missing.map(({ path }) => path)
      if (Date.now() > end)
        throw new HostRefused(
          `the helper pod did not run on ${this.#node} within ${Math.round(this.#patienceMs / 1000)} s: ${waitingFor(answer.body) ?? (events.at(-1) || 'its kubelet does not say why')}`,
        )
    }
  }

  async #create(pod: object): Promise<PodSeen> {
    for (let again = 0; ; again++) {
      await ensureNamespace(this.#client)
      const made = await this.#client.create<PodSeen>(PODS, pod, { fieldManager: 'k8s-harden' })
      if (made.ok) return made.body
      // The last pod of another node took it along just now.
      const going = made.refusal.kind === 'not-found' || made.refusal.said?.includes('is being terminated') === true
      if (!going || again === 5) throw thrown(made.refusal, `the cluster does not let a helper pod onto ${this.#node}`)
      await sleep(500)
    }
  }

  async #eventsOf(uid: string): Promise<readonly string[]> {
    const answer = await this.#client.get<{ items?: readonly { readonly message?: string }[] | null }>(
      `/api/v1/namespaces/${NAMESPACE}/events`,
      {
        query: { fieldSelector: `involvedObject.uid=${uid}` },
      },
    )
    return answer.ok ? (answer.body.items ?? []).map(({ message }) => clean(message ?? '', 300)) : []
  }
}
