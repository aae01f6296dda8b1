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
  if (enforcing.some(({ doubt }) => doubt === undefined)) return { enforced: true, plugins, warning: '' }
  if (plugins.length > 0 && enforcing.length === 0 && unread === undefined)
    return {
      enforced: false,
      plugins,
      warning: `NOTHING HERE ENFORCES NETWORK POLICIES: ${plugins.map(({ name, why }) => `${name} runs (${why})`).join(', ')}. Whatever policies say, everything reaches everything today.`,
    }
  const isRefused = unread !== undefined && unread.why !== 'not-in-manifests'
  const because =
    plugins.length > 0
      ? `${(enforcing[0] ?? plugins[0]!).name} was recognised, but ${enforcing[0]?.doubt ?? unread?.because}`
      : isRefused
        ? unread.because
        : 'no network plugin that is known was recognised'
  return { enforced: undefined, plugins, warning: `whether anything enforces network policies here is not known: ${because}` }
}
