import type { Unread } from '../../model/index.ts'
import type { Fact } from './fact.ts'

/** A cloud is no part of a cluster: its CLI is run only where the operator says so, by the source around this one (cloud-iam.ts). */
export const CLOUD_IAM_NOT_ASKED: Omit<Unread, 'what'> = {
  why: 'not-asked',
  because: "the provider's CLI was not asked whom it lets in",
  answer: 'scan with --cloud-iam auto',
}

export const cloudIamNotAsked: Fact<'CloudIam'> = async () => ({ unread: CLOUD_IAM_NOT_ASKED })
