import type { Unread } from '../../model/index.ts'
import type { Fact } from './fact.ts'

/** A cluster does not hand out its audit log: the operator does, and the source around this one reads it (audit-log.ts). */
export const AUDIT_LOG_NOT_GIVEN: Omit<Unread, 'what'> = {
  why: 'not-asked',
  because: 'no audit log was given, so which rights are used is not known',
  answer: 'scan with --audit-log FILE',
}

export const observedRequestsNotGiven: Fact<'ObservedRequests'> = async () => ({ unread: AUDIT_LOG_NOT_GIVEN })
