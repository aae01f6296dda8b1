/** What the cluster shows of something done on a node: the static pod of that node, with its flags. */
import type { HostAction, Snapshot } from '../model/index.ts'
import { commandLineOf, staticPods } from '../objects/flag-parse.ts'

/** Undefined where it shows, or where nothing would show it; otherwise in words what does not. */
export function whyNotShown(action: HostAction, snapshot: Snapshot): string | undefined {
  if (action.do !== 'flags' || snapshot.source.kind !== 'live' || snapshot.unread('Pod') !== undefined) return undefined
  const { node, component, flags } = action
  const lines = staticPods(snapshot)
    .filter(({ spec }) => spec.nodeName === node)
    .flatMap(({ spec }) => spec.containers.flatMap((container) => commandLineOf(container, component) ?? []))
  if (lines.length === 0) return `no static pod of ${component} is shown on ${node}`
  const missing = Object.entries(flags).find(([flag, value]) =>
    lines.some((line) => (value === null ? line.flags.has(flag) : line.flags.get(flag) !== value)),
  )
  if (missing === undefined) return undefined
  const [flag, value] = missing
  return `${component} on ${node} does not run ${value === null ? `without --${flag}` : `with --${flag}=${value}`}`
}
