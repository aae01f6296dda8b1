import { setPodField } from '../../../remediations/pod-field.ts'
import { HARMLESS, mayBreak, type TemplatePlace } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import type { Path, PodSpec, View } from '../../model/index.ts'
import { eachContainer } from '../../objects/containers.ts'
import { gainsRights } from '../../objects/file-rights.ts'
import { perPodSpec, type Sighting } from '../../objects/per-workload.ts'
import { BASELINE_CAPABILITIES, isConfining } from '../../objects/pod-security-baseline.ts'
import { isWindows, WORKLOAD_KINDS } from '../../objects/workloads.ts'

type Evidence = { readonly type: string | null; readonly containers: readonly string[] }
const UNSET = 'sets no seccomp profile'

export default control({
  title: 'Containers must run under a seccomp profile',
  severity: 'medium',
  why: 'Without a seccomp profile a container may use every system call of the kernel it shares with its node, and most escapes begin with one that no application needs.',
  references: [
    { standard: 'PSS', section: 'baseline/seccompProfile_baseline' },
    { standard: 'PSS', section: 'restricted/seccompProfile_restricted' },
    { standard: 'CIS', section: '5.6.2' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0210' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'Node', 'KubeletConfigz'],
  *evaluate(view) {
    const byDefault = isDefaultOnAllNodes(view)
    let spared = 0
    for (const one of evaluateSpecs(view)) {
      if (byDefault && 'reason' in one && one.reason === UNSET) spared++
      else yield one
    }
    if (spared > 0)
      yield { note: `${spared} workloads set no profile and run under RuntimeDefault only because every kubelet has seccompDefault on` }
  },
  remedy: setPodField<Evidence>({
    wish: () => 'set the seccompProfile to type RuntimeDefault',
    change(place, { at = [], reason }) {
      const path = at.slice(place.at.length) as Path
      if (isWindows(place.workload))
        return { edits: [{ unset: path }], summary: 'name no seccomp profile: Windows has none', prediction: HARMLESS }
      return {
        edits: [{ set: path, to: { type: 'RuntimeDefault' } }],
        summary: `set the seccomp profile RuntimeDefault${path.length > 2 ? '' : ' for the pod'}`,
        prediction: predict(place, reason === UNSET),
      }
    },
  }),
  verify: 'Read Seccomp in /proc/1/status of the new containers: it must be 2.',
})

const evaluateSpecs = perPodSpec<Evidence>(function* (spec, workload) {
  if (isWindows(workload)) {
    // Of no effect there, where the baseline level refuses it all the same.
    for (const one of unconfined(spec)) yield { ...one, severity: 'low', detail: `${one.detail}, on Windows` }
    return
  }
  yield* unconfined(spec)
  const ofPod = spec.securityContext?.seccompProfile
  const unset =
    ofPod != null
      ? []
      : [...eachContainer(spec)]
          .filter(({ container }) => container.securityContext?.seccompProfile == null)
          .map(({ container }) => container.name)
  if (unset.length > 0) {
    yield {
      at: ['securityContext', 'seccompProfile'],
      reason: UNSET,
      detail: `container${unset.length === 1 ? '' : 's'} ${unset.join(', ')}`,
      pss: 'restricted',
      evidence: { type: null, containers: unset },
    }
  }
})

/** Anything but RuntimeDefault and Localhost, wherever it is said. */
function* unconfined(spec: PodSpec): Iterable<Sighting<Evidence>> {
  const reason = 'turns seccomp off'
  const ofPod = spec.securityContext?.seccompProfile
  if (ofPod != null && !isConfining(ofPod)) {
    yield {
      at: ['securityContext', 'seccompProfile'],
      reason,
      detail: `type ${ofPod.type ?? 'unset'}`,
      pss: 'baseline',
      severity: 'high',
      evidence: { type: ofPod.type ?? null, containers: [] },
    }
  }
  for (const { container, at } of eachContainer(spec)) {
    const profile = container.securityContext?.seccompProfile
    if (profile == null || isConfining(profile)) continue
    yield {
      container: container.name,
      at: [...at, 'securityContext', 'seccompProfile'],
      reason,
      detail: `type ${profile.type ?? 'unset'}`,
      pss: 'baseline',
      severity: 'high',
      evidence: { type: profile.type ?? null, containers: [container.name] },
    }
  }
}

function isDefaultOnAllNodes(view: View<'Node' | 'KubeletConfigz'>): boolean {
  const answers = view.fact('KubeletConfigz')?.nodes ?? []
  const answered = new Set(answers.filter((answer) => answer.config?.['seccompDefault'] === true).map((answer) => answer.node))
  return (
    view.unread('Node') === undefined && view.all('Node').length > 0 && view.all('Node').every((node) => answered.has(node.metadata.name))
  )
}

/** What runs without a profile seldom notices the default one, unless it does unusual things to the kernel. */
function predict({ workload: { spec } }: TemplatePlace, wasUnset: boolean): ReturnType<typeof mayBreak> {
  const words = 'system calls outside the default profile of the runtime fail (tracing, mounting, new namespaces, kernel keyrings)'
  const unusual = [...eachContainer(spec)].some(
    ({ container, container: { securityContext } }) =>
      gainsRights(container) !== undefined ||
      securityContext?.privileged === true ||
      (securityContext?.capabilities?.add ?? []).some((name) => !BASELINE_CAPABILITIES.has(name)),
  )
  return !wasUnset || unusual || spec.hostPID === true || spec.hostIPC === true ? mayBreak(words) : { ...HARMLESS, mayBreak: [words] }
}
