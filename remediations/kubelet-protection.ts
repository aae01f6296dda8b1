/** The protective settings: each to what the kubelet itself would take, never to what would only please a benchmark. */
import type { Finding } from '../src/model/index.ts'
import { KERNEL_SETTINGS } from '../src/objects/kernel-settings.ts'
import type { SettingEvidence } from '../src/objects/kubelet-settings.ts'
import type { KubeletChange } from './kubelet-config.ts'

export function mendProtection({ evidence: { setting } }: Finding<SettingEvidence>): KubeletChange {
  switch (setting) {
    case 'streamingConnectionIdleTimeout':
      return {
        set: { [setting]: '4h0m0s' },
        summary: 'close connections that were idle for four hours',
        mayBreak: ['an exec, logs -f or port-forward session in which nothing moves for four hours ends'],
      }
    case 'eventRecordQPS':
      return { set: { [setting]: 50 }, summary: 'send at most 50 events a second' }
    case 'makeIPTablesUtilChains':
      return { set: { [setting]: true }, summary: 'keep the iptables chains of the kubelet' }
    default:
      return {
        set: { [setting]: true },
        summary: 'refuse to start on a kernel with other settings',
        mayBreak: [
          `the kubelet does not start where one of these differs: ${KERNEL_SETTINGS.map(([name, value]) => `${name}=${value}`).join(', ')}; put them into /etc/sysctl.d first, and load them`,
        ],
        first: [
          `on every node, as root: \`printf '%s\\n' ${KERNEL_SETTINGS.map(([name, value]) => `${name}=${value}`).join(' ')} > /etc/sysctl.d/90-kubelet.conf && sysctl -p /etc/sysctl.d/90-kubelet.conf\``,
        ],
      }
  }
}
