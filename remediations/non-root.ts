/** Makes the kubelet refuse root for a container. A user is pinned where it is known to run as one, and never made up. */

import { remedy } from '../src/model/define.ts'
import type { ContainerSpec, Edit, Json, Proposal, Remedy } from '../src/model/index.ts'
import { type KnownUser, knownUser } from '../src/objects/container-user.ts'
import { eachContainer, type VisitedContainer } from '../src/objects/containers.ts'
import { isAdministrator, runAsUser } from '../src/objects/security-context.ts'
import { isWindows } from '../src/objects/workloads.ts'
import { keepLowPorts, type LowPorts } from './low-ports.ts'
import {
  containerOf,
  HARMLESS,
  isPlace,
  mayBreak,
  type Prediction,
  TEMPLATE_READS,
  type TemplatePlace,
  templateChange,
  templatePlace,
} from './pod-template.ts'

export const runAsNonRootRemedy = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'container-field',
    reads: TEMPLATE_READS,
    options: {
      user: {
        describe:
          'The numeric user to run as: a number for every container, or IMAGE=NUMBER, separated by commas, for those of an image. Without it none is made up: an image that is known to run as root waits for an answer',
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
      const ofPod = podLevelEdits(place)
      if (finding.container === undefined) return templateChange(place, ofPod, 'no longer ask for root at pod level', HARMLESS)
      const visited = containerOf(place, finding)
      if (visited === undefined) return { refused: `there is no container ${finding.container} in the template any more` }
      if (isWindows(place.workload)) return onWindows(place, visited, ofPod)
      const wanted = givenUser(options['user'], visited.container.image ?? '')
      return typeof wanted === 'object' ? wanted : forContainer(place, visited, ofPod, wanted, options['user'])
    },
  })

/** The operator's number for this image, `1000` or `nginx:latest=101,redis:7=999`; undefined where none is given for it. */
function givenUser(given: Json | undefined, image: string): number | undefined | { readonly refused: string } {
  if (given === undefined || given === null || given === '') return undefined
  const pairs = String(given)
    .split(',')
    .map((pair) => [pair.slice(0, Math.max(pair.lastIndexOf('='), 0)).trim(), pair.slice(pair.lastIndexOf('=') + 1).trim()] as const)
  const user = (pairs.find(([name]) => name === image) ?? pairs.find(([name]) => name === ''))?.[1]
  if (user === undefined) return undefined
  return Number.isInteger(Number(user)) && Number(user) > 0
    ? Number(user)
    : { refused: `the option user must be a number above 0, not ${JSON.stringify(user)}` }
}

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
  given: Json | undefined,
): Proposal {
  const context = [...place.at, ...at, 'securityContext']
  const set = (field: string, to: Json): Edit => ({ set: [...context, field], to })
  const known = knownUser(place.workload, container, place.view)
  const declared = runAsUser(place.workload.spec, container).value
  if (wanted === undefined && declared === undefined && known.isRoot === true)
    return {
      needs: {
        option: 'user',
        question: `${container.image} runs as root, and which other user it can run as is not known: answer ${container.image}=UID, or give ${container.name} an image that is made to run as a user`,
      },
    }
  if (wanted === undefined && declared === undefined && known.named !== undefined)
    return {
      needs: {
        option: 'user',
        question: `${container.image} names its user (${known.named}) instead of giving a number, so the kubelet would refuse it: answer ${container.image}=UID with the number of that user`,
      },
    }
  const low = keepLowPorts(place, container)
  const edits: Edit[] = [...ofPod, set('runAsNonRoot', true), ...low.edits]
  // The kubelet cannot tell that a user given by name is not root: pin the number it runs as, with its group. What the image gives as a number
  // needs no pin.
  const pinned = known.from === 'kubelet' && known.isRoot === false ? known.uid : undefined
  const user = wanted ?? pinned
  if (wanted === undefined && pinned !== undefined && pinsGroup(place, container, known)) edits.push(set('runAsGroup', known.gid!))
  // What the specification makes root of may be an image that has a user of its own: leave it to the image.
  if (user === undefined && container.securityContext?.runAsUser === 0) edits.push({ unset: [...context, 'runAsUser'] })
  if (user !== undefined && user !== declared) edits.push(set('runAsUser', user))
  const group = user === undefined || known.uid === user ? undefined : groupForVolumes(place, given)
  if (group !== undefined) edits.push(...groupEdits(place, group))
  const summary = `set runAsNonRoot: true${user !== undefined && user !== declared ? ` and runAsUser: ${user}` : ''} on container ${container.name}`
  const kept = declared === 0 ? undefined : declared
  return templateChange(place, edits, summary, predict(known, user ?? kept, low, group, place))
}

/** Windows knows users by name. Who asks for the administrator becomes ContainerUser; else it is up to the image. */
function onWindows(place: TemplatePlace, { container, at }: VisitedContainer, ofPod: readonly Edit[]): Proposal {
  const context = [...place.at, ...at, 'securityContext']
  const { windowsOptions } = place.workload.spec.securityContext ?? {}
  const user = container.securityContext?.windowsOptions?.runAsUserName ?? windowsOptions?.runAsUserName
  const edits: Edit[] = [...ofPod, { set: [...context, 'runAsNonRoot'], to: true }]
  if (container.securityContext?.runAsUser === 0) edits.push({ unset: [...context, 'runAsUser'] })
  if (isAdministrator(user)) edits.push({ set: [...context, 'windowsOptions', 'runAsUserName'], to: 'ContainerUser' })
  return templateChange(
    place,
    edits,
    `set runAsNonRoot: true${isAdministrator(user) ? ' and runAsUserName: ContainerUser' : ''} on container ${container.name}`,
    mayBreak(
      user === undefined
        ? 'an image that runs as ContainerAdministrator is refused (CreateContainerConfigError): give it USER ContainerUser'
        : 'what only an administrator may do in the container fails',
    ),
  )
}

const pinsGroup = ({ workload: { spec } }: TemplatePlace, container: ContainerSpec, { gid }: KnownUser): boolean =>
  gid !== undefined && gid !== 0 && container.securityContext?.runAsGroup === undefined && spec.securityContext?.runAsGroup === undefined

/**
 * The group that the kubelet gives the pod's claimed volumes to (`fsGroup`), so that another user than before can write to them: of all
 * containers that get a new user, the first one's. Absent where no volume is claimed, or the pod has one already.
 */
function groupForVolumes({ workload, view }: TemplatePlace, given: Json | undefined): number | undefined {
  const { spec } = workload
  if (!hasClaims(spec.volumes) || spec.securityContext?.fsGroup != null) return undefined
  return eachContainer(spec)
    .filter(({ container }) => knownUser(workload, container, view).isRoot !== false)
    .map(({ container }) => givenUser(given, container.image ?? ''))
    .find((user) => typeof user === 'number')
}
const groupEdits = ({ at }: TemplatePlace, group: number): Edit[] => [
  { set: [...at, 'securityContext', 'fsGroup'], to: group },
  { set: [...at, 'securityContext', 'fsGroupChangePolicy'], to: 'OnRootMismatch' },
]

/** `user`: what it is going to run as; undefined where that is up to the image. */
function predict(
  known: KnownUser,
  user: number | undefined,
  { lost }: LowPorts,
  group: number | undefined,
  { workload }: TemplatePlace,
): Prediction {
  if (known.isRoot === false && (user === undefined || known.uid === user)) return HARMLESS
  const words =
    user === undefined
      ? [
          'if the image runs as root, or names its user instead of giving a number, the container is refused (CreateContainerConfigError); on a live cluster that is undone by itself',
        ]
      : []
  if (user !== undefined || known.isRoot === true)
    words.push('files of the image and of its volumes that belong to root cannot be written any more')
  if (lost.length > 0) words.push(`it may not be able to listen on port ${lost.join(', ')}`)
  if (group !== undefined) words.push(`its claimed volumes are given to group ${group} (fsGroup): large ones take a while`)
  else if (known.uid === undefined && hasClaims(workload.spec.volumes)) words.push('data on its persistent volumes may belong to root')
  return mayBreak(...words)
}

const hasClaims = (volumes: TemplatePlace['workload']['spec']['volumes']): boolean =>
  (volumes ?? []).some((volume) => volume?.persistentVolumeClaim != null)
