import { type IdentityEvidence, useWorkloadIdentity } from '../../../remediations/cloud-identity.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, View } from '../../model/index.ts'
import {
  AZURE_POD_LABEL,
  CLOUD_NAMES,
  couldBeKeyFile,
  hidesNodeIdentity,
  identityOf,
  keyNamed,
  keysOf,
  wholesale,
} from '../../objects/cloud-identity.ts'
import { ASK_PROVIDER, cloudsOf, withoutIdentity } from '../../objects/cloud-presence.ts'
import { eachContainer } from '../../objects/containers.ts'
import { fewOf } from '../../objects/few-of.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { PUBLIC_KINDS, publicWorkloads } from '../../objects/public-workloads.ts'
import { refOf, refText } from '../../objects/ref.ts'
import { type Workload, workloads } from '../../objects/workloads.ts'

const CONSULTED = [...PUBLIC_KINDS, 'Secret', 'Node', 'ConfigMap', 'ServerVersion'] as const
type IdentityView = View<'ServiceAccount' | (typeof CONSULTED)[number]>
type Seen = Observation<IdentityEvidence> | Remark

export default control({
  title: 'Pods must use identities of their own towards the cloud, not keys or those of their node',
  severity: 'medium',
  why: 'A key in a Secret never ends and works from anywhere, and what a node may do is far more than one workload needs. An identity of the service account is short-lived and for one workload alone.',
  references: [
    { standard: 'CIS-EKS', section: '5.2.1' },
    { standard: 'CIS-GKE', section: '5.2.2' },
    { standard: 'CIS-AKS', section: '5.2.1' },
    { standard: 'OWASP', section: '2025/K08' },
    { standard: 'KS', section: 'C-0020' },
    { standard: 'KS', section: 'C-0052' },
    { standard: 'KS', section: 'C-0225' },
  ],
  reads: ['ServiceAccount'],
  consults: CONSULTED,
  *evaluate(view): Iterable<Seen> {
    yield* staticKeys(view)
    yield* heldKeys(view)
    yield* accounts(view)
    yield* ofTheNode(view)
  },
  remedy: useWorkloadIdentity,
  verify: 'Call the cloud from the pod with the new identity (aws sts get-caller-identity and the like) before the key is revoked.',
})

const staticKeys = perPodSpec(function* (spec, { serviceAccount }: Workload) {
  for (const { container, at } of eachContainer(spec)) {
    for (const [cloud, keys] of Map.groupBy(keysOf(container, spec), (key) => key.cloud)) {
      yield {
        at,
        container: container.name,
        key: cloud,
        reason: `carries a key of ${CLOUD_NAMES[cloud]}`,
        detail: fewOf(keys.map(({ name, from }) => `${name} from ${from}`)),
        evidence: { is: 'key' as const, cloud, names: keys.map(({ name }) => name), serviceAccount },
      }
    }
  }
})

/** Which keys a Secret has is known in files only. */
function* heldKeys(view: IdentityView): Iterable<Seen> {
  for (const secret of view.all('Secret')) {
    const named = (secret.keys ?? []).filter((key) => keyNamed(key) !== undefined)
    const files = (secret.keys ?? []).filter(couldBeKeyFile)
    if (named.length + files.length === 0) continue
    const cloud = keyNamed(named[0] ?? '') ?? (files.every((file) => file.endsWith('.pem')) ? 'oci' : 'gcp')
    yield {
      subject: refOf(secret),
      reason: named.length > 0 ? `holds a key of ${CLOUD_NAMES[cloud]}` : 'may hold a key of a cloud',
      detail: fewOf([...named, ...files]),
      evidence: { is: 'held', cloud, names: [...named, ...files] },
      ...(named.length === 0 && { verdict: 'review' as const }),
    }
  }
  const unseen = new Set(
    workloads(view).flatMap(({ spec, namespace }) =>
      wholesale(spec)
        .filter((name) => view.find('Secret', namespace, name)?.keys === undefined)
        .map((name) => `${namespace}/${name}`),
    ),
  )
  if (unseen.size > 0)
    yield {
      unknown: `whether keys of a cloud are among the variables that pods take whole from Secrets is not known, because keys of Secrets are not read: ${fewOf([...unseen].sort())}`,
      answer: 'kubectl describe secret NAME shows the names of its keys, and no values',
    }
}

/** Identities that are too wide, or that do not reach the pods. */
function* accounts(view: IdentityView): Iterable<Seen> {
  for (const account of view.all('ServiceAccount')) {
    const { cloud, annotation } = identityOf(account) ?? {}
    if (cloud === undefined) continue
    const reached = publicWorkloads(view)
    const { name, namespace = 'default' } = account.metadata
    const on = { subject: refOf(account), at: ['metadata', 'annotations', annotation!], verdict: 'review' as const }
    const evidence = { cloud, names: [annotation!] }
    const users = workloads(view).filter((one) => one.namespace === namespace && one.serviceAccount === name)
    const open = users.filter((one) => reached.has(one)).map((one) => `${refText(one.ref)} by ${reached.get(one)}`)
    const gives = `gives an identity of ${CLOUD_NAMES[cloud]} to`
    if (name === 'default')
      yield { ...on, key: 'default', reason: `${gives} every pod that names no account`, evidence: { is: 'default', ...evidence } }
    if (open.length > 0)
      yield {
        ...on,
        key: 'public',
        reason: `${gives} what is reached from outside the cluster`,
        detail: fewOf(open),
        evidence: { is: 'public', ...evidence },
      }
    for (const { ref, templateLabels } of cloud === 'azure' ? users : [])
      if (templateLabels[AZURE_POD_LABEL] !== 'true')
        yield {
          subject: ref,
          key: 'label',
          reason: 'does not get the Azure identity of its service account',
          evidence: { is: 'label', ...evidence },
        }
    for (const { because, answer } of WAYS_IN.map((kind) => view.unread(kind)).filter((one) => one !== undefined))
      yield { unknown: `whether workloads with an identity of a cloud are reached from outside: ${because}`, answer }
  }
}
const WAYS_IN = ['Service', 'Ingress', 'HTTPRoute', 'TLSRoute'] as const

/** What has no identity of its own acts as the node wherever it reaches the metadata service; who calls the cloud at all, no object says. */
function* ofTheNode(view: IdentityView): Iterable<Seen> {
  const unread = view.unread('Node')
  const clouds = cloudsOf(view)
  if (clouds.length === 0 && unread === undefined) yield { notApplicable: 'nothing here is of a cloud: no node, no identity and no key' }
  else if (clouds.length === 0) yield { unknown: `whether the nodes are of a cloud: ${unread!.because}`, answer: unread!.answer }
  const [bare, nodes] = [clouds.length === 0 ? [] : withoutIdentity(view), view.all('Node')]
  if (bare.length === 0) return
  if (nodes.length > 0 && nodes.every(hidesNodeIdentity)) yield { note: "pods never act as their node: GKE's metadata server answers them" }
  else
    yield {
      unknown: `what these are towards ${clouds.map((cloud) => CLOUD_NAMES[cloud]).join(', ')} is not seen here, and without an identity that only the provider shows they are their node: ${fewOf(bare.map(({ ref }) => refText(ref)).sort())}`,
      answer: clouds.map((cloud) => ASK_PROVIDER[cloud]).join('; '),
    }
}
