/** What is stored as it was written under an older configuration is stored anew. */
import { remedy } from '../src/model/define.ts'
import type { Change, Proposal, Readable, Remedy, View } from '../src/model/index.ts'
import { serverMinor } from '../src/objects/flags.ts'

export interface Stale {
  /** Of what is written now: `k8s:enc:secretbox:v1:key1:`; absent where that is not an encrypting provider, or not known. */
  readonly writes?: string
  readonly resource: string
  readonly byHand?: string
  /** `writes` is a KMS's, and an older key of it is in use. */
  readonly newKey?: true
}

/** Needs no way to a node: the API alone does it, on a live cluster. */
export const rewriteStored = <E extends Stale>(): Remedy<E> =>
  remedy<E>({
    family: 'stored-rewrite',
    reads: ['Hosts', 'ServerVersion'],
    propose: ({ evidence }, { view }) => proposeRewrite(evidence, view),
  })

export function proposeRewrite({ writes, resource, byHand, newKey }: Stale, view: View<Readable>): Proposal {
  if (byHand !== undefined) return { byHand }
  if (writes === undefined || view.source.kind !== 'live')
    return {
      byHand: `find out which provider writes ${resource} now (the first of the EncryptionConfiguration that every API server has loaded); when it is one that encrypts, store them anew: ${byOperator(resource, view)}`,
    }
  const nodes = controlPlane(view)
  if (newKey && nodes.length === 0)
    return {
      byHand:
        'say with --host NODE=CARRIER how every node with an API server is reached, so that each is seen to have the new key: k8s-harden encryption rotate',
    }
  return {
    changes: [newKey ? newKeyChange([resource], writes, nodes) : rewriteChange([resource], writes, nodes)],
    risk: 'may-break',
    summary: `store all ${resource} anew, so that the provider that writes now encrypts them`,
    mayBreak: [
      `each of the ${resource} is written once without a change: whoever watches them hears of all, and a controller that goes by resourceVersion may restart pods`,
      'the writes come at most 50 a second, or as fast as the controller manager migrates',
    ],
  }
}

/** The same for all who ask for it, so that it is one step of a plan. */
export function rewriteChange(resources: readonly string[], prefix: string, nodes: readonly string[], onlyUndo?: true): Change {
  const what = resources.join(', ')
  const how = prefix === '' ? 'in plain text' : `with ${prefix}`
  return {
    type: 'host',
    key: `rewrite ${what} ${onlyUndo ? 'back to' : 'to'} ${prefix || 'plain'}`,
    title: onlyUndo
      ? `stored ${what}: nothing changes now; taken back, this step stores them ${how} again`
      : `stored ${what}: each stored anew, ${how}`,
    action: { do: 'rewrite', resources, prefix, nodes, ...(onlyUndo && { onlyUndo }) },
  }
}

/** From the title of such a step, as a journal keeps it; undefined of any other. */
export const prefixInTitle = (title: string): string | undefined => /^stored .+: each stored anew, with (k8s:enc:\S+)$/.exec(title)?.[1]

/** The prefix stays: a KMS changes its key by itself, and what is stored is encrypted with the older one until it is written again. */
export const newKeyChange = (resources: readonly string[], prefix: string, nodes: readonly string[]): Change => ({
  type: 'host',
  key: `rewrite ${resources.join(', ')} to the new key of ${prefix}`,
  title: `stored ${resources.join(', ')}: each stored anew, with the key that the KMS gives now`,
  action: { do: 'rewrite', resources, prefix, nodes, newKey: true },
})

const controlPlane = (view: View<Readable>): readonly string[] =>
  (view.fact('Hosts')?.hosts ?? []).filter((host) => host.controlPlane && host.refused === undefined).map(({ node }) => node)

const byOperator = (resource: string, view: View<Readable>): string =>
  (serverMinor(view) ?? 0) >= 37
    ? `create a StorageVersionMigration (storagemigration.k8s.io/v1) with spec.resource {group: "", resource: ${resource}} and wait for its condition Succeeded`
    : `scan the live cluster and apply sec-etcd-encryption-coverage`
