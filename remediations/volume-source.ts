/** Gives a volume of a type that the restricted level refuses a source that it allows. */
import type { Json, Remedy } from '../src/model/index.ts'
import { eachVolume, sourcesOf } from '../src/objects/volumes.ts'
import { type SpecChange, setPodField } from './pod-field.ts'
import { HARMLESS, mayBreak } from './pod-template.ts'

type Evidence = { readonly volume: string; readonly type: string; readonly mounted: boolean }

export const volumeSourceRemedy = (): Remedy<Evidence> =>
  setPodField<Evidence>({
    wish: ({ evidence }) => `replace the ${evidence.type} volume ${evidence.volume} by a PersistentVolumeClaim or an emptyDir`,
    options: {
      mode: {
        describe: 'What becomes of the volume',
        default: 'emptyDir',
        choices: [
          { value: 'emptyDir', label: 'an empty directory that lives as long as the pod', risk: 'may-break' },
          { value: 'claim', label: 'the PersistentVolumeClaim named by the option `claim`', risk: 'may-break' },
          { value: 'keep', label: 'stay as it is' },
        ],
      },
      claim: {
        describe: 'For mode `claim`: the name of an existing PersistentVolumeClaim in the namespace, or VOLUME=CLAIM, separated by commas',
      },
    },
    change({ workload: { spec } }, { control, evidence, at = [] }, options) {
      const element = at.at(-2)!
      const volume = eachVolume(spec).find((one) => JSON.stringify(one.at[1]) === JSON.stringify(element))?.volume
      if (volume === undefined) return { refused: `there is no volume ${evidence.volume} in the template any more` }
      const replace = (by: string, to: Json, summary: string, words: readonly string[]): SpecChange => ({
        edits: [...sourcesOf(volume).map((type) => ({ unset: ['volumes', element, type] })), { set: ['volumes', element, by], to }],
        summary: `volume ${evidence.volume}: ${summary} instead of ${evidence.type}`,
        prediction: evidence.mounted ? mayBreak(...words) : HARMLESS,
      })
      switch (options['mode']) {
        case 'emptyDir':
          return replace('emptyDir', {}, 'an emptyDir', [
            ...contents(evidence.type),
            `${evidence.type === 'gitRepo' ? '' : `to mount its data another way make a PersistentVolume of it with a claim, then --set ${control}.mode=claim --set ${control}.claim=${evidence.volume}=NAME; `}to leave it as it is --set ${control}.mode=keep`,
          ])
        case 'claim': {
          const claim = claimFor(options['claim'], evidence.volume)
          return claim === undefined
            ? { refused: `mode \`claim\` needs the option \`claim\`: the name of a PersistentVolumeClaim for volume ${evidence.volume}` }
            : replace('persistentVolumeClaim', { claimName: claim }, `claim ${claim}`, ['it finds what the claim holds'])
        }
        default:
          return { refused: `the option mode=${String(options['mode'])} keeps it` }
      }
    },
  })

const contents = (type: string): readonly string[] =>
  type === 'gitRepo'
    ? ['it starts empty: clone the repository in an init container that mounts the same volume']
    : [`it starts empty: the data stays in the ${type} storage and is not seen any more`, 'what it writes from now on is lost with the pod']

/** `data` for every volume, or `data=claim-a,logs=claim-b`. */
function claimFor(given: Json | undefined, volume: string): string | undefined {
  if (typeof given !== 'string') return undefined
  const pairs = given.split(',').map((pair) => pair.trim().split('='))
  const claim =
    pairs.find(([name, value]) => value !== undefined && name === volume)?.[1] ?? pairs.find(([, value]) => value === undefined)?.[0]
  return claim === undefined || claim === '' ? undefined : claim
}
