/** What etcd itself says of the bytes it holds, asked on a node of the control plane with the API server's own certificate. No value leaves etcd. */
import { askEtcd, type EtcdAccess } from '../hosts/commands.ts'
import { type Host, HostRefused, HostUnreachable } from '../hosts/host.ts'
import { compareAll, comparedAll, storedUnder } from '../objects/stored-form.ts'
import { apiServerOn } from './host-api-server.ts'

export type BytesProof =
  /** `all`: every value begins with what was asked for (or, for plain text, none is encrypted). */
  { readonly is: 'seen'; readonly all: boolean; readonly keys: number } | { readonly is: 'unknown'; readonly because: string }

/** Asks on the first node that can answer. `expected`: how many objects there are at least; fewer keys mean that this is not where they lie. */
export async function proveByBytes(hosts: readonly Host[], resource: string, prefix: string, expected: number): Promise<BytesProof> {
  let because = 'no node of the control plane is reached'
  for (const host of hosts) {
    const proof = await onNode(host, resource, prefix, expected)
    if (proof.is === 'seen') return proof
    because = `${host.node}: ${proof.because}`
  }
  return { is: 'unknown', because }
}

async function onNode(host: Host, resource: string, prefix: string, expected: number): Promise<BytesProof> {
  const under = storedUnder(resource)
  if (under === undefined) return { is: 'unknown', because: `where etcd holds ${resource} is not known` }
  try {
    const etcd = await etcdOf(host, resource)
    if ('because' in etcd) return { is: 'unknown', because: etcd.because }
    const body = compareAll(`${etcd.prefix}${under}`, prefix, resource.includes('.') ? 'json' : 'binary')
    const { exitCode, stdout, stderr } = await host.run(askEtcd(etcd.access, 'txn', body))
    if (exitCode !== 0) return { is: 'unknown', because: `etcd could not be asked: ${firstLine(stderr) || `curl ended with ${exitCode}`}` }
    const answer = comparedAll(stdout)
    if (answer === undefined) return { is: 'unknown', because: 'etcd gave no answer that is understood' }
    if (answer.keys < expected)
      return { is: 'unknown', because: `etcd has ${answer.keys} keys under ${etcd.prefix}${under}, and there are ${expected} ${resource}` }
    return { is: 'seen', ...answer }
  } catch (error) {
    if (error instanceof HostRefused || error instanceof HostUnreachable) return { is: 'unknown', because: error.message }
    throw error
  }
}

const firstLine = (text: string): string => text.trim().split('\n')[0]?.slice(0, 200) ?? ''

/** From the flags of the API server's static pod. */
async function etcdOf(
  host: Host,
  resource: string,
): Promise<{ readonly access: EtcdAccess; readonly prefix: string } | { readonly because: string }> {
  const own = await apiServerOn(host)
  if (typeof own === 'string') return { because: own }
  const { flags } = own
  // `/events#http://…;…` and the like: the resource may lie elsewhere.
  if (flags.get('etcd-servers-overrides')?.includes(`/${resource.split('.')[0]}#`))
    return { because: `${resource} lie in an etcd of their own` }
  const [url] = (flags.get('etcd-servers') ?? '').split(',').filter((one) => /^https?:\/\/[\w.:[\]-]+$/.test(one))
  if (url === undefined) return { because: '--etcd-servers names no address' }
  const [caFile, certFile, keyFile] = ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile'].map((flag) =>
    flags.get(flag)?.startsWith('/') ? own.pathOf(flag) : undefined,
  )
  return {
    access: {
      url,
      ...(caFile !== undefined && { caFile }),
      ...(certFile !== undefined && { certFile }),
      ...(keyFile !== undefined && { keyFile }),
    },
    prefix: `/${(flags.get('etcd-prefix') ?? '/registry').replaceAll(/^\/+|\/+$/g, '')}`,
  }
}
