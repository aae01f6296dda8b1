/** Kernel parameters that touch nothing beyond the pod that sets them, by the policy version that first allowed them. */

/** `since`: minor of v1. Ascending. (k8s.io/pod-security-admission, check_sysctls.go) */
export const SAFE_SYSCTLS: readonly { readonly since: number; readonly names: readonly string[] }[] = [
  {
    since: 0,
    names: [
      'kernel.shm_rmid_forced',
      'net.ipv4.ip_local_port_range',
      'net.ipv4.tcp_syncookies',
      'net.ipv4.ping_group_range',
      'net.ipv4.ip_unprivileged_port_start',
    ],
  },
  { since: 27, names: ['net.ipv4.ip_local_reserved_ports'] },
  {
    since: 29,
    names: ['net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes'],
  },
  { since: 32, names: ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'] },
  { since: 37, names: ['net.ipv4.tcp_slow_start_after_idle', 'net.ipv4.tcp_notsent_lowat'] },
]

/** All that the policy version v1.minor allows. */
export const safeSysctls = (minor: number): readonly string[] =>
  SAFE_SYSCTLS.filter(({ since }) => since <= minor).flatMap(({ names }) => names)

/** Undefined: no policy version allows it. */
export const sysctlSafeSince = (name: string): number | undefined => SAFE_SYSCTLS.find(({ names }) => names.includes(name))?.since
