/** The programs that may be run on a node, each with its time limit. */
import type { HostCommand } from './host.ts'

const SECOND = 1000

export const restartKubelet = (): HostCommand => ({
  name: 'restart the kubelet',
  argv: ['systemctl', 'restart', 'kubelet'],
  timeoutMs: 60 * SECOND,
})
export const kubeletIsActive = (): HostCommand => ({
  name: 'look whether the kubelet runs',
  argv: ['systemctl', 'is-active', 'kubelet'],
  timeoutMs: 10 * SECOND,
})
