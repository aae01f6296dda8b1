/** The performer of `approve-serving`: a kubelet's request for its serving certificate is checked, approved, and seen in use. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeObject, ServingAction, Written } from '../model/index.ts'
import { faultsOfServing, SERVING_SIGNER } from '../objects/serving-request.ts'
import { WriteRefused, type WrittenState } from '../plan/writer.ts'
import { FIELD_MANAGER, refuser, words } from './cluster-api.ts'
import type { HostWorld, Performer } from './host-performer.ts'
import { readServingRequest, type WireRequest } from './serving-request-read.ts'
import { REQUESTS, requestsOf, servedBy } from './serving-seen.ts'

type World = Pick<HostWorld, 'client' | 'tell' | 'signal' | 'patienceMs'>

export const approveServing: Performer<ServingAction, null> = {
  async rehearse({ node }, world) {
    const served = await servedBy(node, world)
    if (served === true) return { diff: `  the kubelet of ${node} serves a certificate that it was issued\n`, warnings: [], prepared: null }
    const { fine, faulty } = await pending(node, world)
    if (fine === undefined && faulty.length > 0) throw new WriteRefused('k8s-harden', faulty.join('; '))
    const name = fine?.metadata.name
    return {
      diff: `+ approve CertificateSigningRequest ${name ?? `of system:node:${node} (it will come once its kubelet has restarted)`}\n`,
      warnings: await mayApprove(world),
      prepared: null,
    }
  },

  async intent({ node }): Promise<readonly Written[]> {
    const target = { apiVersion: 'v1', kind: 'Node', name: node }
    return [{ target, before: null, after: 'approved', undo: { is: 'host', do: 'approve-serving', node } }]
  },

  async commit({ node }, _prepared, _written, world) {
    const deadline = performance.now() + world.patienceMs
    const began = performance.now()
    let last = ''
    let faults: readonly string[] = []
    for (;;) {
      if ((last = await next(node, world, (found) => (faults = found))) === '') return []
      if (world.signal.aborted) throw new WriteRefused('you', `interrupted while waiting for the serving certificate of ${node}: ${last}`)
      if (performance.now() > deadline) throw new WriteRefused('the kubelet', [`${node}: ${last}`, ...faults].join('; '))
      world.tell(`the serving certificate of ${node}: ${last} (${Math.round((performance.now() - began) / 1000)} s)`)
      await sleep(1000)
    }
  },

  async state(written, world): Promise<WrittenState> {
    return (await servedBy(nodeOf(written), world)) === true ? 'after' : 'before'
  },

  /** A certificate cannot be called back: it runs out, and the kubelet asks for the next one by itself. */
  async undo() {},
}

const nodeOf = ({ undo }: Written): string => (undo as { readonly node: string }).node

/** One look, and an approval where one is due; what is still waited for, or '' when it is served. */
async function next(node: string, world: World, faulted: (faults: readonly string[]) => void): Promise<string> {
  const served = await servedBy(node, world)
  if (served === true) return ''
  const { fine, faulty, approved } = await pending(node, world)
  faulted(faulty)
  if (fine !== undefined) {
    await approve(fine, world)
    return 'its request was approved, and the certificate is to come'
  }
  return approved
    ? 'its request is approved, and nobody has signed it: does the controller manager have --cluster-signing-cert-file?'
    : served
}

interface Pending {
  /** The newest that may be approved. */
  readonly fine: WireRequest | undefined
  readonly faulty: readonly string[]
  /** One was approved and is not issued. */
  readonly approved: boolean
}
async function pending(node: string, world: World): Promise<Pending> {
  const all = await requestsOf(node, world)
  const open = all.filter(({ status }) => (status?.conditions ?? []).length === 0)
  const approved = all.some(
    ({ status }) => status?.certificate === undefined && (status?.conditions ?? []).some(({ type }) => type === 'Approved'),
  )
  if (open.length === 0) return { fine: undefined, faulty: [], approved }
  const live = await world.client.get<NodeObject>(`/api/v1/nodes/${encodeURIComponent(node)}`, { signal: world.signal })
  if (!live.ok) throw new WriteRefused(refuser(live.refusal), words(live.refusal))
  const faulty: string[] = []
  let fine: WireRequest | undefined
  for (const one of open.toSorted((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''))) {
    const request = await readServingRequest(one)
    const faults = request === undefined ? ['cannot be read'] : faultsOfServing(request, live.body)
    if (faults.length === 0) fine = one
    else faulty.push(`CertificateSigningRequest ${one.metadata.name} ${faults.join(', ')}: it was not approved`)
  }
  return { fine, faulty, approved }
}

async function approve({ metadata, status }: WireRequest, { client }: World): Promise<void> {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const condition = {
    type: 'Approved',
    status: 'True',
    reason: 'ServingCertificateOfItsNode',
    message: 'k8s-harden: requestor, subject, usages and names are those of the Node',
    lastUpdateTime: now,
    lastTransitionTime: now,
  }
  const answer = await client.patch(
    `${REQUESTS}/${encodeURIComponent(metadata.name)}/approval`,
    [
      { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion ?? '' },
      ...(status === undefined ? [{ op: 'add' as const, path: '/status', value: {} }] : []),
      { op: 'add', path: '/status/conditions', value: [condition] },
    ],
    { fieldManager: FIELD_MANAGER },
  )
  // Somebody else may have been quicker; the next look tells.
  if (!answer.ok && answer.refusal.kind !== 'conflict' && answer.refusal.status !== 422)
    throw new WriteRefused(refuser(answer.refusal), words(answer.refusal))
}

/** Both rights are needed (plugin/pkg/admission/certificates/approval); said before a kubelet waits for it. */
async function mayApprove({ client }: World): Promise<readonly string[]> {
  const asked = [
    { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', subresource: 'approval', verb: 'patch' },
    { group: 'certificates.k8s.io', resource: 'signers', name: SERVING_SIGNER, verb: 'approve' },
  ]
  const missing: string[] = []
  for (const resourceAttributes of asked) {
    const answer = await client.review('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    })
    const { status } = (answer.ok ? answer.body : {}) as { readonly status?: { readonly allowed?: boolean } }
    if (answer.ok && status?.allowed === false) missing.push(`${resourceAttributes.verb} ${resourceAttributes.resource}`)
  }
  if (missing.length > 0) throw new WriteRefused('the API server', `you may not ${missing.join(', nor ')} (certificates.k8s.io)`)
  return []
}
