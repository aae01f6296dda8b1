/** Takes the socket of a container runtime, or the directory it lies in, out of a pod. */
import type { Remedy } from '../src/model/index.ts'
import { isSocket } from '../src/objects/host-paths.ts'
import { setPodField } from './pod-field.ts'
import { mayBreak } from './pod-template.ts'

type Evidence = { readonly volume: string; readonly path: string; readonly who: readonly string[] }

/** As pod-hostpath's remedy leaves the volume unless told otherwise, so that one plan can hold both. */
export const runtimeSocketRemedy = (): Remedy<Evidence> =>
  setPodField<Evidence>({
    wish: ({ evidence }) => `remove the hostPath volume ${evidence.volume} (${evidence.path})`,
    options: {
      mode: {
        describe: 'What becomes of the volume',
        default: 'emptyDir',
        choices: [
          { value: 'emptyDir', label: 'an empty directory, so that its mounts stay valid', risk: 'may-break' },
          { value: 'keep', label: 'stay as it is; pod-hostpath finds it as well, so keep it there too' },
        ],
      },
    },
    change(_place, { at = [], evidence: { volume, path, who } }, options) {
      if (options['mode'] !== 'emptyDir') return { refused: `the option mode=${String(options['mode'])} keeps it` }
      const here = ['volumes', at.at(-2)!]
      return {
        edits: [{ unset: [...here, 'hostPath'] }, { set: [...here, 'emptyDir'], to: {} }],
        summary: `volume ${volume}: an emptyDir instead of ${path} of the node`,
        prediction: mayBreak(
          ...(who.length > 0
            ? [
                `it can no longer talk to ${who.join(', ')} on the node: a build needs a builder without the runtime of the node (rootless BuildKit, Buildah), an agent the kubelet's or the API server's view of containers`,
              ]
            : ['the kubelet no longer finds the plugin that it offers there: a device plugin stops working']),
          ...(isSocket(path, undefined) ? [] : [`what else lies in ${path} of the node is not seen any more`]),
        ),
      }
    },
  })
