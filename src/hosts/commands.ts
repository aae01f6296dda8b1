/** The programs that may be run on a node, each with its time limit: those of GNU coreutils and of busybox, and systemctl. */
import type { HostCommand } from './host.ts'

const SECOND = 1000

/** Lines of a file that hold a text; exit code 1 where there are none. */
export const linesWith = (text: string, path: string): HostCommand => ({
  name: `search ${path}`,
  argv: ['grep', '-F', '-e', text, path],
  timeoutMs: 30 * SECOND,
})
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

/** Prints process ids; exit code 1 where there is none. */
export const kubeletProcesses = (): HostCommand => ({ name: 'look for the kubelet', argv: ['pidof', 'kubelet'], timeoutMs: 10 * SECOND })

const LOOK = 20 * SECOND
const WRITE = 60 * SECOND

/** What RemoteHost does with files. Paths are absolute, so none of them can be taken for an option. */
export const FILE_COMMANDS = {
  /** One line: type and mode in hex, size, uid, gid, owner, group. */
  stat: (path: string) => command('look at', ['stat', '-c', '%f %s %u %g %U %G', path], LOOK),
  statTarget: (path: string) => command('look at', ['stat', '-L', '-c', '%f %s %u %g %U %G', path], LOOK),
  /** As stat, with the path at the end of each line; those that are not there are missing among them, and told on standard error. */
  statSeveral: (paths: readonly string[]) =>
    command('look at', ['stat', '-c', '%f %s %u %g %U %G %n', ...paths], LOOK, `${paths[0]} and others`),
  /** One after the other, without a word in between. */
  headSeveral: (paths: readonly string[], bytes: number) =>
    command('read', ['head', '-q', '-c', String(bytes), ...paths], LOOK, `${paths[0]} and others`),
  head: (path: string, bytes: number) => command('read', ['head', '-c', String(bytes), path], LOOK),
  hash: (path: string) => command('read', ['sha256sum', path], LOOK),
  /** Not `ls`, which changes names that are no ASCII (busybox). With the slash a link to a directory is followed, and a file is none. */
  list: (path: string) =>
    command('list', ['find', path.endsWith('/') ? path : `${path}/`, '-mindepth', '1', '-maxdepth', '1', '-print0'], LOOK, path),
  makeDirectory: (path: string) => command('make the directory', ['mkdir', '-m', '700', path], WRITE),
  /** Empty, 0600 from its first moment on; prints its name. */
  makeFile: (directory: string) => command('make a file in', ['mktemp', `${directory}/.k8s-harden-XXXXXX`], WRITE, directory),
  /** The content comes on standard input, where `ps` does not show it; it is on the disk when this ends. */
  fill: (path: string) => command('write', ['dd', `of=${path}`, 'bs=65536', 'conv=fsync'], WRITE, path),
  copy: (from: string, to: string) => command('copy', ['cp', '-p', from, to], WRITE, from),
  own: (path: string, uid: number, gid: number) => command('change the owner of', ['chown', '-h', `${uid}:${gid}`, path], WRITE, path),
  permit: (path: string, mode: number) => command('change the mode of', ['chmod', mode.toString(8), path], WRITE, path),
  rename: (from: string, to: string) => command('replace', ['mv', '-f', from, to], WRITE, to),
  unlink: (path: string) => command('remove', ['rm', '-f', path], WRITE),
  flush: (path: string) => command('flush', ['sync', path], WRITE),
} as const

const command = (does: string, argv: readonly string[], timeoutMs: number, path = argv.at(-1)!): HostCommand => ({
  name: `${does} ${path}`,
  argv,
  timeoutMs,
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

/**
 * The Status call of a KMS v2 plugin (k8s.io/kms/apis/v2, `KeyManagementService`), as the API server makes it: an empty request over gRPC.
 * Exit code 7: nobody listens on the socket; 28: whoever does gives no answer.
 */
export const askKmsStatus = (socket: string): HostCommand => ({
  name: 'ask the KMS plugin',
  argv: [
    'curl',
    '--silent',
    '--show-error',
    '--max-time',
    '5',
    '--http2-prior-knowledge',
    ...(socket.startsWith('@') ? ['--abstract-unix-socket', socket.slice(1)] : ['--unix-socket', socket]),
    '--header',
    'content-type: application/grpc',
    '--header',
    'te: trailers',
    '--data-binary',
    '@-',
    'http://localhost/v2.KeyManagementService/Status',
  ],
  timeoutMs: 10 * SECOND,
  stdin: '\0'.repeat(5),
})
