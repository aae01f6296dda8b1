/** A source, and around it whom the cluster's cloud lets in: asked of the provider's CLI, once a scan. */
import type { ClusterSource } from '../model/index.ts'
import { cloudIam } from '../providers/cloud-iam.ts'
import type { CloudCluster } from '../providers/cluster-name.ts'

/** Asked before the scan is complete: nothing that is still unknown may look like an answer. */
export function withCloudIam(source: ClusterSource, cluster: CloudCluster): ClusterSource {
  return {
    get info() {
      return source.info
    },
    locate: (ref, at) => source.locate?.(ref, at),
    lookAgain: async () => source.lookAgain?.(),
    async *events(options) {
      const wanted = new Set(options.wanted)
      if (!wanted.delete('CloudIam')) return yield* source.events(options)
      const asked = cloudIam(cluster, options.signal)
      // Whatever goes wrong while nobody waits for it yet is told below.
      asked.catch(() => undefined)
      let told = false
      for await (const batch of source.events({ ...options, wanted })) {
        const events = Array.isArray(batch) ? batch : [batch]
        if (!told && events.some((event) => event.type === 'synced')) {
          told = true
          yield { type: 'fact', fact: 'CloudIam', value: await asked }
        }
        yield batch
      }
    },
  }
}
