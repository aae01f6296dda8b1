/** Whether anything makes policies true. */
import type { View } from '../model/index.ts'
import { CNI_KINDS, type CniView, type NetworkPlugin, networkPlugins } from './network-cni.ts'

export interface Enforcement {
  /** Undefined: no plugin was recognised, or what would tell could not be read. */
  readonly enforced: boolean | undefined
  readonly plugins: readonly NetworkPlugin[]
  /** What to say first; '' where policies are enforced. */
  readonly warning: string
}

export function enforcement(view: CniView): Enforcement {
  const plugins = networkPlugins(view)
  const unread = CNI_KINDS.map((kind) => (view as View<any>).unread(kind)).find((one) => one !== undefined && one.what !== 'ServerVersion')
  const enforcing = plugins.filter(({ enforces }) => enforces)
  // What turns Cilium's policies off stands in a ConfigMap.
  const isHidden = view.unread('ConfigMap') !== undefined && enforcing.every(({ name }) => name === 'Cilium')
  if (enforcing.length > 0 && !isHidden) return { enforced: true, plugins, warning: '' }
  if (plugins.length > 0 && enforcing.length === 0 && unread === undefined)
    return {
      enforced: false,
      plugins,
      warning: `NOTHING HERE ENFORCES NETWORK POLICIES: ${plugins.map(({ name, why }) => `${name} runs (${why})`).join(', ')}. Whatever policies say, everything reaches everything today.`,
    }
  const isRefused = unread !== undefined && unread.why !== 'not-in-manifests'
  const because =
    plugins.length > 0
      ? `${plugins[0]!.name} was recognised, but ${unread?.because ?? 'what turns its policies off could not be read'}`
      : isRefused
        ? unread.because
        : 'no network plugin that is known was recognised'
  return { enforced: undefined, plugins, warning: `whether anything enforces network policies here is not known: ${because}` }
}
