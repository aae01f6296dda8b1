/** Creates a ValidatingAdmissionPolicy that approves registries; moves images off a registry that is frozen. */

import { remedy } from '../src/model/define.ts'
import type { Json, Proposal, Remedy } from '../src/model/index.ts'
import { parseImage } from '../src/objects/image.ts'
import { POLICY_KINDS, REGISTRY_POLICY, registryPolicy, seenRegistries } from '../src/objects/image-registries.ts'
import { minorOf } from '../src/objects/version.ts'
import { containerOf, HARMLESS, isPlace, TEMPLATE_READS, templateChange, templatePlace } from './pod-template.ts'

export type RegistryEvidence = {
  readonly is: 'no-list' | 'implicit' | 'frozen' | 'not-approved' | 'unreadable'
  readonly image: string | null
  readonly registry: string | null
}
/** The server that took over all images of k8s.gcr.io in 2023. */
const TAKEN_OVER = { from: 'k8s.gcr.io', to: 'registry.k8s.io' }
/** What keeps a cluster alive must start even if its registry is on no list. */
const EXCEPT = ['kube-system', 'kube-public', 'kube-node-lease']

export const approveRegistries = (): Remedy<RegistryEvidence> =>
  remedy<RegistryEvidence>({
    family: 'admission-policy',
    reads: [...TEMPLATE_READS, ...POLICY_KINDS, 'ServerVersion'],
    options: {
      registries: { describe: 'Approved registries, separated by commas; by default those that are seen' },
      mode: {
        describe: 'What becomes of pods with images from elsewhere',
        default: 'Audit',
        choices: [
          { value: 'Audit', label: 'admitted, with a warning and a mark in the audit log', risk: 'safe' },
          { value: 'Deny', label: 'refused', risk: 'may-break' },
        ],
      },
    },
    propose(finding, { view, options }): Proposal {
      const { is } = finding.evidence
      if (is === 'frozen') {
        const place = templatePlace(finding, view, `take the image of container ${finding.container} from ${TAKEN_OVER.to}`)
        if (!isPlace(place)) return place
        const visited = containerOf(place, finding)
        const image = visited?.container.image
        if (visited === undefined || image === undefined || !image.startsWith(`${TAKEN_OVER.from}/`))
          return { refused: 'the image is another one by now' }
        return templateChange(
          place,
          [{ set: [...place.at, ...visited.at, 'image'], to: image.replace(TAKEN_OVER.from, TAKEN_OVER.to) }],
          `take ${image} from ${TAKEN_OVER.to}`,
          HARMLESS,
        )
      }
      if (is === 'not-approved' || is === 'unreadable')
        return {
          byHand: `move the image ${finding.evidence.image} to an approved registry, or add ${finding.evidence.registry ?? 'its registry'} to ValidatingAdmissionPolicy ${REGISTRY_POLICY}`,
        }
      const minor = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
      if (minor !== undefined && minor < 30)
        return {
          byHand: `v1.${minor} has no ValidatingAdmissionPolicy yet (v1.30 has): approve registries in Kyverno or Gatekeeper, or upgrade`,
        }
      if (view.find('ValidatingAdmissionPolicy', undefined, REGISTRY_POLICY) !== undefined)
        return {
          byHand: `ValidatingAdmissionPolicy ${REGISTRY_POLICY} is there but not bound, or names no registry: bind it, or delete it and plan again`,
        }
      const registries = asList(options['registries']) ?? [
        ...new Set(seenRegistries(view).map((registry) => (registry === TAKEN_OVER.from ? TAKEN_OVER.to : registry))),
      ]
      if (registries.length === 0) return { needs: { option: 'registries', question: 'Which registries may images come from?' } }
      const invalid = registries.find((registry) => parseImage(`${registry}/a`)?.registry !== registry)
      if (invalid !== undefined) return { refused: `${invalid} is no registry: give host names, with a port where it has one` }
      const mode = options['mode'] === 'Deny' ? 'Deny' : 'Audit'
      const changes = registryPolicy(registries, mode, EXCEPT).map((object) => ({ type: 'create' as const, object }))
      const summary = `${mode === 'Deny' ? 'refuse' : 'warn about'} pods whose images do not come from ${registries.join(', ')}`
      return mode === 'Deny'
        ? {
            changes,
            summary,
            risk: 'may-break',
            mayBreak: ['pods with images from any other registry are refused when they are next created'],
          }
        : { changes, summary, risk: 'safe' }
    },
  })

function asList(given: Json | undefined): readonly string[] | undefined {
  if (given === undefined || given === null || given === '') return undefined
  return (Array.isArray(given) ? given.map(String) : String(given).split(',')).map((one) => one.trim()).filter((one) => one !== '')
}
