/** Whether an audit log on a control-plane node is taken up by a collector: it runs there, sees the file, and is told to read it. */
import type { ConfigMapObject, ControllerObject, PodSpec, View, VolumeMount } from '../model/index.ts'
import { controlPlaneNodes } from './api-endpoint.ts'
import { logCollector } from './log-collector.ts'
import { type Taint, tolerates, whyNotOn } from './scheduling.ts'

export interface Collector {
  readonly set: ControllerObject
  /** `Fluent Bit`. */
  readonly by: string
  /** Control-plane nodes that it does not run on, each with why: `cp-1 (taint node-role.kubernetes.io/control-plane:NoSchedule)`. */
  readonly away: readonly string[]
  /** Where its container has the log; undefined where that is not mounted. */
  readonly inside: string | undefined
  /** Whether one of its ConfigMaps names the log; undefined where its configuration is not in those that were read. */
  readonly input: boolean | undefined
  readonly configuration: readonly ConfigMapObject[]
}

/** What keeps the control plane's nodes for itself; kubeadm and others set it. */
export const CONTROL_PLANE_TAINT: Taint = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }
const CONTAINER_LOG = '/var/log/containers/kube-apiserver-node_kube-system_kube-apiserver-0.log'
const POD_LOG = '/var/log/pods/kube-system_kube-apiserver-node_0/kube-apiserver/0.log'

/** All collectors, those first that lack least. `logPath` as in `--audit-log-path`: `-` is the log of the API server's container. */
export function collectorsOf(view: View<'DaemonSet' | 'Node' | 'ConfigMap'>, logPath: string): readonly Collector[] {
  return view
    .all('DaemonSet')
    .flatMap((set) => {
      const by = logCollector(set)
      return by === undefined ? [] : [collectorFor(view, set, by, logPath)]
    })
    .toSorted((a, b) => lacks(a) - lacks(b))
}
const lacks = ({ away, inside, input }: Collector): number =>
  (away.length > 0 ? 1 : 0) + (inside === undefined ? 1 : 0) + (input === false ? 2 : input === undefined ? 1 : 0)
export const ships = (collector: Collector): boolean => lacks(collector) === 0

function collectorFor(view: View<'Node' | 'ConfigMap'>, set: ControllerObject, by: string, logPath: string): Collector {
  const spec = set.spec?.template?.spec ?? { containers: [] }
  const paths = logPath === '-' ? [CONTAINER_LOG, POD_LOG] : [logPath]
  const seen = paths.flatMap((path) => insideOf(spec, path) ?? [])
  const configuration = configMapsOf(spec).flatMap((name) => view.find('ConfigMap', set.metadata.namespace ?? 'default', name) ?? [])
  return {
    set,
    by,
    away: awayFrom(view, spec),
    inside: seen[0],
    input: inputFor(configuration, seen.length > 0 ? seen : paths),
    configuration,
  }
}

function awayFrom(view: View<'Node'>, spec: PodSpec): readonly string[] {
  const nodes = controlPlaneNodes(view)
  if (nodes.length > 0)
    return nodes.flatMap((node) => {
      const why = whyNotOn(node, spec)
      return why === undefined ? [] : [`${node.metadata.name} (${why})`]
    })
  const isTolerated = (spec.tolerations ?? []).some((one) => tolerates(one, CONTROL_PLANE_TAINT))
  return isTolerated ? [] : [`control-plane nodes (taint ${CONTROL_PLANE_TAINT.key}:${CONTROL_PLANE_TAINT.effect})`]
}

/** Where a path of the node is inside a container. */
function insideOf(spec: PodSpec, path: string): string | undefined {
  for (const { name, hostPath } of spec.volumes ?? []) {
    const on = hostPath?.path.replace(/\/+$/, '')
    if (on === undefined || !(path === on || path.startsWith(`${on}/`))) continue
    const mounts = spec.containers.flatMap((container): readonly VolumeMount[] => container.volumeMounts ?? [])
    const mount = mounts.find((one) => one.name === name && one.subPath === undefined)
    if (mount !== undefined) return `${mount.mountPath.replace(/\/+$/, '')}${path.slice(on.length)}`
  }
  return undefined
}

const configMapsOf = (spec: PodSpec): readonly string[] =>
  (spec.volumes ?? []).flatMap(({ configMap, projected }) =>
    [configMap?.name, ...(projected?.sources ?? []).map((source) => source.configMap?.name)].filter((name) => name !== undefined),
  )

function inputFor(configuration: readonly ConfigMapObject[], paths: readonly string[]): boolean | undefined {
  const texts = configuration.flatMap(({ data = {} }) => Object.values(data))
  // A section is one input (or filter): Fluent Bit's begin with `[INPUT]`, Fluentd's with `<source>`.
  const taking = texts
    .flatMap((text) => text.split(/^(?=[ \t]*[[<][A-Za-z])/m))
    .filter((section) => names(section.split('\n').filter(isRead), paths))
  // Left out again by another setting, as far as its words tell: then a human has to look.
  const filtered =
    paths.includes(CONTAINER_LOG) && texts.some((text) => leftOut(text).some((line) => /\bkube-(system|apiserver)\b/.test(line)))
  if (taking.length > 0)
    return filtered || taking.every((section) => leftOut(section).some((line) => names([line], paths, true))) ? undefined : true
  const lines = texts.flatMap((text) => text.split('\n')).filter(isRead)
  const isElsewhere = lines.length === 0 || lines.some((line) => /path/i.test(line) && /\$[{(]/.test(line))
  return isElsewhere ? undefined : false
}
/** Whether a pattern in these lines is for one of the paths; `bare`: patterns for the name of the file count as well. */
const names = (lines: readonly string[], paths: readonly string[], bare = false): boolean =>
  lines
    .flatMap((line) => line.split(/[\s"'`,[\]{}()=]+/))
    .filter((word) => word.startsWith('/') || (bare && word !== ''))
    .some((pattern) =>
      paths.some((path) => globOf(pattern).test(path) || (bare && globOf(pattern).test(path.slice(path.lastIndexOf('/') + 1)))),
    )
/** `Exclude_Path *kube-apiserver*`, `exclude_path ["/var/log/containers/kube-*.log"]`, `Exclude $kubernetes['namespace_name'] kube-system`. */
const leftOut = (text: string): readonly string[] => text.split('\n').filter((line) => /exclude/i.test(line) && !/^\s*[#;]/.test(line))
const isRead = (line: string): boolean => line.trim() !== '' && !/^\s*[#;]/.test(line) && !/exclude/i.test(line)

/** `*` stays within a folder, `**` does not. */
const globOf = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .slice(0, 300)
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replace(/\*\*\/?|\*|\?/g, (star) => (star.startsWith('**') ? '.*' : star === '?' ? '[^/]' : '[^/]*'))}$`,
  )

/** What it lacks, in clauses. */
export const lackWords = ({ away, inside, input }: Collector, logPath: string): readonly string[] => [
  ...(away.length > 0 ? [`does not run on ${away.slice(0, 3).join(', ')}`] : []),
  ...(inside === undefined ? [`does not mount ${logPath === '-' ? '/var/log' : logPath}`] : []),
  ...(input === false ? [`has no input for ${inside ?? logPath}`] : []),
]
