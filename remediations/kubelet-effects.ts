/** What a setting of the kubelets would do to what runs, as far as the cluster shows it. */
import type { View } from '../src/model/index.ts'
import { eachContainer } from '../src/objects/containers.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { refText } from '../src/objects/ref.ts'
import { seccompProfile } from '../src/objects/security-context.ts'
import { isWindows, WORKLOAD_KINDS, type Workload, workloads } from '../src/objects/workloads.ts'

type WorkloadView = View<(typeof WORKLOAD_KINDS)[number]>

/** Who would run under RuntimeDefault from its next start on; privileged containers never do. */
export function newlyConfined(view: WorkloadView): readonly string[] {
  const names = workloads(view)
    .filter(runsUnconfined)
    .map(({ ref }) => refText(ref))
  const general =
    'system calls outside the default profile of the runtime fail (tracing, mounting, new namespaces, kernel keyrings), for pods that are made from then on'
  if (WORKLOAD_KINDS.some((kind) => view.unread(kind) !== undefined))
    return [`${general}; not all workloads could be read, so whom it touches is not known`]
  return names.length === 0
    ? [`${general}; no workload that is seen is without a profile`]
    : [`${general}: ${fewOf(names)} ${names.length === 1 ? 'names' : 'name'} no profile`]
}

function runsUnconfined(workload: Workload): boolean {
  if (isWindows(workload)) return false
  return [...eachContainer(workload.spec)].some(
    ({ container }) => container.securityContext?.privileged !== true && seccompProfile(workload.spec, container).value === undefined,
  )
}

/** Who would lose the read-only port: workloads whose command line or environment names it. */
export function readersOfPort(view: WorkloadView): readonly string[] {
  const pattern = /(^|[^0-9])10255([^0-9]|$)/
  const names = workloads(view)
    .filter(({ spec }) =>
      [...eachContainer(spec)].some(({ container: { command, args, env } }) =>
        [...(command ?? []), ...(args ?? []), ...(env ?? []).map(({ value }) => value ?? '')].some((text) => pattern.test(text)),
      ),
    )
    .map(({ ref }) => refText(ref))
  return [
    'scrapers that read from it (usually 10255) get nothing: let them use 10250 with a token',
    ...(names.length > 0 ? [`it is named by ${fewOf(names)}`] : []),
  ]
}
