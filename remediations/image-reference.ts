/** Changes how a container names its image: held fast by the digest that runs, or taken from where it moved to. */

import { remedy } from '../src/model/define.ts'
import type { Json, Proposal, Remedy } from '../src/model/index.ts'
import { statusOf } from '../src/objects/containers.ts'
import { type ImageReference, parseImage, runningImage, withDigest } from '../src/objects/image.ts'
import { containerOf, HARMLESS, isPlace, TEMPLATE_READS, type TemplatePlace, templateChange, templatePlace } from './pod-template.ts'

/** Pins the digest that all live pods run, else the one the operator gives for that image. */
export const pinDigest = <E = any>(): Remedy<E> =>
  remedy<E>({
    family: 'image-reference',
    reads: TEMPLATE_READS,
    options: { digests: { describe: 'Digests for images that do not run here: image=sha256:…, separated by commas' } },
    propose(finding, { view, options }): Proposal {
      const place = templatePlace(finding, view, `name the image of container ${finding.container} by its digest`)
      if (!isPlace(place)) return place
      const visited = containerOf(place, finding)
      const text = visited?.container.image
      const image = text === undefined ? undefined : parseImage(text)
      if (visited === undefined || text === undefined || image === undefined)
        return { byHand: `write down which image container ${finding.container} is to run: ${text ?? 'none'} is no image reference` }
      const digest = givenDigest(options['digests'], text) ?? runningDigest(place, visited.container.name, image)
      if (digest === undefined)
        return { needs: { option: 'digests', question: `Which digest is ${text}? No live pod tells: answer ${text}=sha256:…` } }
      if (typeof digest !== 'string') return digest
      const to = withDigest(text, digest)
      return templateChange(
        place,
        [{ set: [...place.at, ...visited.at, 'image'], to }],
        `pin ${text} to the digest that runs, ${digest.slice(0, 19)}…`,
        HARMLESS,
      )
    },
  })

const DIGEST = /^sha256:[0-9a-f]{64}$/
function givenDigest(given: Json | undefined, image: string): string | { readonly refused: string } | undefined {
  if (given === undefined || given === null) return undefined
  const entries =
    typeof given === 'object' && !Array.isArray(given)
      ? Object.entries(given)
      : String(given)
          .split(',')
          .map((pair) => [pair.slice(0, pair.lastIndexOf('=')).trim(), pair.slice(pair.lastIndexOf('=') + 1).trim()] as const)
  const digest = entries.find(([name]) => name === image)?.[1]
  if (digest === undefined) return undefined
  return DIGEST.test(String(digest)) ? String(digest) : { refused: `${String(digest)} is no digest: sha256: and 64 hexadecimal digits` }
}

/** What every live pod runs, if they agree and it is the repository that the template names. */
function runningDigest(
  { workload }: TemplatePlace,
  container: string,
  image: ImageReference,
): string | { readonly refused: string } | undefined {
  const running = workload.pods.map((pod) => runningImage(statusOf(pod, container)?.imageID))
  if (running.length === 0 || running.includes(undefined)) return undefined
  const digests = new Set(running.map((one) => one!.digest!))
  if (digests.size > 1)
    return {
      refused: `its pods run ${digests.size} different digests under one tag (${[...digests].join(', ')}): say which one is right with the option digests`,
    }
  const other = running.find((one) => one!.registry !== image.registry || one!.repository !== image.repository)
  if (other !== undefined)
    return {
      refused: `its pods run ${other.registry}/${other.repository}, which is not what the template names: a mirror or a webhook changed it`,
    }
  return [...digests][0]
}
