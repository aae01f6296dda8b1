/** Component command lines → flags, as pflag reads them. */
import type { ContainerSpec, Path, PodObject, SourceInfo, View } from '../model/index.ts'
import { lasting } from './derived.ts'
import { addFlag, isBoolean } from './flag-kinds.ts'
import { wordsOfProgram } from './shell-words.ts'

export type Component = 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'etcd'

/**
 * Flags in a list of arguments as the components take them: `--k=v`, `--k v`, a bare `--k` as `true`, one dash or two, `_` for `-`; the last
 * of two wins, but for those that add up. Quotes around a value are stripped. What stands after `--` is no flag.
 */
export function parseFlags(args: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>()
  for (let at = 0; at < args.length && args[at] !== '--'; at++) {
    const match = FLAG.exec(args[at]!)
    if (match === null) continue
    const name = normal(match[1]!)
    const value = match[2] ?? (hasValueApart(args, at) ? args[++at]! : 'true')
    addFlag(flags, name, unquote(value))
  }
  return flags
}
const FLAG = /^--?([A-Za-z][\w.-]*)(?:=(.*))?$/s
const unquote = (value: string): string => /^(["'])(.*)\1$/s.exec(value)?.[2] ?? value
/** Components take `--audit_log_path` as `--audit-log-path` (WordSepNormalizeFunc of component-base). */
const normal = (name: string): string => name.replaceAll('_', '-')

/** Name of the flag an argument sets, undefined for anything else. */
export function flagNameOf(argument: string): string | undefined {
  const name = FLAG.exec(argument)?.[1]
  return name && normal(name)
}

/** Is the value of the flag at this place the next argument? `-` and `-1` are values. */
export function hasValueApart(args: readonly string[], at: number): boolean {
  const [flag, next] = [args[at]!, args[at + 1]]
  return !flag.includes('=') && next !== undefined && (!next.startsWith('-') || /^-(\d|$)/.test(next)) && !isBoolean(flagNameOf(flag) ?? '')
}

export interface CommandLine {
  readonly flags: ReadonlyMap<string, string>
  /** Of the list that holds the flags, from the container; absent where they stand in a shell script and cannot be edited as items. */
  readonly at?: Path
  /** Some of its arguments stand in a variable of the script that cannot be seen. */
  readonly hidden?: true
}

/**
 * The flags of a component in a container: `command` and `args` together, from the component's own name on (what stands before belongs
 * to a wrapper such as go-runner), or from inside `sh -c '…'`. Undefined where the container does not run it.
 */
export function commandLineOf(container: ContainerSpec, component: Component): CommandLine | undefined {
  const values = new Map((container.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])))
  const command = (container.command ?? []).map((word) => filledIn(word, values))
  const args = (container.args ?? []).map((word) => filledIn(word, values))
  const words = [...command, ...args]
  const start = words.findIndex((word) => isProgram(word, component))
  // RKE2 and Talos may leave the program's name to the image: then the container's name says it.
  if (start < 0 && container.name !== component) return undefined
  const script = start < 0 ? words.findIndex((word) => /\s/.test(word) && word.includes(component)) : -1
  if (script >= 0) {
    const own = wordsOfProgram(words[script]!, (word) => isProgram(word, component), words.slice(script + 2), values)
    if (own !== undefined) return { flags: parseFlags(own), ...(own.some((word) => /^[$`]/.test(word)) && { hidden: true as const }) }
  }
  const own = words.slice(start + 1)
  // A wrapper's flags come before the program, in `command`; the component's may stand in either list.
  const inCommand = start >= command.length ? [] : command.slice(start + 1)
  const list = inCommand.some((word) => flagNameOf(word)) || args.length === 0 ? 'command' : 'args'
  return { flags: parseFlags(own), at: [list] }
}

const isProgram = (word: string, component: Component): boolean =>
  word === component || (word.endsWith(`/${component}`) && !/[\s=]/.test(word))

/** `$(NAME)` as the kubelet fills it in; what is from elsewhere stays as it stands. */
const filledIn = (word: string, values: ReadonlyMap<string, string>): string =>
  word.includes('$(')
    ? word.replace(/\$?\$\(([\w.-]+)\)/g, (as, name: string) => (as.startsWith('$$') ? as.slice(1) : (values.get(name) ?? as)))
    : word

/** etcd takes every flag from its environment too (`ETCD_CERT_FILE`); a flag wins. */
export const etcdVariables = (container: ContainerSpec): readonly (readonly [string, string])[] =>
  (container.env ?? []).flatMap(({ name, value }) =>
    name.startsWith('ETCD_') && value !== undefined ? [[name.slice(5).toLowerCase().replaceAll('_', '-'), value] as const] : [],
  )

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
