/** Makes a container's root file system read-only and gives it empty directories where it writes. */
import { remedy } from '../src/model/define.ts'
import type { ContainerSpec, Edit, Json, PodSpec, Proposal, Remedy } from '../src/model/index.ts'
import type { VisitedContainer } from '../src/objects/containers.ts'
import { normalise } from '../src/objects/host-paths.ts'
import { imageConfigOf } from '../src/objects/image-config.ts'
import { coversPath, isMountPoint, scratchOfImage } from '../src/objects/writable-paths.ts'
import { containerOf, isPlace, mayBreak, TEMPLATE_READS, type TemplatePlace, templateChange, templatePlace } from './pod-template.ts'

/** What a program may expect of any Unix system. */
const ALWAYS = ['/tmp']
const KEEP = 'none'

export const readOnlyRoot = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'read-only-root',
    reads: TEMPLATE_READS,
    options: {
      writable: {
        describe: `Paths that stay writable as empty directories: PATH for every container, or IMAGE=PATH:PATH, separated by commas; ${KEEP} for none. By default /tmp, and the scratch directories of well-known images`,
      },
    },
    propose(finding, { view, options }): Proposal {
      const place = templatePlace(finding, view, `set securityContext.readOnlyRootFilesystem: true on container ${finding.container}`)
      if (!isPlace(place)) return place
      const visited = containerOf(place, finding)
      if (visited === undefined) return { refused: `there is no container ${finding.container} in the template any more` }
      const paths = pathsFor(visited.container, options['writable'])
      const invalid = paths.find((path) => !/^\/[^\0]*[^/\0]$/.test(path) || path.split('/').includes('..'))
      if (invalid !== undefined) return { refused: `the option writable takes absolute paths below /, not ${JSON.stringify(invalid)}` }
      return change(place, visited, paths)
    },
  })

function pathsFor({ image = '' }: ContainerSpec, given: Json | undefined): readonly string[] {
  if (given === undefined || given === null || given === '') return [...ALWAYS, ...scratchOfImage(image)]
  const entries = String(given)
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && entry !== KEEP)
  return entries.flatMap((entry) => {
    const equals = entry.lastIndexOf('=')
    if (equals < 0) return [entry]
    return entry.slice(0, equals) === image ? entry.slice(equals + 1).split(':') : []
  })
}

function change(place: TemplatePlace, { container, at }: VisitedContainer, paths: readonly string[]): Proposal {
  const { spec } = place.workload
  // A VOLUME of the image keeps what the image has there, and runtimes that honour it leave it writable.
  const ownVolumes = (imageConfigOf(place.view, container.image ?? '')?.volumes ?? []).map(normalise)
  const added = [...new Set(paths.map(normalise))].filter(
    (path) => !coversPath(spec, container, path) && !isMountPoint(container, path) && !ownVolumes.includes(path),
  )
  const edits: Edit[] = [{ set: [...place.at, ...at, 'securityContext', 'readOnlyRootFilesystem'], to: true }]
  if (added.length > 0) {
    const names = added.map((path) => volumeName(spec, container, path))
    const mounts = added.map((path, index) => ({ name: names[index]!, mountPath: path }))
    edits.push(
      { set: [...place.at, ...at, 'volumeMounts'], to: [...((container.volumeMounts ?? []) as unknown as readonly Json[]), ...mounts] },
      {
        set: [...place.at, 'volumes'],
        to: [...((spec.volumes ?? []) as unknown as readonly Json[]), ...names.map((name) => ({ name, emptyDir: {} }))],
      },
    )
  }
  const where = added.length === 0 ? '' : `, with an empty directory at ${added.join(', ')}`
  return templateChange(
    place,
    edits,
    `set readOnlyRootFilesystem: true on container ${container.name}${where}`,
    mayBreak(
      `writes of container ${container.name} outside volumes${added.length === 0 ? '' : ` and ${added.join(', ')}`} fail`,
      ...(added.length === 0 ? [] : [`what its image has in ${added.join(', ')} is not seen any more`]),
      'to keep more paths writable --set pod-readonly-rootfs.writable=PATH,PATH',
    ),
  )
}

/** `tmp`, `app-var-run`: a DNS label that no volume of the pod has yet; the container's name tells the directories of several apart. */
function volumeName({ volumes, containers, initContainers }: PodSpec, container: ContainerSpec, path: string): string {
  const isAlone = containers.length + (initContainers ?? []).length === 1
  const label = (isAlone ? path : `${container.name}${path}`)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, 55)
    .replace(/-$/, '')
  const taken = new Set((volumes ?? []).map((volume) => volume?.name))
  let name = label
  for (let more = 1; taken.has(name); more++) name = `${label}-rw${more === 1 ? '' : more}`
  return name
}
