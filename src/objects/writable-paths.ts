/** Where a container may write when its root file system is read-only, and where some well-known images do. */
import type { ContainerSpec, PodSpec } from '../model/index.ts'
import { normalise } from './host-paths.ts'
import { parseImage } from './image.ts'

/** Mount paths of the container that are not read-only, normalised. */
export const writableMounts = (spec: PodSpec, container: ContainerSpec): readonly string[] =>
  (container.volumeMounts ?? [])
    .filter((mount) => mount?.readOnly !== true && typeof mount?.mountPath === 'string' && takesWrites(spec, mount.name))
    .map((mount) => normalise(mount.mountPath))

/** The kubelet mounts these read-only whatever the mount says. */
const takesWrites = (spec: PodSpec, volume: string): boolean => {
  const source = (spec.volumes ?? []).find((one) => one?.name === volume)
  return source?.configMap == null && source?.secret == null && source?.projected == null && source?.['downwardAPI'] == null
}

/** A path is writable through a mount at it or above it, unless something nearer to it is mounted. */
export function coversPath(spec: PodSpec, container: ContainerSpec, path: string): boolean {
  const wanted = normalise(path)
  const above = (container.volumeMounts ?? [])
    .map((mount) => ({ mount, at: normalise(String(mount?.mountPath ?? '')) }))
    .filter(({ at }) => wanted === at || wanted.startsWith(at === '/' ? '/' : `${at}/`))
    .sort((a, b) => b.at.length - a.at.length)[0]
  return above !== undefined && writableMounts(spec, container).includes(above.at)
}

/** Something is mounted exactly there. */
export const isMountPoint = (container: ContainerSpec, path: string): boolean =>
  (container.volumeMounts ?? []).some((mount) => normalise(String(mount?.mountPath ?? '')) === normalise(path))

/**
 * Directories for scratch files that official images write to (their Dockerfiles and default configurations, read in 2026): none that
 * holds data, and none whose content of the image is needed. From knowledge, not from the cluster: what is built on such an image may differ.
 */
const SCRATCH: readonly (readonly [image: RegExp, paths: readonly string[]])[] = [
  [/^library\/nginx$/, ['/var/cache/nginx', '/var/run']],
  [/^library\/httpd$/, ['/usr/local/apache2/logs']],
  [/^library\/(mysql|mariadb)$/, ['/var/run/mysqld']],
  [/^library\/postgres$/, ['/var/run/postgresql']],
  [/^library\/tomcat$/, ['/usr/local/tomcat/work', '/usr/local/tomcat/temp', '/usr/local/tomcat/logs']],
  [/^library\/(php|wordpress|drupal|joomla|nextcloud)$/, ['/var/run/apache2', '/var/lock']],
]
export function scratchOfImage(image: string | undefined): readonly string[] {
  const { registry, repository } = parseImage(image ?? '') ?? {}
  if (registry !== 'docker.io' || repository === undefined) return []
  return SCRATCH.find(([name]) => name.test(repository))?.[1] ?? []
}
