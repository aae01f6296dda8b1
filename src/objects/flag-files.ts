/** Which of the configuration files that were seen is the one that a flag of an API server names. */
import type { ConfigFile, ObjectRef, Unread } from '../model/index.ts'
import type { ComponentInstance } from './flags.ts'
import { nodePathOf } from './host-files.ts'
import { positionOf } from './ref.ts'

/**
 * Files that may be the one at `path`: those of the instance's own node, or of the tree its manifest lies in, where that can be told;
 * else all of that name, since a container may have it at another path. Empty where none of them was seen.
 */
export function filesNamed(files: readonly ConfigFile[], instance: ComponentInstance, path: string): readonly ConfigFile[] {
  const named = files.filter(({ metadata }) => metadata.name === path.split('/').at(-1))
  const pod = instance.subject
  const onNodes = named.filter((file) => nodePathOf(file) !== undefined)
  if (onNodes.length > 0) return onNodes.filter((file) => isOf(pod, nodePathOf(file)!.node))
  const beside = named.filter((file) => {
    const root = rootOf(positionOf(file)?.file, path)
    return root !== undefined && root !== '' && pod.file?.startsWith(root) === true
  })
  return beside.length > 0 ? beside : named
}

/** k3s writes its start arguments on its node; of an API server that nothing names, any file may be. */
const isOf = ({ kind, name }: ObjectRef, node: string): boolean =>
  kind === 'Node' ? name === node : kind !== 'Pod' || name.endsWith(`-${node}`)

/** `cp-1` of `cp-1/etc/kubernetes/enc.yaml`, which is a copy of `/etc/kubernetes/enc.yaml`. */
const rootOf = (file: string | undefined, path: string): string | undefined =>
  file?.endsWith(path) === true ? file.slice(0, file.length - path.length) + '/' : undefined

/**
 * What was not seen although others of the kind were: files on nodes that nobody reached, and those that a flag names. Nothing may pass
 * for an API server because the file of another one is good.
 */
export function* filesNotSeen(
  unread: Unread | undefined,
  files: readonly ConfigFile[],
  instances: readonly ComponentInstance[],
  flag: string,
): Iterable<{ readonly unknown: string; readonly answer: string }> {
  if (unread?.why === 'partial') yield { unknown: unread.because, answer: unread.answer }
  for (const instance of instances) {
    const path = instance.flags.get(flag) ?? ''
    if (path === '' || filesNamed(files, instance, path).length > 0) continue
    yield {
      unknown: `${instance.name} takes ${path}, which is not among the files that were seen`,
      answer: `scan ${path} of its node as well, with --manifests or --host`,
    }
  }
}
