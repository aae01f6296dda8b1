/** The only importer of @kubernetes/client-node. Imported lazily; bundlers keep only what KubeConfig needs. */
import { KubeConfig } from '@kubernetes/client-node'
import type { Context } from './context.ts'
import { spawnPlugin } from './credential-plugin.ts'

export type { KubeConfig } from '@kubernetes/client-node'

/** client-node's view of one context: client certificates, tokens, basic, exec plugins, OIDC and other auth providers, proxies. */
export function kubeConfigOf({ cluster, user, userName, server }: Context): KubeConfig {
  const config = new KubeConfig()
  const execution = user.exec ?? undefined
  config.loadFromOptions({
    currentContext: 'chosen',
    contexts: [{ name: 'chosen', cluster: 'chosen', user: userName || 'chosen' }],
    clusters: [
      {
        name: 'chosen',
        server,
        // Plain http (kubectl proxy) carries no certificate; the library wants to hear that it is meant.
        skipTLSVerify: cluster['insecure-skip-tls-verify'] === true || server.startsWith('http:'),
        caFile: cluster['certificate-authority'],
        caData: cluster['certificate-authority-data'],
        tlsServerName: cluster['tls-server-name'],
        proxyUrl: cluster['proxy-url'],
      },
    ],
    users: [
      {
        name: userName || 'chosen',
        certFile: user['client-certificate'],
        certData: user['client-certificate-data'],
        keyFile: user['client-key'],
        keyData: user['client-key-data'],
        token: user.token,
        username: user.username,
        password: user.password,
        authProvider: user['auth-provider'],
        ...(execution !== undefined && {
          exec: { ...execution, env: [...(execution.env ?? []), executionInfo({ cluster, server, execution })] },
        }),
      },
    ],
  })
  // The library runs plugins with no limit of time or size, and offers no other way to say so.
  const { authenticators } = config as unknown as { readonly authenticators: readonly { execFn?: unknown }[] }
  for (const one of authenticators) if (one.execFn !== undefined) one.execFn = spawnPlugin
  return config
}

/** What client-go tells every plugin, and some insist on (KEP-541). */
function executionInfo({
  cluster,
  server,
  execution,
}: {
  cluster: Context['cluster']
  server: string
  execution: NonNullable<Context['user']['exec']>
}): { name: string; value: string } {
  const about = {
    server,
    ...(cluster['tls-server-name'] !== undefined && { 'tls-server-name': cluster['tls-server-name'] }),
    ...(cluster['insecure-skip-tls-verify'] === true && { 'insecure-skip-tls-verify': true }),
    ...(cluster['certificate-authority-data'] !== undefined && { 'certificate-authority-data': cluster['certificate-authority-data'] }),
    ...(cluster['proxy-url'] !== undefined && { 'proxy-url': cluster['proxy-url'] }),
  }
  const info = {
    apiVersion: execution.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: { interactive: false, ...(execution.provideClusterInfo === true && { cluster: about }) },
  }
  return { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }
}
