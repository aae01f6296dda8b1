/** Takes a hostPath volume away, or at least the right to write to it. */
import type { Json, PodSpec, Remedy } from '../src/model/index.ts'
import { eachContainer } from '../src/objects/containers.ts'
import { type SpecChange, type SpecEdit, setPodField } from './pod-field.ts'
import { mayBreak } from './pod-template.ts'

type Evidence = { readonly volume: string; readonly path: string; readonly access: string }

export const hostPathRemedy = (): Remedy<Evidence> =>
  setPodField<Evidence>({
    wish: ({ evidence }) => `replace the hostPath volume ${evidence.volume} by an emptyDir or a PersistentVolumeClaim`,
    options: {
      mode: {
        describe: 'What becomes of the volume',
        default: 'emptyDir',
        choices: [
          { value: 'emptyDir', label: 'an empty directory that lives as long as the pod', risk: 'may-break' },
          { value: 'claim', label: 'the PersistentVolumeClaim named by the option `claim`', risk: 'may-break' },
          {
            value: 'readOnly',
            label: 'stay a path of the node, mounted read-only: lighter, still a violation of the baseline level',
            risk: 'may-break',
          },
          { value: 'keep', label: 'stay as it is' },
        ],
      },
      claim: { describe: 'Name of an existing PersistentVolumeClaim in the namespace, for mode `claim`' },
    },
    change({ workload: { spec } }, { evidence, at = [] }, options) {
      const element = at.at(-2)!
      const here = ['volumes', element]
      const gone = `what the container found in ${evidence.path} of the node is not there any more`
      const replace = (by: string, to: Json): SpecChange => ({
        edits: [{ unset: [...here, 'hostPath'] }, { set: [...here, by], to }],
        summary: `volume ${evidence.volume}: ${by === 'emptyDir' ? 'an emptyDir' : `claim ${String(options['claim'])}`} instead of ${evidence.path} of the node`,
        prediction: mayBreak(
          gone,
          ...(evidence.access === 'writable' && by === 'emptyDir' ? ['what it writes is lost with the pod'] : []),
          ...socketWords(spec, evidence),
        ),
      })
      switch (options['mode']) {
        case 'emptyDir':
          return replace('emptyDir', {})
        case 'claim':
          return typeof options['claim'] === 'string' && options['claim'] !== ''
            ? replace('persistentVolumeClaim', { claimName: options['claim'] })
            : { refused: 'mode `claim` needs the option `claim`: the name of a PersistentVolumeClaim' }
        case 'readOnly':
          return readOnly(spec, evidence)
        default:
          return { refused: `the option mode=${String(options['mode'])} keeps it` }
      }
    },
  })

function readOnly(spec: PodSpec, { volume, path }: Evidence): SpecChange | { readonly refused: string } {
  const edits = [...eachContainer(spec)].flatMap(({ container, at }) =>
    (container.volumeMounts ?? []).flatMap((mount, index): SpecEdit[] =>
      mount.name === volume && mount.readOnly !== true ? [{ set: [...at, 'volumeMounts', index, 'readOnly'], to: true }] : [],
    ),
  )
  if (edits.length === 0) return { refused: 'every mount of it is read-only already' }
  return { edits, summary: `mount ${path} of the node read-only`, prediction: mayBreak(`writing to ${path} fails`) }
}

/** An empty directory cannot stand in for a socket, a device or a single file. */
function socketWords(spec: PodSpec, { volume }: Evidence): string[] {
  const type = spec.volumes?.find((one) => one.name === volume)?.hostPath?.type ?? ''
  return ['Socket', 'File', 'FileOrCreate', 'CharDevice', 'BlockDevice'].includes(type) ? [`it was a ${type} and becomes a directory`] : []
}
