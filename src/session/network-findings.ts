/** The findings that the connectivity screens plan the fix of. */
import type { Finding, FindingId } from '../model/index.ts'
import type { Scan } from './store-state.ts'

/** Open findings of one's own about the network, of one namespace or of all. */
export function networkFindings(scan: Scan | undefined, namespace?: string): readonly FindingId[] {
  if (scan === undefined) return []
  return scan.findings
    .values()
    .filter((finding) => isOfNetwork(finding) && !finding.excepted && finding.origin === 'workload')
    .filter(({ subject }) => namespace === undefined || (subject.kind === 'Namespace' ? subject.name : subject.namespace) === namespace)
    .map(({ id }) => id)
    .toArray()
}
/** Controls of policies; those of entry points and Services change no policy. */
export const isOfNetwork = ({ control }: Finding): boolean => POLICY_CONTROL.test(control)
const POLICY_CONTROL = /^net-(default-deny|policy)-/
