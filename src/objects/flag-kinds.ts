/** What kind of value a flag takes, where that decides how a command line is read (`--help` of v1.37.2 and etcd 3.7, and flags that older versions had). */

/** A second one adds to the first (pflag's slices, arrays and maps); of any other flag the last one counts. etcd has none of these. */
const ADDS_UP = new Set([
  ...['api-audiences', 'authorization-mode', 'enable-admission-plugins', 'disable-admission-plugins', 'admission-control'],
  ...['etcd-servers', 'etcd-servers-overrides', 'feature-gates', 'runtime-config', 'emulated-version', 'min-compatibility-version'],
  ...['oidc-required-claim', 'oidc-signing-algs', 'service-account-issuer', 'service-account-key-file'],
  ...['tls-cipher-suites', 'tls-curve-preferences', 'tls-sni-cert-key', 'cors-allowed-origins', 'strict-transport-security-directives'],
  ...['requestheader-allowed-names', 'requestheader-extra-headers-prefix', 'requestheader-group-headers'],
  ...['requestheader-uid-headers', 'requestheader-username-headers', 'kubelet-preferred-address-types', 'watch-cache-sizes'],
  ...['controllers', 'authorization-always-allow-paths', 'allow-metric-labels', 'disabled-metrics', 'vmodule'],
])

/** Set to true where they stand without `=`; the word that follows is not theirs. */
const BOOLEAN = new Set([
  // kube-apiserver
  ...['aggregator-reject-forwarding-redirect', 'allow-privileged', 'anonymous-auth', 'audit-dynamic-configuration'],
  ...['audit-log-batch-throttle-enable', 'audit-log-compress', 'audit-log-truncate-enabled', 'audit-webhook-batch-throttle-enable'],
  ...['audit-webhook-truncate-enabled', 'contention-profiling', 'disable-http2-serving', 'emulation-forward-compatible'],
  ...['enable-aggregator-routing', 'enable-bootstrap-token-auth', 'enable-garbage-collector', 'enable-logs-handler'],
  ...['enable-priority-and-fairness', 'encryption-provider-config-automatic-reload', 'insecure-allow-any-token', 'kubelet-https'],
  ...[
    'log-json-split-stream',
    'log-text-split-stream',
    'permit-address-sharing',
    'permit-port-sharing',
    'profiling',
    'repair-malformed-updates',
  ],
  ...['runtime-config-emulation-forward-compatible', 'service-account-extend-token-expiration', 'service-account-lookup'],
  ...['shutdown-send-retry-after', 'watch-cache', 'help', 'alsologtostderr', 'logtostderr', 'skip-headers', 'add-dir-header', 'one-output'],
  // kube-controller-manager and kube-scheduler
  ...['allocate-node-cidrs', 'authentication-skip-lookup', 'authentication-tolerate-lookup-failure', 'configure-cloud-routes'],
  ...[
    'disable-attach-detach-reconcile-sync',
    'disable-force-detach-on-timeout',
    'enable-dynamic-provisioning',
    'enable-hostpath-provisioner',
  ],
  ...['enable-leader-migration', 'enable-taint-manager', 'leader-elect', 'use-service-account-credentials'],
  // etcd
  ...['auto-tls', 'client-cert-auth', 'discovery-insecure-skip-tls-verify', 'discovery-insecure-transport', 'enable-distributed-tracing'],
  ...[
    'enable-log-rotation',
    'enable-pprof',
    'force-new-cluster',
    'initial-election-tick-advance',
    'peer-auto-tls',
    'peer-client-cert-auth',
  ],
  ...[
    'peer-skip-client-san-verification',
    'pre-vote',
    'socket-reuse-address',
    'socket-reuse-port',
    'strict-reconfig-check',
    'unsafe-no-fsync',
  ],
  // kubelet
  ...['authentication-token-webhook', 'cgroups-per-qos', 'cpu-cfs-quota', 'enable-controller-attach-detach', 'enable-debugging-handlers'],
  ...['enable-server', 'exit-on-lock-contention', 'experimental-allocatable-ignore-eviction', 'fail-cgroupv1', 'fail-swap-on'],
  ...[
    'kernel-memcg-notification',
    'local-storage-capacity-isolation',
    'make-iptables-util-chains',
    'protect-kernel-defaults',
    'register-node',
  ],
  ...['rotate-certificates', 'rotate-server-certificates', 'runonce', 'seccomp-default', 'serialize-image-pulls'],
  // k3s and RKE2
  'secrets-encryption',
])

/** Given twice, both count. */
export const addsUp = (flag: string): boolean => ADDS_UP.has(flag)

export const isBoolean = (flag: string): boolean => BOOLEAN.has(flag)

/** Lays one more setting of a flag over those before it. */
export function addFlag(flags: Map<string, string>, flag: string, value: string): void {
  const before = ADDS_UP.has(flag) ? flags.get(flag) : undefined
  flags.set(flag, before === undefined || before === '' ? value : `${before},${value}`)
}
