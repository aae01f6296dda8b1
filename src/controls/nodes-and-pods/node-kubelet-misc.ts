import { setKubelet } from '../../../remediations/kubelet-config.ts'
import { mendProtection } from '../../../remediations/kubelet-protection.ts'
import { control } from '../../model/define.ts'
import { KUBELET_LADDER } from '../../objects/kubelet-config.ts'
import { isZeroDuration, kubeletSetting, perKubelet, type SettingEvidence, settingFound } from '../../objects/kubelet-settings.ts'

/** Below this events get lost when many pods come and go; the API server is spared less and less above it. */
const FEW_EVENTS = 5

export default control({
  title: 'Protective settings of kubelets must be left on',
  severity: 'low',
  why: 'They bound what one node can do to the rest: events without end, connections that are never closed, traffic rules that are not made.',
  references: [
    { standard: 'CIS', section: '4.2.5' },
    { standard: 'CIS', section: '4.2.6' },
    { standard: 'CIS', section: '4.2.7' },
    { standard: 'CIS', section: '4.2.8' },
    { standard: 'KS', section: 'C-0176' },
    { standard: 'KS', section: 'C-0177' },
    { standard: 'KS', section: 'C-0178' },
    { standard: 'KS', section: 'C-0179' },
    { standard: 'KS', section: 'C-0180' },
  ],
  reads: [],
  consults: KUBELET_LADDER,
  evaluate: perKubelet<SettingEvidence>(function* (instance) {
    if (isZeroDuration(kubeletSetting(instance, ['streamingConnectionIdleTimeout']).value))
      yield settingFound(instance, 'streamingConnectionIdleTimeout', 'never closes an idle connection')
    const events = kubeletSetting(instance, ['eventRecordQPS']).value
    if (events === 0) yield settingFound(instance, 'eventRecordQPS', 'sends events without a limit')
    else if (typeof events === 'number' && events < FEW_EVENTS) yield settingFound(instance, 'eventRecordQPS', 'may lose events')
    if (instance.windows) return
    if (kubeletSetting(instance, ['makeIPTablesUtilChains']).value === false)
      yield settingFound(instance, 'makeIPTablesUtilChains', 'does not keep its own iptables chains')
    // Dropped from CIS 2.0: where the kernel's values differ, a kubelet that has it on does not start.
    const { value, from } = kubeletSetting(instance, ['protectKernelDefaults'])
    if (value !== true && from !== 'unseen')
      yield settingFound(instance, 'protectKernelDefaults', 'changes kernel settings of its node by itself', {
        severity: 'info',
        verdict: 'review',
      })
  }),
  remedy: setKubelet<SettingEvidence>(mendProtection),
  verify: 'The node is Ready again and GET /api/v1/nodes/NODE/proxy/configz shows the values.',
})
