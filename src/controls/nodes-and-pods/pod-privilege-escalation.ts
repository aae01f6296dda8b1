import { setContainerField } from '../../../remediations/container-field.ts'
import { keepLowPorts } from '../../../remediations/low-ports.ts'
import { EXCEPT_FILE_RIGHTS, mayBreak } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import type { ContainerSpec } from '../../model/index.ts'
import { knownUser } from '../../objects/container-user.ts'
import { eachContainer } from '../../objects/containers.ts'
import { gainsRights } from '../../objects/file-rights.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { isWindows, WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Containers must rule out privilege escalation',
  severity: 'medium',
  why: 'Unless allowPrivilegeEscalation is false, a process may gain more rights than its parent through setuid programs or file capabilities: one such program in the image makes a non-root user root again.',
  references: [
    { standard: 'PSS', section: 'restricted/allowPrivilegeEscalation' },
    { standard: 'CIS', section: '5.2.6' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0016' },
    { standard: 'KS', section: 'C-0197' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec, workload) {
    if (isWindows(workload)) return
    const ofPod = 'allowPrivilegeEscalation' in (spec.securityContext ?? {})
    for (const { container, type, at } of eachContainer(spec)) {
      const value = container.securityContext?.allowPrivilegeEscalation
      if (value === false) continue
      yield {
        container: container.name,
        at: [...at, 'securityContext', 'allowPrivilegeEscalation'],
        evidence: { type, allowPrivilegeEscalation: value ?? null },
        ...(ofPod && { detail: 'it is set for the pod, where it has no effect' }),
        reason: value === true ? 'allows privilege escalation' : 'does not rule out privilege escalation',
      }
    }
  }),
  remedy: setContainerField({
    field: 'allowPrivilegeEscalation',
    to: false,
    // A server that listens on a low port by a capability of its file loses it: the pod's own sysctl lets it listen without.
    also: (place, container) =>
      knownUser(place.workload, container, place.view).isRoot === false ? keepLowPorts(place, container).edits : [],
    predict(place, container) {
      // Refused by the API server unless that change is made with it, so it is no less risky than that change.
      if (container.securityContext?.privileged === true || addsSysAdmin(container))
        return mayBreak('what needs privileged or SYS_ADMIN fails: the API server takes this change only together with taking those away')
      const { isRoot } = knownUser(place.workload, container, place.view)
      // Root has nothing to gain by setuid; what it starts as another user may have.
      if (isRoot === true) return EXCEPT_FILE_RIGHTS
      const needed = (container.securityContext?.capabilities?.add ?? []).filter((name) => !/^(CAP_)?NET_BIND_SERVICE$/i.test(name))
      if (needed.length > 0) return mayBreak(`programs that get ${needed.join(', ')} from their file no longer do`)
      const { lost } = keepLowPorts(place, container)
      const gains = gainsRights(container)
      if (gains !== undefined) return mayBreak(`it seems to use ${gains}, which fails where nothing may gain rights from its file`)
      // Whoever says true in so many words may have a reason.
      if (isRoot === false && lost.length === 0 && container.securityContext?.allowPrivilegeEscalation !== true) return EXCEPT_FILE_RIGHTS
      return mayBreak(
        'programs that gain rights from their file fail: sudo, setuid ping, servers that bind low ports through file capabilities',
      )
    },
    refuse(container, alongside) {
      const mendedBy = (id: string) => alongside.some((other) => other.control === id && other.container === container.name)
      if (container.securityContext?.privileged === true && !mendedBy('pod-privileged'))
        return 'the API server rejects it for a privileged container: mend pod-privileged in the same plan'
      if (addsSysAdmin(container) && !mendedBy('pod-capabilities-added'))
        return 'the API server rejects it for a container that adds CAP_SYS_ADMIN: mend pod-capabilities-added in the same plan'
      return undefined
    },
  }),
  verify: 'Read NoNewPrivs in /proc/1/status of the new container: it must be 1.',
})

const addsSysAdmin = (container: ContainerSpec): boolean =>
  (container.securityContext?.capabilities?.add ?? []).some((name) => /^(CAP_)?SYS_ADMIN$/i.test(name))
