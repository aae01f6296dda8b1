/** How violations of the Pod Security Standards name what sets a forbidden value. */
import type { ContainerSpec, PodSpec } from '../model/index.ts'
import { eachContainer } from './containers.ts'

/** Names of the containers that something is true of. */
export function containersWhere(spec: PodSpec, holds: (container: ContainerSpec) => boolean): string[] {
  const names: string[] = []
  for (const { container } of eachContainer(spec)) if (holds(container)) names.push(container.name)
  return names
}

export const quoted = (values: Iterable<string>): string => [...new Set(values)].map((value) => JSON.stringify(value)).join(', ')

/** `container "a"`, `containers "a", "b"`; undefined for none. */
export const containersText = (names: readonly string[]): string | undefined =>
  names.length === 0 ? undefined : `${names.length === 1 ? 'container' : 'containers'} ${quoted(names)}`

/** `pod and containers "a", "b"`; undefined where nobody is to blame. */
export function settersText(pod: boolean, names: readonly string[]): string | undefined {
  const setters = [pod ? 'pod' : undefined, containersText(names)].filter((one) => one !== undefined)
  return setters.length === 0 ? undefined : setters.join(' and ')
}

/** The sentence where there is a culprit, else nothing. */
export const blame = (culprit: string | undefined, sentence: string): string | undefined =>
  culprit === undefined ? undefined : `${culprit} ${sentence}`
