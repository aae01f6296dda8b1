/**
 * Whether NetworkPolicies are enforced, tried out (evidence E2): a pod connects to another one, a policy denies it, it tries again, the
 * policy goes, and it must connect once more. No exec and no log is needed: the exit code of a pod says whether it could connect.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject, PodObject } from '../model/index.ts'
import { isReady } from '../plan/rollout.ts'
import type { ClusterApi } from './cluster-api.ts'

export interface TrialOptions {
  readonly namespace: string
  /** agnhost, the image of Kubernetes' own tests, or a copy of it in another registry. */
  readonly image: string
  readonly signal: AbortSignal
  /** For a pod to start and to end; default 90 s. */
  readonly patienceMs?: number
  readonly say: (what: string) => void
}
export type TrialResult =
  | { readonly is: 'enforced' | 'not-enforced'; readonly because: string }
  /** Nothing was proved either way. */
  | { readonly is: 'unclear'; readonly because: string }

const PORT = 8080
/** A plugin may take some seconds to see a policy, and to forget it. */
const TRIES = 5
/** Lost connections in a row that are the policy's work. */
const CUT = 3

class Unclear extends Error {}

/** Makes pods and a policy in the namespace and leaves them: whoever made the namespace deletes it with all that is in it. */
export async function tryEnforcement(api: ClusterApi, options: TrialOptions): Promise<TrialResult> {
  const trial = new Trial(api, options)
  try {
    return await trial.run()
  } catch (error) {
    if (error instanceof Unclear) return { is: 'unclear', because: error.message }
    throw error
  }
}

class Trial {
  readonly #api: ClusterApi
  readonly #options: TrialOptions
  #clients = 0

  constructor(api: ClusterApi, options: TrialOptions) {
    this.#api = api
    this.#options = options
  }

  async run(): Promise<TrialResult> {
    const { say } = this.#options
    await this.#create('pods', this.#pod('server', ['netexec', `--http-port=${PORT}`]))
    const server = await this.#until('server', isReady)
    say('a pod connects to another one, without a policy')
    if (!(await this.#comesThrough(server))) throw new Unclear('a pod cannot connect to another one even without a policy')
    say('the same with a policy that denies it')
    await this.#create('networkpolicies', DENY)
    const isCut = await this.#isCut(server)
    const { metadata, spec } = await this.#until('server', isReady)
    if (metadata.uid !== server.metadata.uid) throw new Unclear('the pod that was connected to is another one by now')
    const where = `tried on node ${spec.nodeName ?? '?'}`
    if (!isCut)
      return {
        is: 'not-enforced',
        because: `a pod that a policy isolates was connected to all the same, ${TRIES} times in a row (${where})`,
      }
    say('and once more without it')
    await this.#remove(DENY.metadata.name)
    if (!(await this.#comesThrough(server))) throw new Unclear('the pod could not be connected to any more, even without the policy')
    return { is: 'enforced', because: `a policy cut a connection that worked before it and after it (${where})` }
  }

  async #comesThrough(server: PodObject): Promise<boolean> {
    for (let tries = 0; tries < TRIES; tries++) if (await this.#connects(server, tries > 0)) return true
    return false
  }

  /** A connection may be lost without any policy, on a busy node: only several in a row are cut. */
  async #isCut(server: PodObject): Promise<boolean> {
    let inRow = 0
    let lost = 0
    for (let tries = 0; tries < TRIES || (inRow > 0 && tries < 2 * TRIES); tries++) {
      const isLost = !(await this.#connects(server, tries > 0))
      inRow = isLost ? inRow + 1 : 0
      if (isLost) lost++
      if (inRow === CUT) return true
    }
    if (lost > 0) throw new Unclear('with the policy some connections came through and some were lost')
    return false
  }

  async #connects(server: PodObject, isAgain: boolean): Promise<boolean> {
    if (isAgain) await sleep(1_000)
    const name = `client-${++this.#clients}`
    await this.#create('pods', this.#pod(name, ['connect', '--timeout=3s', `${server.status?.podIP}:${PORT}`]))
    const { status } = await this.#until(name, (pod) => pod.status?.phase === 'Succeeded' || ranAndFailed(pod))
    return status?.phase === 'Succeeded'
  }

  async #until(name: string, holds: (pod: PodObject) => boolean): Promise<PodObject> {
    const { namespace, signal, patienceMs = 90_000 } = this.#options
    const until = Date.now() + patienceMs
    for (;;) {
      if (signal.aborted) throw new Unclear('it was interrupted')
      const answer = await this.#api.get<PodObject>(`/api/v1/namespaces/${namespace}/pods/${name}`)
      if (answer.ok && holds(answer.body)) return answer.body
      if (Date.now() > until)
        throw new Unclear(`pod ${name} did not get so far: ${answer.ok ? whyNot(answer.body) : answer.refusal.message}`)
      await sleep(250)
    }
  }

  async #create(plural: string, object: KubeObject): Promise<void> {
    const { namespace, signal } = this.#options
    const path = `/${plural === 'pods' ? 'api/v1' : 'apis/networking.k8s.io/v1'}/namespaces/${namespace}/${plural}`
    for (let tries = 0; ; tries++) {
      const answer = await this.#api.create(path, object)
      if (answer.ok) return
      // The default service account of a new namespace takes a moment.
      if (tries >= 40 || !/serviceaccount|service account/i.test(answer.refusal.said ?? '') || signal.aborted)
        throw new Unclear(`${object.kind} ${object.metadata.name} is refused: ${answer.refusal.said ?? answer.refusal.message}`)
      await sleep(250)
    }
  }

  async #remove(name: string): Promise<void> {
    const path = `/apis/networking.k8s.io/v1/namespaces/${this.#options.namespace}/networkpolicies/${name}`
    const answer = await this.#api.delete(path, {})
    if (!answer.ok) throw new Unclear(`the policy cannot be deleted again: ${answer.refusal.message}`)
  }

  #pod(name: string, args: readonly string[]): KubeObject {
    const container = {
      name: 'app',
      image: this.#options.image,
      imagePullPolicy: 'IfNotPresent',
      args,
      resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    }
    const securityContext = { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } }
    const spec = {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      securityContext,
      containers: [container],
    }
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec } as KubeObject
  }
}

const DENY = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'deny' },
  spec: { podSelector: {}, policyTypes: ['Ingress'] },
} as KubeObject

/** A pod that never ran (evicted, refused by its node, no such program) has not tried to connect: only an exit code of its own counts. */
function ranAndFailed({ status }: PodObject): boolean {
  const terminated = status?.containerStatuses?.[0]?.state?.terminated
  if (status?.phase !== 'Failed') return false
  if (terminated === undefined) throw new Unclear(`a pod failed before it ran: ${status.reason ?? 'for no reason that is told'}`)
  // 126 to 128: the program could not be started; above: it was killed.
  if ((terminated.exitCode ?? 0) >= 126 || terminated.reason !== 'Error')
    throw new Unclear(`a pod ended without having tried: ${terminated.reason ?? ''} ${terminated.message ?? ''}`.trim())
  return true
}

function whyNot({ status }: PodObject): string {
  const waiting = status?.containerStatuses?.[0]?.state?.waiting
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False')
  return [waiting?.reason, waiting?.message, unscheduled?.message].filter(Boolean).join(': ') || `it is ${status?.phase ?? 'not known'}`
}
