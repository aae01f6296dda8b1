/** Where the pod spec behind a finding can be written, or the words why it cannot. */
import type { Change, Edit, Finding, ObjectRef, Path, Proposal, Readable, Risk, View } from '../src/model/index.ts'
import { eachContainer, type VisitedContainer } from '../src/objects/containers.ts'
import { derived } from '../src/objects/derived.ts'
import { formatPath } from '../src/objects/path.ts'
import { isIntroduced, isOfOlderRevision } from '../src/objects/per-workload.ts'
import { refText, sameObject } from '../src/objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../src/objects/workloads.ts'
import { rolloutHazards } from './roll-out-hazards.ts'

/** What remedies of pod specs look at; Services tell which ports their pods listen on, Nodes where new pods find room, images what they are made for. */
export const TEMPLATE_READS = [...WORKLOAD_KINDS, 'Service', 'Node', 'ImageConfigs'] as const

export interface TemplatePlace {
  readonly workload: Workload
  /** Of the pod spec in the workload's object. */
  readonly at: Path
  readonly view: View<Readable>
}
export interface Prediction {
  readonly risk: Risk
  readonly mayBreak: readonly string[]
}

const byRef = (view: View<(typeof WORKLOAD_KINDS)[number]>): Map<ObjectRef, Workload> =>
  new Map(workloads(view).map((workload) => [workload.ref, workload]))
const byKey = (view: View<(typeof WORKLOAD_KINDS)[number]>): Map<string, Workload[]> =>
  Map.groupBy(workloads(view), (workload) => refText(workload.ref))

/** The workload that a finding is about; undefined where it is not there any more. */
export const workloadOf = (subject: ObjectRef, view: View<(typeof WORKLOAD_KINDS)[number]>): Workload | undefined =>
  derived(view, byRef).get(subject) ??
  derived(view, byKey)
    .get(refText(subject))
    ?.find((one) => sameObject(one.ref, subject))

/** The place, or the proposal that says why there is none. `wish` completes "set …": what the operator would have to do there. */
export function templatePlace(
  finding: Finding<any>,
  view: View<Readable>,
  wish: string,
): TemplatePlace | Exclude<Proposal, { changes: readonly Change[] }> {
  const workload = workloadOf(finding.subject, view)
  const who = refText(finding.subject)
  if (workload === undefined) return { refused: `${who} is not there any more` }
  if (isOfOlderRevision(finding))
    return {
      byHand: `the template of ${who} does not have it any more: let the rollout finish, or delete the pods of the older revision so that they are made anew`,
    }
  if (isIntroduced(finding))
    return {
      byHand: `the template of ${who} does not have it: change what puts it into the pods afterwards (a mutating webhook, an injected sidecar, kubectl debug), or delete the pod`,
    }
  if (workload.at === undefined || workload.object === undefined)
    return { byHand: `${who} makes these pods: ${wish} in its own specification` }
  if (eachContainer(workload.spec).some(({ container }) => !container.name))
    return { byHand: `${who} has a container without a name, which no API server takes: name it first` }
  if (view.source.kind !== 'live') return { workload, at: workload.at, view }
  if (workload.mirror)
    return {
      byHand: staticPodWords(who, wish, view),
    }
  // One that is to run for ever is deleted and created again (the plan says so); one with an end would do its work a second time.
  if (workload.object.kind === 'Pod' && (workload.spec.restartPolicy ?? 'Always') !== 'Always')
    return {
      byHand: `a pod that runs to its end cannot be changed, and made anew it would do its work again; next time create it with this done: ${wish}`,
    }
  if (workload.object.kind === 'Job')
    return { byHand: `the template of a Job cannot be changed; create the Job again with this done: ${wish}` }
  return { workload, at: workload.at, view }
}

/** Some write their static pods anew from their own configuration, so that an edit of a manifest is lost. */
function staticPodWords(who: string, wish: string, view: View<'Node'>): string {
  const infos = view.all('Node').flatMap(({ status }) => status?.nodeInfo ?? [])
  if (infos.some(({ kubeletVersion }) => kubeletVersion?.includes('+rke2')))
    return `RKE2 writes the static pod ${who} anew at each start, so an edit of its manifest is lost: ${wish} as far as /etc/rancher/rke2/config.yaml has a setting for it (control-plane-resource-requests, -probe-configuration, -extra-mount, -extra-env)`
  if (infos.some(({ osImage }) => osImage?.startsWith('Talos ')))
    return `Talos makes the static pod ${who} of its machine configuration: ${wish} there (cluster.apiServer and its like, or machine.pods for a pod of your own), with talosctl -n NODE edit mc`
  const k3s = infos.some(({ kubeletVersion }) => kubeletVersion?.includes('+k3s'))
  return `${who} is a static pod: ${wish} in its manifest on the node (${k3s ? 'k3s keeps these in /var/lib/rancher/k3s/agent/pod-manifests' : 'kubeadm keeps these in /etc/kubernetes/manifests'}); the kubelet then starts it anew`
}

export const isPlace = (place: TemplatePlace | Proposal): place is TemplatePlace => 'workload' in place

/** The container a finding is about, in the template. An init container may bear the name of another, though no API server takes both. */
export function containerOf(
  { workload, at: place }: TemplatePlace,
  { container: name, at = [] }: Finding<any>,
): VisitedContainer | undefined {
  const named = eachContainer(workload.spec).filter(({ container }) => container.name === name)
  if (named.length < 2) return named[0]
  const seenAt = formatPath(at)
  return named.find((visited) => seenAt.startsWith(formatPath([...place, ...visited.at]))) ?? named[0]
}

/** A change of the workload's object. A PodTemplate runs nothing by itself; anything else restarts its pods at least. */
export function templateChange(place: TemplatePlace, edits: readonly Edit[], summary: string, prediction: Prediction): Proposal {
  const { workload } = place
  const hazards = edits.some(freesHostPorts) ? [] : rolloutHazards(place)
  const mayBreak = [...(workload.mirror ? [STATIC_POD] : []), ...prediction.mayBreak, ...hazards]
  const restarts = prediction.risk === 'safe' ? 'restarts-pods' : prediction.risk
  const risk = workload.mirror || hazards.length > 0 ? 'may-break' : workload.object?.kind === 'PodTemplate' ? 'safe' : restarts
  return {
    changes: [{ type: 'edit', target: workload.ref, edits }],
    summary,
    risk,
    ...(mayBreak.length > 0 && { mayBreak }),
  }
}
const STATIC_POD =
  'it is a static pod of the control plane: the kubelet restarts it as soon as the file changes, and a mistake keeps it down'
const freesHostPorts = (edit: Edit): boolean => ['hostNetwork', 'hostPort'].includes(String(('set' in edit ? edit.set : edit.unset).at(-1)))

/** Nothing is known to break. */
export const HARMLESS: Prediction = { risk: 'restarts-pods', mayBreak: [] }
/** Nothing is known to break, but whether the image has such programs cannot be seen from outside of it. */
export const EXCEPT_FILE_RIGHTS: Prediction = {
  risk: 'restarts-pods',
  mayBreak: [
    'programs of its image that gain rights from their file (sudo, ping, setuid helpers), if it has any: used at the start they are noticed and the change is undone, used later they just fail',
  ],
}
export const mayBreak = (...words: string[]): Prediction => ({ risk: 'may-break', mayBreak: words })
