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

/** How a node's API server reaches etcd: the files of its flags. */
export interface EtcdAccess {
  /** `https://127.0.0.1:2379` */
  readonly url: string
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}
/** etcd's JSON gateway (etcd.io/docs, api_grpc_gateway): `call` is `txn` or `range`. What is asked comes by standard input. */
export const askEtcd = ({ url, caFile, certFile, keyFile }: EtcdAccess, call: 'txn' | 'range', body: string): HostCommand => ({
  name: 'ask etcd',
  argv: [
    'curl',
    '--silent',
    '--show-error',
    '--fail',
    '--max-time',
    '20',
    ...(caFile === undefined ? [] : ['--cacert', caFile]),
    ...(certFile === undefined ? [] : ['--cert', certFile]),
    ...(keyFile === undefined ? [] : ['--key', keyFile]),
    '--data-binary',
    '@-',
    '--',
    `${url}/v3/kv/${call}`,
  ],
  timeoutMs: 30 * SECOND,
  stdin: body,
})
