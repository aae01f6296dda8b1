/**
 * CEL over a pod spec: each expression is the list of what offends, empty for a good pod. `variables.spec` is the pod spec,
 * `variables.containers` all its containers, `variables.annotations` those beside it. Optional fields are asked for with `?`: what is not
 * there costs nothing and never fails. Kept cheap: one pass over the containers each.
 */
import { BASELINE_CAPABILITIES } from './pod-security-baseline.ts'
import { seLinuxTypes } from './pod-security-lsm.ts'
import { RESTRICTED_VOLUME_TYPES } from './pod-security-restricted.ts'
import { safeSysctls } from './pod-security-sysctls.ts'

const text = (values: Iterable<string>): string => `[${[...values].map((value) => `'${value}'`).join(', ')}]`
const containers = (condition: string): string => `variables.containers.filter(c, ${condition}).map(c, 'container ' + c.name)`
const volumes = (condition: string): string => `variables.spec.?volumes.orValue([]).filter(v, ${condition}).map(v, 'volume ' + v.name)`
const pod = (condition: string): string => `(${condition} ? ['the pod'] : [])`

const OF_POD = 'variables.spec.?securityContext'
const OF_CONTAINER = 'c.?securityContext'
/** Both levels of a security context, by one condition on where it stands. */
const either = (condition: (at: string) => string): string => `${pod(condition(OF_POD))} + ${containers(condition(OF_CONTAINER))}`
/** Only spec.os counts, as in the standards. */
const linux = (offenders: string): string => `variables.spec.?os.?name.orValue('') == 'windows' ? [] : ${offenders}`
/** Root in a user namespace is nobody outside; the standards say so since 1.35. */
const outsideUserNamespaces = (minor: number, offenders: string): string =>
  minor < 35 ? offenders : `!variables.spec.?hostUsers.orValue(true) ? [] : ${offenders}`

export const PRIVILEGED = containers(`${OF_CONTAINER}.?privileged.orValue(false)`)
export const HOST_NAMESPACES = `['hostNetwork', 'hostPID', 'hostIPC'].filter(f, f in variables.spec && variables.spec[f] == true)`
export const HOST_PATHS = volumes('has(v.hostPath)')
export const VOLUME_TYPES = volumes(`!${text(RESTRICTED_VOLUME_TYPES)}.exists(t, t in v)`)
export const HOST_PORTS = containers('c.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) != 0)')

const ADDED = `${OF_CONTAINER}.?capabilities.?add.orValue([])`
export const CAPABILITIES_ADDED = containers(`${ADDED}.exists(a, !(a in ${text(BASELINE_CAPABILITIES)}))`)
export const CAPABILITIES_KEPT = linux(
  containers(`!('ALL' in ${OF_CONTAINER}.?capabilities.?drop.orValue([])) || ${ADDED}.exists(a, a != 'NET_BIND_SERVICE')`),
)
export const PRIVILEGE_ESCALATION = linux(containers(`${OF_CONTAINER}.?allowPrivilegeEscalation.orValue(true)`))

/** A false at pod level is refused even where every container says true. */
export const runAsRoot = (minor: number): string =>
  outsideUserNamespaces(
    minor,
    `${pod(`!${OF_POD}.?runAsNonRoot.orValue(true) || ${OF_POD}.?runAsUser.orValue(1) == 0`)} + ${containers(
      `!${OF_CONTAINER}.?runAsNonRoot.orValue(${OF_POD}.?runAsNonRoot.orValue(false)) || ${OF_CONTAINER}.?runAsUser.orValue(1) == 0`,
    )}`,
  )

const CONFINING = text(['RuntimeDefault', 'Localhost'])
export const SECCOMP = linux(
  `${pod(`!(${OF_POD}.?seccompProfile.?type.orValue('Localhost') in ${CONFINING})`)} + ${containers(
    `!(${OF_CONTAINER}.?seccompProfile.?type.orValue(${OF_POD}.?seccompProfile.?type.orValue('')) in ${CONFINING})`,
  )}`,
)

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'
export const APPARMOR = `${either((at) => `!(${at}.?appArmorProfile.?type.orValue('Localhost') in ${CONFINING})`)} + variables.annotations.filter(k, k.startsWith('${APPARMOR_ANNOTATION}') && !(variables.annotations[k] in ['', 'runtime/default']) && !variables.annotations[k].startsWith('localhost/')).map(k, 'annotation ' + k)`

export const seLinux = (minor: number): string =>
  either((at) => {
    const option = (name: string) => `${at}.?seLinuxOptions.?${name}.orValue('')`
    return `!(${option('type')} in ${text(seLinuxTypes(minor))}) || ${option('user')} != '' || ${option('role')} != ''`
  })
export const procMount = (minor: number): string =>
  outsideUserNamespaces(minor, containers(`${OF_CONTAINER}.?procMount.orValue('Default') != 'Default'`))
export const sysctls = (minor: number): string =>
  `${OF_POD}.?sysctls.orValue([]).filter(s, !(s.name in ${text(safeSysctls(minor))})).map(s, 'sysctl ' + s.name)`

const HANDLERS = ['livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle.?postStart', 'lifecycle.?preStop']
export const HOST_PROBES = containers(
  `[${HANDLERS.map((handler) => `c.?${handler}`).join(', ')}].exists(h, h.?httpGet.?host.orValue('') != '' || h.?tcpSocket.?host.orValue('') != '')`,
)
export const HOST_PROCESS = either((at) => `${at}.?windowsOptions.?hostProcess.orValue(false)`)

export const SOCKETS = volumes(`has(v.hostPath) && (v.hostPath.?type.orValue('') == 'Socket' || v.hostPath.path.matches('\\\\.sock/*$'))`)
export const WRITABLE_ROOT = linux(containers(`!${OF_CONTAINER}.?readOnlyRootFilesystem.orValue(false)`))
/** Ephemeral containers cannot have resources. */
export const MEMORY_LIMITS = `(variables.spec.containers + variables.spec.?initContainers.orValue([])).filter(c, !('memory' in c.?resources.?limits.orValue({}))).map(c, 'container ' + c.name)`
export const LATEST = containers(
  `!c.?image.orValue('').contains('@') && (!c.?image.orValue('').matches(':[A-Za-z0-9_][A-Za-z0-9_.-]*$') || c.image.endsWith(':latest'))`,
)
