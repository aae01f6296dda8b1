import type { ApiClient } from '../apiserver/client.ts'
import { ConfigProblem } from '../apiserver/context.ts'
import { pathOf } from '../apiserver/discovery.ts'
import { CannotConnect, clean, type Refusal } from '../apiserver/refusal.ts'

/** The first request: is there a server, does it take our credentials, what is it, do the namespaces exist? */
export async function connect(
  client: ApiClient,
  namespaces: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<{ kubernetes?: string }> {
  const answer = await client.get<{ gitVersion?: string }>('/version', { signal, limitMs: 15_000 })
  // A 403 or 404 is an answer of a server that may well answer the rest.
  if (!answer.ok && answer.refusal.kind !== 'forbidden' && answer.refusal.kind !== 'not-found')
    throw new CannotConnect(answer.refusal, advice(answer.refusal, client))
  await Promise.all(
    (namespaces ?? []).map(async (namespace) => {
      const found = await client.get(pathOf({ group: '', version: 'v1', plural: 'namespaces' }, undefined, namespace), { signal })
      if (found.ok || found.refusal.status !== 404) return
      throw new ConfigProblem(
        'no-such-namespace',
        `there is no namespace "${clean(namespace, 100)}" in ${clean(client.context.name, 120)}`,
        ['kubectl get namespaces', 'scan all namespaces: leave -n out'],
      )
    }),
  )
  return answer.ok && typeof answer.body?.gitVersion === 'string' ? { kubernetes: clean(answer.body.gitVersion, 100) } : {}
}

function advice({ kind }: Refusal, { server, context }: ApiClient): string[] {
  const other = 'choose another context with --context NAME'
  switch (kind) {
    case 'unauthorized':
      return ['log in again, as for kubectl', `kubectl --context ${clean(context.name, 120)} auth whoami`, other]
    case 'tls':
      return ['compare certificate-authority, tls-server-name and server in the kubeconfig with the certificate the server shows', other]
    default:
      return [
        `check that ${clean(server, 200)} can be reached from here (VPN, bastion, firewall, proxy-url)`,
        other,
        'k8s-harden --manifests PATH',
      ]
  }
}
