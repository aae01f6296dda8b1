import { proposeFlags } from '../../../remediations/apiserver-flag.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { auditMeasured } from '../../objects/audit-forecast.ts'
import {
  historyText,
  isAudited,
  isRotated,
  LEAST,
  logPathOf,
  mostBytes,
  RETENTION_FLAGS,
  type Retention,
  type RetentionFlag,
  rateText,
  retentionOf,
  sizeText,
} from '../../objects/audit-retention.ts'
import { type ComponentInstance, componentFlags, effectiveFlag, FLAG_LADDER, flagFinding, serverMinor } from '../../objects/flags.ts'

interface Evidence {
  readonly flag: RetentionFlag
  /** Bytes kept at most once it is mended. */
  readonly most: number
}
const SHORT: Readonly<Record<RetentionFlag, string>> = {
  maxage: 'removes its audit logs before they are 30 days old',
  maxbackup: 'keeps fewer than ten old audit logs',
  maxsize: 'begins a new audit log before the old one has 100 MB',
}
const UNLIMITED: Readonly<Record<RetentionFlag, string>> = {
  maxage: 'sets no age at which its audit logs are removed',
  maxbackup: 'sets no limit to the number of its audit logs',
  maxsize: 'does not say at what size its audit log is rotated',
}
const NEVER = 'never rotates its audit log, so that nothing of it is removed and the disk fills'

/** An explicit 0 counts like an unset flag of 1.35 and older: CIS fails both, and the disk is what ends the log. */
export default control({
  title: 'The audit log must be rotated and kept for 30 days',
  severity: 'low',
  why: 'Intrusions are found weeks later, and a log that is rotated away by then tells nothing; one without limits fills the disk of the control plane.',
  references: [
    ...['1.2.17', '1.2.18', '1.2.19'].map((section) => ({ standard: 'CIS' as const, section })),
    { standard: 'NSA', section: 'L' },
    ...['C-0131', 'C-0132', 'C-0133'].map((section) => ({ standard: 'KS' as const, section })),
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'ApiServerMetrics'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    const metrics = view.fact('ApiServerMetrics')
    const measured = metrics && auditMeasured(metrics, view.now)
    yield* remarks
    if (unknown !== undefined) yield unknown
    const writing = instances.filter((instance) => isAudited(instance) && (logPathOf(instance) ?? '-') !== '-')
    if (instances.length > 0 && writing.length === 0) {
      yield {
        notApplicable: instances.some(isAudited)
          ? 'no audit log is written to a file: what takes it from the API server keeps it'
          : 'no audit log is written (see audit-enabled)',
      }
      return
    }
    const minor = serverMinor(view)
    for (const instance of writing) {
      const retention = retentionOf(instance, minor)
      if (retention === undefined) yield { unknown: `${instance.name} has a number in --audit-log-max* that is none`, answer: 'correct it' }
      else {
        const kept = measured && `${rateText(measured)} is written, and ${historyText(retention, measured, minor)}`
        yield* judge(instance, retention, kept, minor)
        const most = mostBytes(retention, minor)
        yield { note: kept ?? `up to ${most === undefined ? 'any amount' : sizeText({ low: most, high: most })} of the disk of each node` }
      }
    }
  },
  remedy: {
    family: 'apiserver-flag',
    reads: FLAG_LADDER,
    propose(finding, context) {
      const { flag, most } = finding.evidence as Evidence
      const mayBreak = [
        `up to ${sizeText({ low: most, high: most })} of the disk of each control-plane node is for the audit log; what is older or more than that is removed`,
      ]
      return proposeFlags({ flags: { [`audit-log-${flag}`]: String(LEAST[flag]) }, mayBreak }, finding, context)
    },
  },
  verify: 'GET /flagz of each API server shows the values, and the directory of the log holds no more files than that.',
})

function* judge(
  instance: ComponentInstance,
  retention: Retention,
  kept: string | undefined,
  minor: number | undefined,
): Iterable<Observation<Evidence>> {
  const raised = Object.fromEntries(RETENTION_FLAGS.map((flag) => [flag, Math.max(retention[flag], LEAST[flag])])) as Record<
    RetentionFlag,
    number
  >
  for (const flag of RETENTION_FLAGS) {
    const value = retention[flag]
    if (value >= LEAST[flag]) continue
    const { value: text, from } = effectiveFlag(instance, `audit-log-${flag}`, minor)
    const shown =
      from === 'set'
        ? `--audit-log-${flag}=${text}${text === String(value) ? '' : `, which is ${value},`}`
        : `--audit-log-${flag} is not set`
    yield {
      ...flagFinding(instance, `audit-log-${flag}`),
      reason: value > 0 ? SHORT[flag] : flag === 'maxsize' && !isRotated(retention, minor) ? NEVER : UNLIMITED[flag],
      detail: `${shown} in ${instance.name}${kept === undefined ? '' : `; ${kept}`}`,
      evidence: { flag, most: mostBytes(raised, minor)! },
    }
  }
}
