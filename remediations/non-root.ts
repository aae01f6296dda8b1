/** Makes the kubelet refuse root for a container, and gives it a user where it is known to run as root. */

import { remedy } from '../src/model/define.ts'
import type { Edit, Json, Proposal, Remedy } from '../src/model/index.ts'
import { statusOf, type VisitedContainer } from '../src/objects/containers.ts'
import { runAsUser } from '../src/objects/security-context.ts'
import {
  containerOf,
  HARMLESS,
  isPlace,
  knownUser,
  lowPorts,
  mayBreak,
  type Prediction,
  TEMPLATE_READS,
  type TemplatePlace,
  templateChange,
  templatePlace,
} from './pod-template.ts'

/** The uid that images made for it call `nonroot`. */
const NONROOT = 65532

export const runAsNonRootRemedy = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'container-field',
    reads: TEMPLATE_READS,
    options: {
      user: {
        describe: `The numeric user to run as, on every container this is chosen for; by default ${NONROOT}, and only where a container is known to run as root`,
      },
    },
    propose(finding, { view, options }): Proposal {
      const place = templatePlace(
        finding,
        view,
        finding.container === undefined
          ? 'remove securityContext.runAsNonRoot: false and runAsUser: 0 of the pod'
          : `set securityContext.runAsNonRoot: true on container ${finding.container}`,
      )
      if (!isPlace(place)) return place
      const wanted = options['user']
      if (wanted !== undefined && (!Number.isInteger(Number(wanted)) || Number(wanted) < 1))
        return { refused: `the option user must be a number above 0, not ${JSON.stringify(wanted)}` }
      const ofPod = podLevelEdits(place)
      if (finding.container === undefined) return templateChange(place, ofPod, 'no longer ask for root at pod level', HARMLESS)
      const visited = containerOf(place, finding)
      if (visited === undefined) return { refused: `there is no container ${finding.container} in the template any more` }
      return forContainer(place, visited, ofPod, wanted === undefined ? undefined : Number(wanted))
    },
  })

/** What the restricted level refuses at pod level even where every container says otherwise. */
function podLevelEdits({ workload: { spec }, at }: TemplatePlace): Edit[] {
  const unset = (field: string): Edit => ({ unset: [...at, 'securityContext', field] })
  return [
    ...(spec.securityContext?.runAsNonRoot === false ? [unset('runAsNonRoot')] : []),
    ...(spec.securityContext?.runAsUser === 0 ? [unset('runAsUser')] : []),
  ]
}

function forContainer(
  place: TemplatePlace,
  { container, at }: VisitedContainer,
  ofPod: readonly Edit[],
  wanted: number | undefined,
): Proposal {
  const context = [...place.at, ...at, 'securityContext']
  const set = (field: string, to: Json): Edit => ({ set: [...context, field], to })
  const known = knownUser(place.workload, container)
  const declared = runAsUser(place.workload.spec, container).value
  const edits: Edit[] = [...ofPod, set('runAsNonRoot', true)]
  let user = wanted ?? (known === 0 || declared === 0 ? NONROOT : undefined)
  if (user === undefined && known !== undefined && declared === undefined) {
    // The kubelet cannot tell that a user given by name is not root: pin the number it runs as, with its group.
    user = known
    const group = liveGroup(place, container.name)
    if (
      group !== undefined &&
      group !== 0 &&
      container.securityContext?.runAsGroup === undefined &&
      place.workload.spec.securityContext?.runAsGroup === undefined
    )
      edits.push(set('runAsGroup', group))
  }
  if (user !== undefined && user !== declared) edits.push(set('runAsUser', user))
  const summary = `set runAsNonRoot: true${user !== undefined && user !== declared ? ` and runAsUser: ${user}` : ''} on container ${container.name}`
  return templateChange(place, edits, summary, predict(known, user ?? declared, lowPorts(container), place))
}

function liveGroup({ workload }: TemplatePlace, container: string): number | undefined {
  const groups = new Set(workload.pods.map((pod) => statusOf(pod, container)?.user?.linux?.gid))
  return groups.size === 1 ? [...groups][0] : undefined
}

function predict(known: number | undefined, user: number | undefined, ports: readonly number[], { workload }: TemplatePlace): Prediction {
  if (known !== undefined && known !== 0 && known === user) return HARMLESS
  const words =
    known === undefined && user === undefined
      ? ['if its image runs as root, or names its user instead of giving a number, the new pods do not start (CreateContainerConfigError)']
      : ['files of the image and of its volumes that belong to root cannot be written any more']
  if (ports.length > 0) words.push(`it may not be able to listen on port ${ports.join(', ')}`)
  if (known === undefined && hasClaims(workload.spec.volumes)) words.push('data on its persistent volumes may belong to root')
  return mayBreak(...words)
}

const hasClaims = (volumes: TemplatePlace['workload']['spec']['volumes']): boolean =>
  (volumes ?? []).some((volume) => volume?.persistentVolumeClaim != null)
