/** Takes capabilities away: those a container adds beyond the baseline set, or all of them. */

import { remedy } from '../src/model/define.ts'
import type { ContainerSpec, Edit, Path, Proposal, Remedy } from '../src/model/index.ts'
import { knownUser } from '../src/objects/container-user.ts'
import { carriesNetBind, gainsRights } from '../src/objects/file-rights.ts'
import { lowPortsOf } from '../src/objects/low-ports.ts'
import { BASELINE_CAPABILITIES } from '../src/objects/pod-security-baseline.ts'
import { isWindows } from '../src/objects/workloads.ts'
import { keepLowPorts, type LowPorts } from './low-ports.ts'
import {
  containerOf,
  EXCEPT_FILE_RIGHTS,
  HARMLESS,
  isPlace,
  mayBreak,
  type Prediction,
  TEMPLATE_READS,
  type TemplatePlace,
  templateChange,
  templatePlace,
} from './pod-template.ts'

/** The control whose remedy is `dropAllCapabilities`: where both are planned, they must agree on what stays. */
const DROP_ALL = 'pod-capabilities-drop-all'

const WHAT_FOR: Readonly<Record<string, string>> = {
  NET_ADMIN: 'changing network interfaces, routes or iptables fails',
  NET_RAW: 'ping and other raw sockets fail, unless the runtime gives NET_RAW to every container',
  SYS_ADMIN: 'mounting and most kernel administration fails',
  SYS_PTRACE: 'looking into other processes fails',
  SYS_MODULE: 'loading kernel modules fails',
  SYS_TIME: 'setting the clock fails',
  SYS_RESOURCE: 'raising resource limits fails',
  IPC_LOCK: 'locking memory fails',
  SYS_NICE: 'raising priorities fails',
  DAC_READ_SEARCH: 'reading files it has no permission for fails',
  CHOWN: 'changing owners of files fails',
  DAC_OVERRIDE: 'overriding file permissions fails',
  FOWNER: 'changing the mode of files of others fails',
  SETUID: 'switching to another user fails',
  SETGID: 'switching to another group fails',
  SYS_CHROOT: 'chroot fails',
  MKNOD: 'making device files fails',
  KILL: 'signalling processes of other users fails',
  BPF: 'loading eBPF programs fails',
  SYS_RAWIO: 'raw device access fails',
}

/** Removes from `add` what the baseline level does not allow. */
export const removeAddedCapabilities = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'capabilities',
    reads: TEMPLATE_READS,
    propose(finding, { view, alongside }): Proposal {
      const place = templatePlace(
        finding,
        view,
        `remove what is not in the baseline set from securityContext.capabilities.add of container ${finding.container}`,
      )
      if (!isPlace(place)) return place
      const visited = containerOf(place, finding)
      if (visited === undefined) return { refused: `there is no container ${finding.container} in the template any more` }
      const at = [...place.at, ...visited.at]
      const removed = addedBy(visited.container).filter((name) => !BASELINE_CAPABILITIES.has(name))
      if (removed.length === 0) return { refused: 'it adds no such capability any more' }
      const dropsAll = alongside.some((other) => other.control === DROP_ALL && other.container === finding.container)
      const kept = dropsAll
        ? keptWhenAllDropped(place, visited.container)
        : addedBy(visited.container).filter((name) => BASELINE_CAPABILITIES.has(name))
      const words = removed.map((name) => WHAT_FOR[bare(name)] ?? `what needs ${bare(name)} fails`)
      return templateChange(
        place,
        // The API server takes no capabilities at all of a pod that says it is for Windows.
        [place.workload.spec.os?.name === 'windows' ? { unset: [...at, 'securityContext', 'capabilities'] } : addEdit(at, kept)],
        `no longer add ${removed.join(', ')} to container ${visited.container.name}`,
        isWindows(place.workload) ? HARMLESS : mayBreak(...new Set(words)),
      )
    },
  })

/** Drops ALL and keeps NET_BIND_SERVICE where the container declares a port below 1024. */
export const dropAllCapabilities = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'capabilities',
    reads: TEMPLATE_READS,
    propose(finding, { view }): Proposal {
      const place = templatePlace(finding, view, `set securityContext.capabilities.drop: ["ALL"] on container ${finding.container}`)
      if (!isPlace(place)) return place
      const visited = containerOf(place, finding)
      if (visited === undefined) return { refused: `there is no container ${finding.container} in the template any more` }
      const at = [...place.at, ...visited.at]
      const kept = keptWhenAllDropped(place, visited.container)
      const low = keepLowPorts(place, visited.container)
      const edits: Edit[] = [{ set: [...at, 'securityContext', 'capabilities', 'drop'], to: ['ALL'] }]
      if (kept.length > 0 || addedBy(visited.container).length > 0) edits.push(addEdit(at, kept))
      const summary = `drop all capabilities of container ${visited.container.name}${kept.length > 0 ? `, but keep ${kept.join(', ')}` : ''}`
      const { isRoot } = knownUser(place.workload, visited.container, place.view)
      // Root keeps the capability itself; anybody else has it from a file at most.
      if (isRoot === false) edits.push(...low.edits)
      return templateChange(place, edits, summary, predictDrop(visited.container, isRoot, low))
    },
  })

const bare = (name: string): string => name.toUpperCase().replace(/^CAP_/, '')
const addedBy = (container: ContainerSpec): readonly string[] => container.securityContext?.capabilities?.add ?? []
const keptWhenAllDropped = ({ view, workload }: TemplatePlace, container: ContainerSpec): readonly string[] =>
  lowPortsOf(view, workload, container).length > 0 ||
  carriesNetBind(container) ||
  addedBy(container).some((name) => bare(name) === 'NET_BIND_SERVICE')
    ? ['NET_BIND_SERVICE']
    : []
const addEdit = (at: Path, kept: readonly string[]): Edit => {
  const path = [...at, 'securityContext', 'capabilities', 'add']
  return kept.length > 0 ? { set: path, to: kept } : { unset: path }
}

/**
 * What a container declares that it needs it may well need. A process that is not root has no capability to lose but those of
 * programs that carry them in their file; root has fourteen, and images often use some at their start (chown, then setuid).
 */
function predictDrop(container: ContainerSpec, isRoot: boolean | undefined, { lost }: LowPorts): Prediction {
  const needed = addedBy(container).filter((name) => bare(name) !== 'NET_BIND_SERVICE')
  if (needed.length > 0)
    return mayBreak(
      `it no longer has ${needed.join(', ')}`,
      ...new Set(needed.map((name) => WHAT_FOR[bare(name)]).filter((word) => word !== undefined)),
    )
  const gains = gainsRights(container)
  if (isRoot === false && gains !== undefined) return mayBreak(`it seems to use ${gains}, which fails without the capabilities of its file`)
  if (isRoot === false && container.securityContext?.allowPrivilegeEscalation !== true)
    return lost.length === 0
      ? EXCEPT_FILE_RIGHTS
      : mayBreak(`a program that listens on port ${lost.join(', ')} by a capability of its file no longer can`)
  return mayBreak('a process that runs as root can no longer change owners of files, switch users or override file permissions')
}
