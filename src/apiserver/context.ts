/** Which cluster, as whom. */
import { existsSync, readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { type ClusterEntry, ConfigProblem, loadKubeconfig, type UserEntry, type Where } from './kubeconfig.ts'
import { clean } from './refusal.ts'

export { ConfigProblem } from './kubeconfig.ts'

/** A context with all that is needed to connect. Holds credentials: never print it. */
export interface Context {
  readonly name: string
  /** Without a trailing slash. */
  readonly server: string
  readonly cluster: ClusterEntry
  readonly user: UserEntry
  readonly userName: string
  readonly namespace?: string
  /** Named in error messages. */
  readonly files: readonly string[]
}
/** One line of a list of contexts; no credentials. */
export interface ContextLine {
  readonly name: string
  readonly cluster: string
  readonly user: string
  readonly namespace?: string
  readonly server: string
  readonly current: boolean
}

/** The contexts an operator may choose from. Throws ConfigProblem (`no-kubeconfig` where there is none and this is no pod). */
export function listContexts(where: Where = {}): readonly ContextLine[] {
  const inside = inCluster(where)
  if (inside !== undefined)
    return [
      {
        name: inside.name,
        cluster: inside.name,
        user: inside.userName,
        server: inside.server,
        current: true,
        ...(inside.namespace !== undefined && { namespace: inside.namespace }),
      },
    ]
  const config = loadKubeconfig(where)
  return [...config.contexts].map(([name, { cluster = '', user = '', namespace }]) => ({
    name,
    cluster,
    user,
    server: config.clusters.get(cluster)?.server ?? '',
    current: name === config.current,
    ...(namespace !== undefined && { namespace }),
  }))
}

/** The named context, or the current one. Throws ConfigProblem. */
export function pickContext({ context, ...where }: Where & { readonly context?: string } = {}): Context {
  const inside = context === undefined ? inCluster(where) : undefined
  if (inside !== undefined) return inside
  const config = loadKubeconfig(where)
  const names = [...config.contexts.keys()]
  const name = context ?? config.current
  const choices = names
    .filter((one) => one !== name)
    .slice(0, 20)
    .map((one) => `--context ${clean(one, 120)}`)
  if (name === undefined) {
    if (names.length === 0)
      throw new ConfigProblem(
        'no-current-context',
        `${config.files.map((file) => clean(file, 300)).join(', ')} ${config.files.length === 1 ? 'has' : 'have'} no contexts`,
        ['k8s-harden --sample', 'give another file with --kubeconfig FILE'],
      )
    throw new ConfigProblem('no-current-context', 'the kubeconfig has no current context', choices)
  }
  const entry = config.contexts.get(name)
  if (entry === undefined) {
    const known =
      names.length === 0
        ? 'there are none'
        : `there ${names.length === 1 ? 'is' : 'are'} ${names
            .slice(0, 20)
            .map((one) => clean(one, 120))
            .join(', ')}${names.length > 20 ? ' and more' : ''}`
    throw new ConfigProblem('no-such-context', `no context is named "${clean(name, 120)}": ${known}`, choices)
  }
  const cluster = config.clusters.get(entry.cluster ?? '')
  if (cluster?.server === undefined || cluster.server === '')
    throw new ConfigProblem(
      'incomplete-context',
      `context "${clean(name, 120)}" names the cluster "${clean(entry.cluster ?? '', 120)}", which ${cluster === undefined ? 'is not in the kubeconfig' : 'has no server'}`,
      choices,
    )
  const user = entry.user === undefined || entry.user === '' ? {} : config.users.get(entry.user)
  if (user === undefined)
    throw new ConfigProblem(
      'incomplete-context',
      `context "${clean(name, 120)}" names the user "${clean(entry.user, 120)}", who is not in the kubeconfig`,
      choices,
    )
  return {
    name,
    cluster,
    user,
    userName: entry.user ?? '',
    server: serverUrl(cluster.server, name),
    files: config.files,
    ...(entry.namespace !== undefined && entry.namespace !== '' && { namespace: entry.namespace }),
  }
}

function serverUrl(server: string, context: string): string {
  // kubectl takes "localhost:8080" for http.
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(server) ? server : `http://${server}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ConfigProblem(
      'incomplete-context',
      `the server "${clean(server, 200)}" of context "${clean(context, 120)}" is no http or https address`,
      ['kubectl config view'],
    )
  }
  return url.href.replace(/\/+$/, '')
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** In a pod, when nothing else says which cluster: the pod's own service account. */
function inCluster({ kubeconfig, env = process.env, home }: Where): Context | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env
  if (kubeconfig !== undefined || env['KUBECONFIG'] || host === undefined || !existsSync(`${SERVICE_ACCOUNT}/token`)) return undefined
  try {
    loadKubeconfig({ env, ...(home !== undefined && { home }) })
    return undefined
  } catch (error) {
    if (!(error instanceof ConfigProblem) || error.reason !== 'no-kubeconfig') throw error
  }
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`
  const namespace = existsSync(`${SERVICE_ACCOUNT}/namespace`) ? readFileSync(`${SERVICE_ACCOUNT}/namespace`, 'utf8').trim() : undefined
  return {
    name: 'in-cluster',
    server,
    userName: 'service-account',
    files: [],
    cluster: { server, 'certificate-authority': `${SERVICE_ACCOUNT}/ca.crt` },
    user: { tokenFile: `${SERVICE_ACCOUNT}/token` },
    ...(namespace !== undefined && { namespace }),
  }
}
