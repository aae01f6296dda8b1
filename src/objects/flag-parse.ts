/** Component command lines → flags, as pflag reads them. */
import type { ContainerSpec, Path, PodObject, SourceInfo, View } from '../model/index.ts'
import { lasting } from './derived.ts'

export type Component = 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'etcd'

/**
 * Flags in a list of arguments: `--k=v`, `--k v`, a bare `--k` as `true`, one dash or two; quotes around a value are stripped,
 * the last of two wins, but for those that add up.
 */
export function parseFlags(args: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>()
  for (let at = 0; at < args.length; at++) {
    const match = FLAG.exec(args[at]!)
    if (match === null) continue
    const [, name, value] = match
    const next = args[at + 1]
    const isApart = value === undefined && next !== undefined && !next.startsWith('-')
    const text = unquote(value ?? (isApart ? args[++at]! : 'true'))
    const before = ADDS_UP.has(name!) ? flags.get(name!) : undefined
    flags.set(name!, before === undefined ? text : `${before},${text}`)
  }
  return flags
}
/** Flags that a second one of does not replace (pflag's map of strings and string arrays): of issuers the first signs, of key files all verify. */
const ADDS_UP = new Set(['oidc-required-claim', 'service-account-issuer', 'service-account-key-file'])
const FLAG = /^--?([A-Za-z][\w.-]*)(?:=(.*))?$/s
const unquote = (value: string): string => /^(["'])(.*)\1$/s.exec(value)?.[2] ?? value

/** Name of the flag an argument sets, undefined for anything else. */
export const flagNameOf = (argument: string): string | undefined => FLAG.exec(argument)?.[1]

export interface CommandLine {
  readonly flags: ReadonlyMap<string, string>
  /** Of the list that holds the flags, from the container; absent where they stand in a shell script and cannot be edited as items. */
  readonly at?: Path
}

/**
 * The flags of a component in a container: `command` and `args` together, from the component's own name on (what stands before belongs
 * to a wrapper such as go-runner), or from inside `sh -c '…'`. Undefined where the container does not run it.
 */
export function commandLineOf(container: ContainerSpec, component: Component): CommandLine | undefined {
  const command = container.command ?? []
  const args = container.args ?? []
  const words = [...command, ...args]
  const start = words.findIndex((word) => isProgram(word, component))
  // RKE2 and Talos may leave the program's name to the image: then the container's name says it.
  if (start < 0 && container.name !== component) return undefined
  const script = start < 0 ? scriptIn(words, component) : undefined
  if (script !== undefined) return { flags: parseFlags(script) }
  const own = words.slice(start + 1)
  // A wrapper's flags come before the program, in `command`; the component's may stand in either list.
  const inCommand = start >= command.length ? [] : command.slice(start + 1)
  const list = inCommand.some((word) => flagNameOf(word)) || args.length === 0 ? 'command' : 'args'
  return { flags: parseFlags(own), at: [list] }
}

const isProgram = (word: string, component: Component): boolean =>
  word === component || (word.endsWith(`/${component}`) && !word.includes(' '))

function scriptIn(words: readonly string[], component: Component): readonly string[] | undefined {
  const script = words.find((word) => /\s/.test(word) && word.includes(component))
  if (script === undefined) return undefined
  const inside = splitWords(script)
  const start = inside.findIndex((word) => isProgram(word, component))
  return start < 0 ? undefined : inside.slice(start + 1)
}

/** Words of a shell line, quotes honoured; expansions are left as they stand. */
function splitWords(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replaceAll(/["']/g, ''))
}

/** The static pods of a snapshot. */
export const staticPods: (view: View<'Pod'>) => readonly PodObject[] = lasting(['Pod'], (view) =>
  view.all('Pod').filter((pod) => isStaticPod(pod, view.source)),
)

/** Only the node's own mirror pods count on a cluster: any other pod of that name may belong to somebody else's control plane. */
function isStaticPod(pod: PodObject, source: SourceInfo): boolean {
  const { namespace, annotations = {}, ownerReferences = [] } = pod.metadata
  if (source.kind !== 'live') return namespace === undefined || namespace === 'default' || namespace === 'kube-system'
  return (
    namespace === 'kube-system' &&
    (annotations['kubernetes.io/config.mirror'] !== undefined || ownerReferences.some((owner) => owner.kind === 'Node'))
  )
}
