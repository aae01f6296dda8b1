/** Encryption at rest by hand: the file with the key to its place, then the flags, and only then what proves it and stores anew (controls.md 7(d)). */
import { placing, replacing } from './flag-runbook.ts'

const PREFIX = 'k8s:enc:secretbox:v1:'
export const PROVE = `prove it: \`kubectl -n default create secret generic k8s-harden-proof --from-literal=a=b\`, then \`kubectl get --raw /metrics | grep 'to_storage",transformer_prefix="${PREFIX}'\` shows a number above 0, and where you reach etcd, \`etcdctl get /registry/secrets/default/k8s-harden-proof\` begins with ${PREFIX}; at the end \`kubectl -n default delete secret k8s-harden-proof\``

/** Where the file goes on control-plane nodes. */
interface Place {
  readonly path: string
  readonly nodes: readonly string[]
}

/** What comes before the flags; the flags have steps of their own. `later`: the same file with the key first, where it takes the other's place at the end; `isSwapped`: there is none, though several API servers need it. */
export function placingKeys(
  { path, nodes }: Place,
  later: string | undefined,
  isSwapped: boolean,
  resources: readonly string[],
  minor: number | undefined,
): { runbook: string[]; rollback: string[] } {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return {
    runbook: [
      'take an etcd snapshot and restore it somewhere to see that it is good; have twice the size of the database free on disk',
      `keep a copy of ${later ?? name} in a safe place away from the cluster, before anything is encrypted with it`,
      ...(later === undefined
        ? []
        : [`identity is first in ${name}, so that every API server can read what none writes yet; ${later} is for later`]),
      ...(isSwapped
        ? [
            'in the file, put identity above secretbox for now where there is more than one API server: so every one can read what none writes yet',
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
  { path, nodes }: Place,
  later: string | undefined,
  isSwapped: boolean,
  resources: readonly string[],
  minor: number | undefined,
): string[] {
  const TAKEN_UP = 'a server with automatic reload takes it up within a minute, others must be restarted one by one'
  return [
    ...(later === undefined
      ? []
      : [...replacing(later, path, nodes).map((line) => `when every API server runs with the flags, and not before, ${line}`), TAKEN_UP]),
    ...(isSwapped
      ? [`when all API servers have it, put secretbox above identity again in ${path} on every control-plane node; ${TAKEN_UP}`]
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
