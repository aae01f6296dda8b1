import { setKubelet } from '../../../remediations/kubelet-config.ts'
import { newlyConfined } from '../../../remediations/kubelet-effects.ts'
import { control } from '../../model/define.ts'
import { KUBELET_LADDER } from '../../objects/kubelet-config.ts'
import { kubeletSetting, perKubelet, settingFound } from '../../objects/kubelet-settings.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Kubelets must run pods under the seccomp profile of the runtime by default',
  severity: 'medium',
  why: 'A pod that names no profile runs without any, and may use every system call of the kernel it shares with its node.',
  references: [
    { standard: 'CIS', section: '4.2.14' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K01' },
  ],
  reads: [],
  consults: KUBELET_LADDER,
  evaluate: perKubelet(
    function* (instance) {
      const { value, from } = kubeletSetting(instance, ['seccompDefault'])
      if (from === 'unseen' || value === true) return
      // The flag is no part of the configuration (cmd/kubelet/app/options): neither the file nor configz shows it.
      const detail = `seccompDefault: ${value}; a --seccomp-default on the command line of the kubelet would not show here`
      yield settingFound(instance, 'seccompDefault', 'runs pods that name no seccomp profile without one', { detail })
    },
    { linux: true },
  ),
  remedy: setKubelet(
    {
      set: { seccompDefault: true },
      summary: 'run pods that name no seccomp profile under RuntimeDefault',
      mayBreak: newlyConfined,
      verify: ['Seccomp in /proc/1/status of a new pod that names no profile is 2'],
    },
    { reads: WORKLOAD_KINDS },
  ),
  verify: 'Read Seccomp in /proc/1/status of a new pod that names no profile: it must be 2.',
})
