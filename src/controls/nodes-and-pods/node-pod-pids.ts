import { setKubelet } from '../../../remediations/kubelet-config.ts'
import { control } from '../../model/define.ts'
import { KUBELET_LADDER } from '../../objects/kubelet-config.ts'
import { kubeletSetting, perKubelet, settingFound } from '../../objects/kubelet-settings.ts'

const LIMIT = 4096

export default control({
  title: 'Pods must not be able to use up the process ids of their node',
  severity: 'medium',
  why: 'One pod that forks without end takes every process id of its node, and nothing there can start any more: no other pod, no login, no agent.',
  references: [
    { standard: 'CIS', section: '4.2.13' },
    { standard: 'KS', section: 'C-0284' },
  ],
  reads: [],
  consults: KUBELET_LADDER,
  evaluate: perKubelet(
    function* (instance) {
      const { value, from } = kubeletSetting(instance, ['podPidsLimit'])
      if (from !== 'unseen' && !(Number(value) > 0)) yield settingFound(instance, 'podPidsLimit', 'sets pods no limit of processes')
    },
    { linux: true },
  ),
  remedy: setKubelet(
    (_finding, { options }) => ({
      set: { podPidsLimit: Number(options['limit'] ?? LIMIT) || LIMIT },
      summary: `let a pod have at most ${Number(options['limit'] ?? LIMIT) || LIMIT} processes and threads`,
      mayBreak: [
        'a pod with more threads than that gets "resource temporarily unavailable" when it starts another (large JVMs, databases with a process for each connection): compare pids.current in the cgroups of the pods first; pods that run already take the limit when they are made anew',
      ],
    }),
    { options: { limit: { describe: 'processes and threads a pod may have', default: LIMIT } } },
  ),
  verify: 'pids.max in the cgroup of a new pod shows the limit.',
})
