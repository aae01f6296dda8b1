/** Keeps pods where they belong: taints, tolerations, node selectors, sandboxes. What the scheduler would make of it is tried on the nodes first. */

import { remedy } from '../src/model/define.ts'
import type { Edit, Finding, Json, NodeObject, PodSpec, Proposal, Readable, Remedy, View } from '../src/model/index.ts'
import { fewOf } from '../src/objects/few-of.ts'
import {
  CONTROL_PLANE_TAINT,
  isCatchAll,
  isControlPlane,
  isolationOf,
  NODE_RESTRICTION,
  toleratesControlPlane,
} from '../src/objects/placement.ts'
import { refText } from '../src/objects/ref.ts'
import { whyNotOn, whyNotScheduled } from '../src/objects/scheduling.ts'
import type { Tagged } from '../src/objects/tagged-placement.ts'
import { type Workload, workloads } from '../src/objects/workloads.ts'
import {
  HARMLESS,
  isPlace,
  mayBreak,
  type Prediction,
  TEMPLATE_READS,
  type TemplatePlace,
  templateChange,
  templatePlace,
} from './pod-template.ts'

export type Placed =
  | Tagged
  | { readonly is: 'untainted' }
  | { readonly is: 'tolerant'; readonly everything: boolean }
  | { readonly is: 'guest'; readonly nodes: readonly string[] }

export const placeApart: Remedy<Placed> = remedy<Placed>({
  family: 'placement',
  reads: [...TEMPLATE_READS, 'Node', 'RuntimeClass'],
  options: {
    sensitiveNodes: {
      describe: `The label of the nodes that sensitive workloads have to themselves, as ${NODE_RESTRICTION}NAME=VALUE: no kubelet may set that on itself`,
    },
    runtimeClass: {
      describe:
        'The RuntimeClass that untrusted workloads run in; by default the first whose handler is a sandbox (gVisor, Kata Containers)',
    },
  },
  propose(finding, { view, options }): Proposal {
    const { is } = finding.evidence
    switch (is) {
      case 'untainted':
        return taint(finding, view)
      case 'guest':
        return {
          byHand: `once ${fewOf(finding.evidence.nodes)} has its taint, let it be scheduled anew (kubectl rollout restart, or delete the pod); where it names the node itself (nodeName), take that out`,
        }
      case 'tolerant':
        return tolerateLess(finding, finding.evidence.everything, view)
      case 'shared':
        return {
          byHand: `taint these nodes (kubectl taint node NODE dedicated=sensitive:NoSchedule) and give the sensitive workloads the matching toleration first`,
        }
      case 'unsandboxed':
        return sandbox(finding, view, options['runtimeClass'])
      default:
        return dedicate(finding, view, options['sensitiveNodes'])
    }
  },
})

// ── the control plane ──────────────────────────────────────────────────────────────────────────
function taint({ subject }: Finding<Placed>, view: View<Readable>): Proposal {
  const node = view.find('Node', undefined, subject.name)
  if (node === undefined) return { refused: `there is no node ${subject.name} any more` }
  const workers = view.all('Node').filter((one) => !isControlPlane(one))
  if (workers.length === 0)
    return {
      byHand: `every node runs the control plane: join workers first, then kubectl taint node ${subject.name} ${CONTROL_PLANE_TAINT.key}:NoSchedule`,
    }
  const taints = [...(node.spec?.taints ?? []), { ...CONTROL_PLANE_TAINT }]
  const tainted: NodeObject = { ...node, spec: { ...node.spec, taints } }
  const nodes = view.all('Node').map((one) => (one === node ? tainted : one))
  const here = workloads(view).filter(
    ({ mirror, pods, spec }) => !mirror && pods.some((pod) => pod.spec.nodeName === subject.name) && keptOff(tainted, spec),
  )
  const nowhere = workloads(view).filter(
    (one) => !one.mirror && one.ref.kind !== 'DaemonSet' && mayRun(node, one.spec) && !nodes.some((other) => mayRun(other, one.spec)),
  )
  return {
    changes: [{ type: 'edit', target: subject, edits: [{ set: ['spec', 'taints'], to: taints as unknown as Json }] }],
    summary: `taint node ${subject.name} ${CONTROL_PLANE_TAINT.key}:NoSchedule`,
    risk: 'may-break',
    mayBreak: [
      'pods that do not tolerate the taint are not scheduled there any more; those that run there stay until they are next made',
      ...(here.length > 0 ? [`next made elsewhere: ${names(here)}`] : []),
      ...(nowhere.length > 0 ? [`no other node takes these, which stay Pending when they are next made: ${names(nowhere)}`] : []),
    ],
  }
}
const names = (list: readonly Workload[]): string => fewOf(list.map(({ ref }) => refText(ref)))
const mayRun = (node: NodeObject, spec: PodSpec): boolean => whyNotScheduled(node, spec) === undefined
const keptOff = (node: NodeObject, spec: PodSpec): boolean => !mayRun(node, spec)

function tolerateLess(finding: Finding<Placed>, everything: boolean, view: View<Readable>): Proposal {
  const what = everything ? 'the toleration of every taint' : 'the toleration of control-plane nodes'
  const place = templatePlace(finding, view, `take ${what} out of tolerations`)
  if (!isPlace(place)) return place
  const { spec } = place.workload
  const kept = (spec.tolerations ?? []).filter((one) => !(everything ? isCatchAll(one) : toleratesControlPlane(one)))
  const path = [...place.at, 'tolerations']
  const edit: Edit = kept.length > 0 ? { set: path, to: kept as unknown as Json } : { unset: path }
  return templateChange(place, [edit], `take away ${what}`, whereItRuns(place, { ...spec, tolerations: kept }, view))
}

/** Tried on the nodes as they are: a node that takes the pods is enough, but not for those that are to run on every node. */
function whereItRuns({ workload }: TemplatePlace, spec: PodSpec, view: View<Readable>): Prediction {
  const unread = view.unread('Node')
  if (unread !== undefined)
    return mayBreak(`pods stay Pending where every node they could run on has a taint; that is not known: ${unread.because}`)
  const nodes = view.all('Node')
  if (workload.ref.kind === 'DaemonSet') {
    const left = nodes.filter((node) => whyNotOn(node, workload.spec) === undefined && whyNotOn(node, spec) !== undefined)
    return left.length === 0 ? HARMLESS : mayBreak(`its pods leave ${fewOf(left.map((node) => node.metadata.name))}`)
  }
  // A control-plane node without its taint is a finding of its own: after that is mended it takes nobody.
  const workers = nodes.filter((node) => !isControlPlane(node))
  const open = (workers.length > 0 ? workers : nodes).filter((node) => mayRun(node, spec))
  if (open.length === 0)
    return mayBreak(
      `no node takes its pods then, and new ones stay Pending: ${fewOf(nodes.map((node) => `${node.metadata.name}: ${whyNotScheduled(node, spec) ?? 'runs the control plane'}`))}`,
    )
  const moves = workload.pods.some(
    (pod) => pod.spec.nodeName !== undefined && !open.some((node) => node.metadata.name === pod.spec.nodeName),
  )
  const keepsData = workload.ref.kind === 'StatefulSet' || (spec.volumes ?? []).some((volume) => volume.persistentVolumeClaim != null)
  return moves && keepsData
    ? mayBreak('its pods move to other nodes: a volume that is bound to its node does not move with them')
    : HARMLESS
}

// ── what the operator tagged ───────────────────────────────────────────────────────────────────
function dedicate(finding: Finding<Placed>, view: View<Readable>, given: Json | undefined): Proposal {
  const place = templatePlace(finding, view, `give it a nodeSelector with a label that begins ${NODE_RESTRICTION}`)
  if (!isPlace(place)) return place
  if (given === undefined || given === null || given === '')
    return {
      needs: {
        option: 'sensitiveNodes',
        question: `which nodes it has to itself is for you to say: answer ${NODE_RESTRICTION}NAME=VALUE, after kubectl label and kubectl taint have marked them`,
      },
    }
  const [key = '', value = ''] = String(given).split('=')
  if (!key.startsWith(NODE_RESTRICTION) || key === NODE_RESTRICTION || value === '')
    return { refused: `the option sensitiveNodes must read ${NODE_RESTRICTION}NAME=VALUE, not ${JSON.stringify(given)}` }
  const { spec } = place.workload
  const chosen = view.all('Node').filter((node) => node.metadata.labels?.[key] === value)
  const unread = view.unread('Node')
  if (unread === undefined && chosen.length === 0)
    return { refused: `no node has the label ${key}=${value}: kubectl label node NODE ${key}=${value} gives it to one` }
  const missing = (chosen[0]?.spec?.taints ?? []).filter(
    (one) =>
      one.effect !== 'PreferNoSchedule' &&
      !/^node\.kubernetes\.io\//.test(one.key) &&
      !(spec.tolerations ?? []).some((known) => known.key === one.key),
  )
  const tolerations = [
    ...(spec.tolerations ?? []),
    ...missing.map(({ key: of, value: is, effect }) => ({
      key: of,
      ...(is === undefined || is === '' ? { operator: 'Exists' } : { operator: 'Equal', value: is }),
      effect,
    })),
  ]
  const after: PodSpec = { ...spec, nodeSelector: { ...spec.nodeSelector, [key]: value }, tolerations }
  if (unread === undefined && !chosen.some((node) => mayRun(node, after)))
    return {
      refused: `no node labelled ${key}=${value} takes its pods: ${fewOf(chosen.map((node) => `${node.metadata.name}: ${whyNotScheduled(node, after)}`))}`,
    }
  const edits: Edit[] = [
    { set: [...place.at, 'nodeSelector', key], to: value },
    ...(missing.length > 0 ? [{ set: [...place.at, 'tolerations'], to: tolerations as unknown as Json }] : []),
  ]
  const words = [
    `its pods run on ${chosen.length > 0 ? fewOf(chosen.map((node) => node.metadata.name)) : 'nodes with that label'} only: without room there they stay Pending`,
    'a volume that is bound to another node does not move with them',
  ]
  return templateChange(place, edits, `run on nodes labelled ${key}=${value} only`, mayBreak(...words))
}

function sandbox(finding: Finding<Placed>, view: View<Readable>, given: Json | undefined): Proposal {
  const place = templatePlace(finding, view, 'set runtimeClassName to a RuntimeClass with a sandbox')
  if (!isPlace(place)) return place
  const { spec } = place.workload
  if (spec.hostNetwork === true || spec.hostPID === true || spec.hostIPC === true)
    return { refused: 'it uses namespaces of its node, which a sandbox cannot give it: mend that first' }
  const known = view.all('RuntimeClass')
  const name = given === undefined || given === null || given === '' ? firstSandbox(view) : String(given)
  if (name === undefined)
    return {
      byHand:
        'install a sandboxed runtime on some nodes (gVisor: runsc; Kata Containers), create a RuntimeClass with its handler, and plan again; or set hostUsers: false where the kernel and the volumes allow it',
    }
  const chosen = known.find((one) => one.metadata.name === name)
  if (chosen === undefined && view.unread('RuntimeClass') === undefined) return { refused: `there is no RuntimeClass ${name}` }
  if (chosen !== undefined && isolationOf(chosen) === 'none')
    return { refused: `RuntimeClass ${name} is no sandbox: its handler is ${chosen.handler}` }
  return templateChange(
    place,
    [{ set: [...place.at, 'runtimeClassName'], to: name }],
    `run in RuntimeClass ${name}`,
    mayBreak(
      'system calls that the sandbox does not know fail, and it costs memory and speed',
      'nodes without that runtime cannot start the pods: the RuntimeClass must name those that have it (scheduling.nodeSelector)',
    ),
  )
}
const firstSandbox = (view: View<Readable>): string | undefined =>
  view
    .all('RuntimeClass')
    .filter((one) => isolationOf(one) === 'sandbox')
    .map((one) => one.metadata.name)
    .sort()[0]
