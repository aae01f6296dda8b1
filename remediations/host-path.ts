/** Takes a hostPath volume away, or at least the right to write to it. */
import type { Json, PodSpec, Remedy } from '../src/model/index.ts'
import { eachContainer } from '../src/objects/containers.ts'
import { isSocket, runtimesAt } from '../src/objects/host-paths.ts'
import type { Workload } from '../src/objects/workloads.ts'
import { type SpecChange, type SpecEdit, setPodField } from './pod-field.ts'
import { HARMLESS, mayBreak } from './pod-template.ts'

export type HostPathEvidence = {
  readonly volume: string
  readonly path: string
  /** Of a PersistentVolume: its claim. */
  readonly access: string
  /** Of a PersistentVolume: nobody but its storage class chose the path. */
  readonly ordinary?: boolean
}
type Evidence = HostPathEvidence

/** The source of a PersistentVolume cannot be changed, and its data does not move by itself: that is for a person. */
export function hostPathRemedy(): Remedy<Evidence> {
  const ofPods = volumesOfPods()
  return {
    ...ofPods,
    propose: (finding, context) =>
      finding.subject.kind === 'PersistentVolume' ? { byHand: movedByHand(finding.evidence) } : ofPods.propose(finding, context),
  }
}

const movedByHand = ({ volume, path, access, ordinary }: Evidence): string =>
  ordinary === true
    ? `if ${path} holds nothing but the data of this volume, and losing the node may lose it, accept it (--exceptions); else copy it to a claim of another storage class`
    : access === 'not claimed'
      ? `delete PersistentVolume ${volume}: whoever may create a claim can have ${path} of a node (kubectl delete pv ${volume})`
      : `copy what claim ${access} holds to a claim of a storage class with a driver (kubectl get storageclass), let the pods mount that one, then delete PersistentVolume ${volume}`

const volumesOfPods = (): Remedy<Evidence> =>
  setPodField<Evidence>({
    wish: ({ evidence }) => `replace the hostPath volume ${evidence.volume} by an emptyDir or a PersistentVolumeClaim`,
    options: {
      mode: {
        describe: 'What becomes of a hostPath volume',
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
    change({ workload }, { control, evidence, at = [] }, options) {
      const element = at.at(-2)!
      const here = ['volumes', element]
      const replace = (by: string, to: Json): SpecChange => ({
        edits: [{ unset: [...here, 'hostPath'] }, { set: [...here, by], to }],
        summary: `volume ${evidence.volume}: ${by === 'emptyDir' ? 'an emptyDir' : `claim ${String(options['claim'])}`} instead of ${evidence.path} of the node`,
        prediction:
          evidence.access === 'declared but not mounted'
            ? HARMLESS
            : mayBreak(...loss(workload, evidence, by), otherWays(control, evidence, typeOf(workload.spec, evidence.volume))),
      })
      switch (options['mode']) {
        case 'emptyDir':
          return replace('emptyDir', {})
        case 'claim':
          return typeof options['claim'] === 'string' && options['claim'] !== ''
            ? replace('persistentVolumeClaim', { claimName: options['claim'] })
            : { refused: 'mode `claim` needs the option `claim`: the name of a PersistentVolumeClaim' }
        case 'readOnly':
          return readOnly(workload.spec, evidence)
        default:
          return { refused: `the option mode=${String(options['mode'])} keeps it` }
      }
    },
  })

function readOnly(spec: PodSpec, { volume, path }: Evidence): SpecChange | { readonly refused: string } {
  if (isSocket(path, typeOf(spec, volume))) return { refused: `a read-only mount keeps nobody from talking to ${listenerOn(path)}` }
  const runtimes = runtimesAt(path)
  if (runtimes !== undefined)
    return { refused: `a read-only mount keeps nobody from talking to ${runtimes.who.join(', ')} through ${path}` }
  const edits = [...eachContainer(spec)].flatMap(({ container, at }) =>
    (container.volumeMounts ?? []).flatMap((mount, index): SpecEdit[] =>
      mount.name === volume && mount.readOnly !== true ? [{ set: [...at, 'volumeMounts', index, 'readOnly'], to: true }] : [],
    ),
  )
  if (edits.length === 0) return { refused: 'every mount of it is read-only already' }
  return { edits, summary: `mount ${path} of the node read-only`, prediction: mayBreak(`writing to ${path} fails`) }
}

const typeOf = (spec: PodSpec, volume: string): string | undefined => spec.volumes?.find((one) => one.name === volume)?.hostPath?.type

/** What a container misses that finds something else where a path of its node was. */
function loss({ ref, spec }: Workload, { volume, path, access }: Evidence, by: string): string[] {
  const type = typeOf(spec, volume) ?? ''
  if (isSocket(path, type)) return [`it can no longer talk to ${listenerOn(path)}`]
  const single = ['File', 'FileOrCreate', 'CharDevice', 'BlockDevice'].includes(type) ? [`it was a ${type} and becomes a directory`] : []
  if (access === 'writable') {
    const now = by === 'emptyDir' ? 'it starts empty' : 'it finds what the claim holds'
    return [
      `what lies in ${path} of the node is not seen any more: ${now}, and its data stays on the node`,
      ...(by === 'emptyDir' ? ['what it writes from now on is lost with the pod'] : []),
      ...single,
    ]
  }
  return [`it no longer sees the node's ${path}${ref.kind === 'DaemonSet' ? ': an agent that reads it goes blind' : ''}`, ...single]
}

const LISTENERS: readonly (readonly [socket: RegExp, who: string])[] = [
  [/docker/, 'Docker on the node'],
  [/containerd/, 'containerd on the node'],
  [/crio/, 'CRI-O on the node'],
  [/podman/, 'Podman on the node'],
]
const listenerOn = (path: string): string => LISTENERS.find(([socket]) => socket.test(path))?.[1] ?? `what listens on ${path} of the node`

function otherWays(control: string, { path, access }: Evidence, type: string | undefined): string {
  const [what, modes] = isSocket(path, type)
    ? ['the socket', 'keep']
    : ['what lies there', access === 'writable' ? 'claim, readOnly or keep' : 'claim or keep']
  return `to leave it ${what} choose the mode ${modes} (--set ${control}.mode=keep)`
}
