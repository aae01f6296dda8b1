/** Moves nothing by itself: another namespace means other DNS names, other rights and other volumes. It says what to do, in order. */

import { remedy } from '../src/model/define.ts'
import type { ObjectRef, PodSpec, Readable, Remedy, View } from '../src/model/index.ts'
import { eachContainer } from '../src/objects/containers.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { matchesPairs } from '../src/objects/selectors.ts'
import { WORKLOAD_KINDS, type Workload } from '../src/objects/workloads.ts'
import { workloadOf } from './pod-template.ts'

/** What it is that is in the wrong place, and the namespace it is in. */
export type Misplaced = { readonly is: 'workload' | 'Service' | 'binding' | 'pod'; readonly place: string }

export const guideApart: Remedy<Misplaced> = remedy<Misplaced>({
  family: 'separation',
  reads: [...WORKLOAD_KINDS, 'Service'],
  propose({ subject, evidence: { is, place } }, { view }) {
    const workload = workloadOf(subject, view)
    if (is === 'pod') return { byHand: ownController(subject, place, workload) }
    if (view.source.kind === 'manifests' && is !== 'binding')
      return {
        byHand: `name its namespace in the file (metadata.namespace), with a Namespace of its own: ${renames(subject, workload, view)}`,
      }
    if (is === 'Service')
      return {
        byHand: `create it beside the pods it selects once they have moved; whoever calls ${subject.name}.${place}.svc must then call ${subject.name}.NAMESPACE.svc; delete the old one when nobody does`,
      }
    if (is === 'binding')
      return {
        byHand: `create the service account in the namespace its pods move to and name it in the subjects instead: kubectl create serviceaccount NAME -n NAMESPACE, then kubectl edit ${kubectlName(subject)}`,
      }
    return { byHand: moveOut(subject, place, workload, view) }
  },
})

const kubectlName = ({ kind, name, namespace }: ObjectRef): string =>
  `${kind.toLowerCase()} ${name}${namespace === undefined ? '' : ` -n ${namespace}`}`

function moveOut(subject: ObjectRef, place: string, workload: Workload | undefined, view: View<Readable>): string {
  return [
    'kubectl create namespace NAME',
    `write it out with kubectl get ${kubectlName(subject)} -o yaml, change metadata.namespace, and take out uid, resourceVersion and status`,
    renames(subject, workload, view),
    'apply it there, wait until it is ready, send its callers to it',
    `and only then kubectl delete ${kubectlName({ ...subject, namespace: place })}`,
  ].join('; ')
}

/** What goes by the namespace's name, as far as the objects show. */
function renames(subject: ObjectRef, workload: Workload | undefined, view: View<Readable>): string {
  if (subject.kind === 'Service') return `its name becomes ${subject.name}.NAMESPACE.svc`
  if (workload === undefined) return 'Services, Secrets, ConfigMaps, claims and bindings go with it'
  const services = view
    .all('Service')
    .filter(
      ({ metadata, spec }) =>
        (metadata.namespace ?? 'default') === workload.namespace && matchesPairs(spec?.selector, workload.templateLabels),
    )
    .map(({ metadata }) => metadata.name)
  const { claims, others } = usedBy(workload.spec)
  const words = [
    others.length > 0 ? `take ${fewOf(others)} along` : '',
    workload.serviceAccount === 'default' ? '' : `ServiceAccount ${workload.serviceAccount} and its bindings too`,
    services.length > 0 ? `Service ${fewOf(services)} gets another DNS name (SERVICE.NAMESPACE.svc)` : '',
    claims.length > 0 ? `the data in ${fewOf(claims)} does not move by itself: copy it, or bind its volume to a claim there` : '',
  ].filter((word) => word !== '')
  return words.length > 0 ? words.join(', ') : 'it uses no Secret, ConfigMap or claim, and no Service selects it'
}

function usedBy(spec: PodSpec): { readonly claims: readonly string[]; readonly others: readonly string[] } {
  const others = new Set<string>()
  const claims = new Set<string>()
  const add = (kind: string, name: string | undefined) => void (name !== undefined && name !== '' && others.add(`${kind} ${name}`))
  for (const volume of spec.volumes ?? []) {
    add('Secret', volume.secret?.secretName)
    add('ConfigMap', volume.configMap?.name)
    if (volume.persistentVolumeClaim != null) claims.add(`PersistentVolumeClaim ${volume.persistentVolumeClaim.claimName}`)
  }
  for (const secret of spec.imagePullSecrets ?? []) add('Secret', secret.name)
  for (const { container } of eachContainer(spec)) {
    for (const { valueFrom } of container.env ?? []) {
      add('Secret', valueFrom?.secretKeyRef?.name)
      add('ConfigMap', valueFrom?.configMapKeyRef?.name)
    }
    for (const { secretRef, configMapRef } of container.envFrom ?? []) {
      add('Secret', secretRef?.name)
      add('ConfigMap', configMapRef?.name)
    }
  }
  return { claims: [...claims], others: [...others] }
}

function ownController(subject: ObjectRef, place: string, workload: Workload | undefined): string {
  const kind = ENDING.has(workload?.spec.restartPolicy ?? '') ? 'Job' : 'Deployment'
  const reads = `put its metadata.labels and spec under spec.template of a ${kind}${kind === 'Deployment' ? ' (spec.replicas: 1, spec.selector.matchLabels equal to those labels; a StatefulSet where it keeps data of its own)' : ''}`
  return workload?.ref.file !== undefined
    ? `${reads}, in place of the pod`
    : `${reads}, without nodeName and status: kubectl get pod ${subject.name} -n ${place} -o yaml shows them; apply it, and kubectl delete pod ${subject.name} -n ${place} once its pods are ready; if nobody needs it any more, delete it`
}
const ENDING = new Set(['Never', 'OnFailure'])
