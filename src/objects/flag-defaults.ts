/** What an unset flag means, by version (controls.md 0.7; read in the v1.33–v1.37 sources). */
import type { Component } from './flag-parse.ts'

type Default = string | readonly { readonly from: number; readonly value: string }[]

/** Lists of `{from, value}` go upwards by minor version; the first is the oldest that counts. */
const DEFAULTS: Readonly<Record<Component, Readonly<Record<string, Default>>>> = {
  'kube-apiserver': {
    'anonymous-auth': 'true',
    'audit-log-maxage': [
      { from: 0, value: '0' },
      { from: 36, value: '366' },
    ],
    'audit-log-maxbackup': [
      { from: 0, value: '0' },
      { from: 36, value: '100' },
    ],
    'audit-log-maxsize': [
      { from: 0, value: '0' },
      { from: 36, value: '100' },
    ],
    'audit-log-mode': 'blocking',
    'audit-log-format': 'json',
    'authorization-mode': 'AlwaysAllow',
    'bind-address': '0.0.0.0',
    'enable-bootstrap-token-auth': 'false',
    'encryption-provider-config-automatic-reload': 'false',
    'kubelet-port': '10250',
    profiling: 'true',
    'request-timeout': '1m0s',
    'secure-port': '6443',
    'service-account-extend-token-expiration': 'true',
    'service-account-lookup': 'true',
    'service-account-max-token-expiration': '0s',
    'tls-min-version': 'VersionTLS12',
  },
  'kube-controller-manager': {
    'bind-address': '0.0.0.0',
    'cluster-signing-duration': '8760h0m0s',
    'legacy-service-account-token-clean-up-period': '8760h0m0s',
    profiling: 'true',
    'terminated-pod-gc-threshold': '12500',
    'use-service-account-credentials': 'false',
  },
  'kube-scheduler': { 'bind-address': '0.0.0.0', profiling: 'true' },
  etcd: {
    'auto-tls': 'false',
    'client-cert-auth': 'false',
    'listen-client-urls': 'http://localhost:2379',
    'listen-peer-urls': 'http://localhost:2380',
    'peer-auto-tls': 'false',
    'peer-client-cert-auth': 'false',
  },
}

/** The default of a flag; of the oldest version (the weaker one) where the version is not known. Undefined: the flag has none. */
export function defaultFlag(component: Component, flag: string, minor: number | undefined): string | undefined {
  const table = DEFAULTS[component]
  const known = Object.hasOwn(table, flag) ? table[flag] : undefined
  if (known === undefined || typeof known === 'string') return known
  return known.findLast((entry) => entry.from <= (minor ?? 0))?.value
}
