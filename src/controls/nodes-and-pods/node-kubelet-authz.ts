import { setKubelet } from '../../../remediations/kubelet-config.ts'
import { control } from '../../model/define.ts'
import { KUBELET_LADDER } from '../../objects/kubelet-config.ts'
import { kubeletSetting, perKubelet, settingFound } from '../../objects/kubelet-settings.ts'

export default control({
  title: 'Kubelets must ask the API server who may do what',
  severity: 'critical',
  why: 'With AlwaysAllow everyone whom the kubelet knows, every ServiceAccount included, may run commands in every pod of its node.',
  references: [
    { standard: 'CIS', section: '4.2.2' },
    { standard: 'NSA', section: 'A' },
    { standard: 'KS', section: 'C-0173' },
  ],
  reads: [],
  consults: KUBELET_LADDER,
  evaluate: perKubelet(function* (instance) {
    const { value, from } = kubeletSetting(instance, ['authorization', 'mode'])
    if (from !== 'unseen' && value !== 'Webhook')
      yield settingFound(instance, 'authorization.mode', 'allows every request of whoever it knows')
  }),
  remedy: setKubelet({
    set: { 'authorization.mode': 'Webhook' },
    summary: 'let the API server say who may do what',
    mayBreak: [
      'whoever reads from kubelets (metrics, logs) needs a role that allows its nodes/metrics, nodes/stats, nodes/log or nodes/proxy',
    ],
    verify: ['kubectl logs works for a pod on the node, and metrics are still gathered from it'],
  }),
  verify: 'A ServiceAccount without rights on nodes/proxy gets 403 from https://NODE:10250/pods.',
})
