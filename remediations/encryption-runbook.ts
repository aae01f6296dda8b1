/** Encryption at rest by hand: the file with the key to its place, then the flags, and only then what proves it and stores anew (controls.md 7(d)). */
import { placing } from './flag-runbook.ts'

const PREFIX = 'k8s:enc:secretbox:v1:'
export const PROVE = `prove it: \`kubectl -n default create secret generic k8s-harden-proof --from-literal=a=b\`, then \`kubectl get --raw /metrics | grep 'to_storage",transformer_prefix="${PREFIX}'\` shows a number above 0, and where you reach etcd, \`etcdctl get /registry/secrets/default/k8s-harden-proof\` begins with ${PREFIX}; at the end \`kubectl -n default delete secret k8s-harden-proof\``

const SWAP = 'put secretbox above identity'

/** What comes before the flags; the flags have steps of their own. */
export function placingKeys(
  path: string,
  nodes: readonly string[],
  several: boolean,
  resources: readonly string[],
  minor: number | undefined,
): { runbook: string[]; rollback: string[] } {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return {
    runbook: [
      'take an etcd snapshot and restore it somewhere to see that it is good; have twice the size of the database free on disk',
      `keep a copy of ${name} in a safe place away from the cluster, before anything is encrypted with it`,
      ...(several && nodes.length !== 1
        ? [
            `in the file, ${SWAP.replace('secretbox above identity', 'identity above secretbox')} for now where there is more than one API server: so every one can read what none writes yet`,
          ]
        : []),
      ...placing(name, path, nodes, path.slice(0, path.lastIndexOf('/'))).runbook,
      'go on with the steps for the flags of kube-apiserver; nothing is encrypted before',
    ],
    rollback: [
      'never remove the file or the key while anything is encrypted with it',
      'put identity above secretbox on every control-plane node, and wait until all API servers have taken it up: with automatic reload within a minute, others when they are restarted',
      rewrite(resources, minor, 'decrypt'),
      `count in etcd that nothing begins with k8s:enc: any more under ${resources.map((one) => `/registry/${one}/`).join(' and ')}`,
      'only then take the flags out again, one API server after the other',
    ],
  }
}

/** What comes after them, on all nodes. */
export function whenLoaded(
  path: string,
  several: boolean,
  nodes: readonly string[],
  resources: readonly string[],
  minor: number | undefined,
): string[] {
  return [
    ...(several && nodes.length !== 1
      ? [
          `when all API servers have it, ${SWAP} again in ${path} on every control-plane node; a server with automatic reload takes it up within a minute, others must be restarted one by one`,
        ]
      : []),
    PROVE,
    rewrite(resources, minor, 'encrypt'),
    `count in etcd what does not begin with k8s:enc: under ${resources.map((one) => `/registry/${one}/`).join(' and ')}: there must be nothing`,
    'take a new etcd snapshot, restore it together with the key somewhere to see that both fit, and destroy the older unencrypted backups',
    `when a backup cycle has passed, take identity out of ${path} on every control-plane node, one after the other: plain text that somebody puts into etcd is then refused`,
  ]
}

function rewrite(resources: readonly string[], minor: number | undefined, what: 'encrypt' | 'decrypt'): string {
  if ((minor ?? 0) < 37)
    return `store anew what is stored: \`for n in $(kubectl get namespaces -o jsonpath='{.items[*].metadata.name}'); do kubectl -n $n get ${resources.join(',')} -o json | kubectl replace -f - ; done\` (a conflict means that somebody else wrote it meanwhile: that one is done)`
  const each = resources.map((resource) => {
    const name = `${what}-${resource}`
    const object = {
      apiVersion: 'storagemigration.k8s.io/v1',
      kind: 'StorageVersionMigration',
      metadata: { name },
      spec: { resource: { group: '', resource } },
    }
    return `\`echo '${JSON.stringify(object)}' | kubectl create -f - && kubectl wait --for=condition=Succeeded --timeout=15m storageversionmigration/${name}\``
  })
  return `store anew what is stored: ${each.join(', then ')}`
}
