import type { Unread } from '../../model/index.ts'
import type { Fact } from './fact.ts'

/** Registries are no part of a cluster: they are asked only where the operator says so, by the source around this one (images.ts). */
export const IMAGES_NOT_ASKED: Omit<Unread, 'what'> = {
  why: 'not-asked',
  because: 'the registries were not asked what the images say of themselves',
  answer: 'scan with --images registry, or with --images FILE',
}

export const imageConfigsNotAsked: Fact<'ImageConfigs'> = async () => ({ unread: IMAGES_NOT_ASKED })
