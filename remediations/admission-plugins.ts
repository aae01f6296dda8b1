/** Switches protective admission plugins on again and takes out those that must not run; what else the flags name stays. */
import type { Remedy } from '../src/model/index.ts'
import { isDangerousPlugin, isProtectivePlugin, pluginNames, removedPlugins } from '../src/objects/admission-plugins.ts'
import { serverMinor } from '../src/objects/flags.ts'
import { setFlags } from './apiserver-flag.ts'

interface PluginEvidence {
  readonly plugin: string
  readonly older?: true
}
const OLDER =
  'take --admission-control out of the command line of the API server, and name in --enable-admission-plugins what it had beyond the plugins that are on by default (kube-apiserver --help lists them); never AlwaysAdmit or AlwaysDeny'

/** The flag without some of its plugins; null where none is left. */
const without =
  (isUnwanted: (plugin: string) => boolean) =>
  (current: string | undefined): string | null => {
    const kept = pluginNames(current).filter((plugin) => !isUnwanted(plugin))
    return kept.length === 0 ? null : kept.join(',')
  }

/** Both flags at once, whichever finding asks: they stand in one file, and one restart is enough. */
export const protectivePlugins = (): Remedy<PluginEvidence> =>
  setFlags<PluginEvidence>(({ evidence }, { view }) => {
    if (evidence.older) return { byHand: OLDER }
    const removed = removedPlugins(serverMinor(view))
    return {
      flags: {
        'enable-admission-plugins': without((plugin) => isDangerousPlugin(plugin) || removed.has(plugin)),
        'disable-admission-plugins': without(isProtectivePlugin),
      },
      summary: 'run the protective admission plugins, and none that is there for tests only',
      first: [
        'see what was created while a plugin was off: pods without a service account, pods over their quota, pods that their namespace’s Pod Security level refuses',
      ],
      verify: ['kubectl get --raw=/metrics | grep apiserver_admission_controller_admission_duration_seconds_count names each of them'],
      mayBreak: ['requests that a plugin would have refused all along are refused from then on'],
    }
  })
