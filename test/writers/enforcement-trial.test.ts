import { expect, test } from 'vitest'
import type { ClusterApi } from '../../src/writers/cluster-api.ts'
import { tryEnforcement } from '../../src/writers/enforcement-trial.ts'

type Ending = number | { readonly reason: string; readonly exitCode?: number } | 'never ran' | 'pulls'
const ENDS = { open: 0, cut: 1 } as const

/** `clients`: how the clients end, by whether the policy is there at that moment. */
async function tried(clients: (denied: boolean, nth: number) => Ending, { serverUids = ['s'], refuse = '' } = {}) {
  let denied = false
  let count = 0
  const uids = [...serverUids]
  const pods = new Map<string, object>()
  const stateOf = (ending: Ending) => {
    if (ending === 'pulls')
      return { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } }] }
    if (ending === 'never ran') return { phase: 'Failed', reason: 'Evicted' }
    const { reason, exitCode = 1 } =
      typeof ending === 'number' ? { reason: ending === 0 ? 'Completed' : 'Error', exitCode: ending } : ending
    return { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses: [{ state: { terminated: { reason, exitCode } } }] }
  }
  const api = {
    create: async (path: string, object: { metadata: { name: string } }) => {
      if (refuse !== '' && path.endsWith('pods')) return { ok: false, refusal: { message: 'no', said: refuse } }
      if (path.endsWith('networkpolicies')) denied = true
      else if (object.metadata.name !== 'server') pods.set(object.metadata.name, stateOf(clients(denied, ++count)))
      return { ok: true, body: object }
    },
    delete: async () => {
      denied = false
      return { ok: true }
    },
    get: async (path: string) => {
      const name = path.split('/').at(-1)!
      if (name !== 'server') return { ok: true, body: { metadata: { name }, spec: {}, status: pods.get(name) } }
      const uid = uids.length > 1 ? uids.shift() : uids[0]
      const status = { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] }
      return { ok: true, body: { metadata: { name, uid }, spec: { nodeName: 'worker-1' }, status } }
    },
  } as unknown as ClusterApi
  const result = await tryEnforcement(api, {
    namespace: 'k8s-harden-try',
    image: 'agnhost',
    signal: new AbortController().signal,
    patienceMs: 300,
    say: () => {},
  })
  return `${result.is}: ${result.because}`
}

test('cut by the policy, and only by it', async () => {
  expect(await tried((denied) => (denied ? ENDS.cut : ENDS.open))).toBe(
    'enforced: a policy cut a connection that worked before it and after it (tried on node worker-1)',
  )
})
test('a plugin may take a moment to see the policy', async () => {
  expect(await tried((denied, nth) => (denied && nth > 3 ? ENDS.cut : ENDS.open))).toMatch(/^enforced: /)
})
test('one connection that is lost is no policy at work', async () => {
  expect(await tried((denied, nth) => (denied && nth % 3 === 0 ? ENDS.cut : ENDS.open))).toBe(
    'unclear: with the policy some connections came through and some were lost',
  )
})
test('never cut', async () => {
  expect(await tried(() => ENDS.open)).toMatch(/^not-enforced: a pod that a policy isolates was connected to all the same, 5 times/)
})

const FIRST = 1
test.each<[string, string, Parameters<typeof tried>]>([
  ['two pods that never connect', 'a pod cannot connect to another one even without a policy', [() => ENDS.cut]],
  [
    'one that stays cut',
    'the pod could not be connected to any more, even without the policy',
    [(_, nth) => (nth === FIRST ? ENDS.open : ENDS.cut)],
  ],
  [
    'another server meanwhile',
    'the pod that was connected to is another one by now',
    [(denied) => (denied ? ENDS.cut : ENDS.open), { serverUids: ['s', 't'] }],
  ],
  [
    'a client that was killed',
    'a pod ended without having tried: OOMKilled',
    [(denied) => (denied ? { reason: 'OOMKilled', exitCode: 137 } : ENDS.open)],
  ],
  [
    'a client without its program',
    'a pod ended without having tried: StartError',
    [(denied) => (denied ? { reason: 'StartError', exitCode: 128 } : ENDS.open)],
  ],
  ['a client that never ran', 'a pod failed before it ran: Evicted', [(denied) => (denied ? 'never ran' : ENDS.open)]],
  ['an image that is not there', 'pod client-1 did not get so far: ImagePullBackOff: no such image', [() => 'pulls']],
  ['pods that are refused', 'Pod server is refused: exceeded quota', [() => ENDS.open, { refuse: 'exceeded quota' }]],
])('%s: nothing is proved', async (_, because, args) => expect(await tried(...args)).toBe(`unclear: ${because}`))
