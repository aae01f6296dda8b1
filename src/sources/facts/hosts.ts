import type { Unread } from '../../model/index.ts'
import type { Fact } from './fact.ts'

/** No API shows the files of a node: the operator says how they are reached, and the source around this one reads them. */
export const HOSTS_NOT_ASKED: Omit<Unread, 'what'> = {
  why: 'not-asked',
  because: 'the files of nodes are not looked at unless it is said how a node is reached',
  answer: 'scan with --host NODE=CARRIER (for instance --host "*=ssh:root@{address}")',
}

export const hostsNotAsked: Fact<'Hosts'> = async () => ({ unread: HOSTS_NOT_ASKED })
