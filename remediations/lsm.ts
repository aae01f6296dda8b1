/** Puts containers back under the AppArmor profile and the SELinux label that containers have. */
import type { Path, Remedy } from '../src/model/index.ts'
import { eachContainer } from '../src/objects/containers.ts'
import { appArmorAnnotation, forbiddenAppArmorAnnotations } from '../src/objects/pod-security-lsm.ts'
import { type SpecChange, type SpecEdit, setPodField } from './pod-field.ts'
import { HARMLESS, mayBreak, type TemplatePlace } from './pod-template.ts'

type Evidence = { readonly of: 'appArmorProfile' | 'annotation' | 'seLinuxOptions'; readonly set: Readonly<Record<string, string>> }

export const lsmRemedy = (): Remedy<Evidence> =>
  setPodField<Evidence>({
    wish: ({ container, evidence: { of, set } }) =>
      of === 'annotation'
        ? `remove the annotation ${Object.keys(set).join(', ')}`
        : of === 'appArmorProfile'
          ? `set securityContext.appArmorProfile.type: RuntimeDefault ${container === undefined ? 'for the pod' : `on container ${container}`}`
          : `remove ${Object.keys(set).join(', ')} from securityContext.seLinuxOptions ${container === undefined ? 'of the pod' : `of container ${container}`}`,
    options: {
      apparmor: {
        describe: 'The AppArmor profile of what turned it off',
        default: 'RuntimeDefault',
        choices: [
          { value: 'RuntimeDefault', label: "the runtime's profile; a node without AppArmor refuses the pod", risk: 'may-break' },
          { value: 'unset', label: "none named: the runtime's profile on nodes that have AppArmor", risk: 'may-break' },
        ],
      },
    },
    change(place, { at = [], container, evidence: { of, set } }, { apparmor }) {
      const path = at.slice(place.at.length) as Path
      if (of === 'seLinuxOptions') return relabel(place, path, container, Object.keys(set))
      if (apparmor !== 'RuntimeDefault' && apparmor !== 'unset')
        return { refused: `the option apparmor must be RuntimeDefault or unset, not ${String(apparmor)}` }
      const named = apparmor === 'RuntimeDefault'
      const who = container === undefined ? 'the pod' : `container ${container}`
      if (of === 'annotation' && container === undefined)
        return {
          edits: [],
          besideSpec: Object.keys(set).map((key) => ({ unset: ['metadata', 'annotations', key] })),
          summary: 'remove the AppArmor annotation of a container that is not there',
          prediction: HARMLESS,
        }
      return {
        ...(of === 'annotation' ? ofAnnotation(place, Object.keys(set)[0]!, container!, named) : ofField(place, path, container, named)),
        summary: `${named ? 'set the AppArmor profile RuntimeDefault' : 'name no AppArmor profile'} for ${who}`,
        prediction: mayBreak(
          'what the AppArmor profile of the runtime denies fails: mounting, tracing other processes, writing to /proc and /sys',
          ...(named
            ? ['a node without AppArmor refuses the pod', 'to name no profile where nodes have no AppArmor --set pod-lsm.apparmor=unset']
            : []),
        ),
      }
    },
  })

type Edits = Pick<SpecChange, 'edits' | 'besideSpec'>

/** An annotation that says otherwise than the field makes the API server refuse the pod: it goes. */
function ofField(
  { workload: { spec, templateAnnotations } }: TemplatePlace,
  path: Path,
  container: string | undefined,
  named: boolean,
): Edits {
  const governed = [...eachContainer(spec)].filter((one) =>
    container === undefined ? one.container.securityContext?.appArmorProfile == null : one.container.name === container,
  )
  const stale = governed
    .map((one) => appArmorAnnotation(one.container.name))
    .filter((key) => templateAnnotations[key] !== undefined && (container !== undefined || isForbidden(key, templateAnnotations)))
  return {
    edits: [named ? { set: path, to: { type: 'RuntimeDefault' } } : { unset: path }],
    besideSpec: stale.map((key): SpecEdit => ({ unset: ['metadata', 'annotations', key] })),
  }
}
const isForbidden = (key: string, annotations: Readonly<Record<string, string>>): boolean =>
  forbiddenAppArmorAnnotations(annotations).some((one) => one.key === key)

/** Where a field speaks for the container as well the annotation says nothing that is needed. */
function ofAnnotation({ workload: { spec } }: TemplatePlace, key: string, container: string, named: boolean): Edits {
  const own = [...eachContainer(spec)].find((one) => one.container.name === container)?.container.securityContext?.appArmorProfile
  const byField = (own ?? spec.securityContext?.appArmorProfile) != null
  const at = ['metadata', 'annotations', key]
  return { edits: [], besideSpec: [named && !byField ? { set: at, to: 'runtime/default' } : { unset: at }] }
}

function relabel({ workload: { spec } }: TemplatePlace, path: Path, container: string | undefined, fields: readonly string[]): SpecChange {
  const options =
    (container === undefined
      ? spec.securityContext
      : [...eachContainer(spec)].find((one) => one.container.name === container)?.container.securityContext
    )?.seLinuxOptions ?? {}
  const isEmptied = Object.keys(options).every((field) => fields.includes(field))
  return {
    edits: isEmptied ? [{ unset: path }] : fields.map((field): SpecEdit => ({ unset: [...path, field] })),
    summary: `leave the SELinux ${fields.join(', ')} of ${container === undefined ? 'the pod' : `container ${container}`} to the runtime`,
    prediction: mayBreak(
      'on nodes with SELinux it may use only what containers may: files of the node, sockets and volumes labelled for another type are denied (look for "avc: denied" in the audit log of the node)',
    ),
  }
}
