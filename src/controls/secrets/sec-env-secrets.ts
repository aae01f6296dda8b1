import { type EnvReference, mountInstead } from '../../../remediations/env-secrets.ts'
import { control } from '../../model/define.ts'
import type { ContainerSpec, Observation } from '../../model/index.ts'
import { eachContainer } from '../../objects/containers.ts'
import { remembered } from '../../objects/derived.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

export default control({
  title: 'Secrets must reach containers as files, not as environment variables',
  severity: 'low',
  why: 'An environment is inherited by every child process, printed by crash reports and debug pages, and never changes when the Secret is rotated.',
  references: [
    { standard: 'CIS', section: '5.4.1' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0207' },
    { standard: 'KS', section: 'C-0255' },
  ],
  reads: WORKLOAD_KINDS,
  *evaluate(view) {
    for (const workload of workloads(view)) yield* judgeOnce(workload)
  },
  remedy: mountInstead(),
  verify: 'kubectl exec POD -- env shows none of the keys.',
})

type Found = Observation<{ readonly references: readonly EnvReference[] }>
const judgeOnce = remembered((workload: Workload): readonly Found[] => [...judge(workload)])

function* judge(workload: Workload): Iterable<Found> {
  for (const { container, at } of eachContainer(workload.spec)) {
    const on = { subject: workload.ref, container: container.name, ...(workload.at && { at: [...workload.at, ...at] }) }
    const references = referencesOf(container)
    if (references.length > 0) {
      yield {
        ...on,
        reason: 'gets Secrets as environment variables',
        detail: references
          .map(({ secret, key, variable }) => (key === undefined ? `all of ${secret}` : `${variable} from ${secret}`))
          .join(', '),
        evidence: { references },
      }
    }
    const fromFiles = (container.env ?? [])
      .filter((variable) => variable.valueFrom?.fileKeyRef !== undefined)
      .map((variable) => variable.name)
    if (fromFiles.length > 0)
      yield {
        ...on,
        key: 'fileKeyRef',
        reason: 'gets environment variables from a file that an init container wrote',
        detail: fromFiles.join(', '),
        verdict: 'review',
        evidence: { references: [] },
      }
  }
}

function referencesOf(container: ContainerSpec): EnvReference[] {
  return [
    ...(container.env ?? []).flatMap(({ name, valueFrom }): EnvReference[] =>
      valueFrom?.secretKeyRef === undefined
        ? []
        : [{ secret: valueFrom.secretKeyRef.name ?? '', variable: name, key: valueFrom.secretKeyRef.key ?? '' }],
    ),
    ...(container.envFrom ?? []).flatMap(({ secretRef }): EnvReference[] =>
      secretRef === undefined ? [] : [{ secret: secretRef.name ?? '' }],
    ),
  ]
}
