import type { Unread } from '../../model/index.ts'
import type { Fact } from './fact.ts'

/** No API hands out what flows: the operator does, and the source around this one reads it. */
export const FLOWS_NOT_GIVEN: Omit<Unread, 'what'> = {
  why: 'not-asked',
  because: 'no record of network flows was given, so who talks to whom is not known',
  answer: 'scan with --flows FILE',
}

export const observedFlowsNotGiven: Fact<'ObservedFlows'> = async () => ({ unread: FLOWS_NOT_GIVEN })
