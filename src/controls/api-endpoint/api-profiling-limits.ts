import { proposeFlags } from '../../../remediations/apiserver-flag.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, View } from '../../model/index.ts'
import { shownByOne } from '../../objects/api-servers.ts'
import { distribution } from '../../objects/distribution.ts'
import { exemptFlows } from '../../objects/exempt-flows.ts'
import {
  CONTROL_PLANE,
  type Component,
  type ComponentInstance,
  componentFlags,
  effectiveFlag,
  FLAG_LADDER,
  flagFinding,
  isOn,
  listFlag,
  serverMinor,
} from '../../objects/flags.ts'
import { secondsOf } from '../../objects/go-duration.ts'
import { integerOf } from '../../objects/go-integer.ts'

interface Evidence {
  readonly component: Component
  readonly flag: string
  readonly to: string | null
  /** A FlowSchema, which no flag is about. */
  readonly flow?: true
}
const CONSULTS = ['ProfilingProbe', 'FlowSchema', ...FLAG_LADDER] as const
type ProfilingView = View<(typeof CONSULTS)[number]>
const COMPONENTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const

export default control({
  title: 'Profiling must be off and requests must have limits',
  severity: 'low',
  why: 'Profiles show the inside of a running API server, and taking one costs it time; requests without a limit let one client stop it. Nobody needs either from day to day.',
  references: [
    ...['1.2.9', '1.2.15', '1.2.20', '1.3.2', '1.4.1'].map((section) => ({ standard: 'CIS' as const, section })),
    ...['C-0121', 'C-0129', 'C-0134', 'C-0145', 'C-0151'].map((section) => ({ standard: 'KS' as const, section })),
  ],
  reads: [],
  consults: CONSULTS,
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    for (const component of COMPONENTS) {
      const { instances, unknown, remarks } = componentFlags(view, component)
      for (const instance of instances) yield* judge(instance, serverMinor(view))
      yield* remarks
      if (unknown !== undefined) yield* withoutFlags(view, component, unknown)
    }
    const flows = view.unread('FlowSchema')
    if (flows !== undefined && flows.why !== 'not-in-manifests') yield { unknown: flows.because, answer: flows.answer }
    for (const { subject, at, origin, detail } of exemptFlows(view))
      yield {
        subject,
        at,
        origin,
        reason: 'lets requests past every limit',
        detail,
        evidence: { component: 'kube-apiserver', flag: '', to: null, flow: true },
      }
  },
  remedy: {
    family: 'apiserver-flag',
    reads: FLAG_LADDER,
    propose: (finding, context) => {
      const { component, flag, to, flow } = finding.evidence as Evidence
      if (flow === true)
        return {
          byHand:
            'give these requests a priority level of their own instead of exempt (spec.priorityLevelConfiguration.name), such as workload-high, and watch apiserver_flowcontrol_rejected_requests_total',
        }
      return proposeFlags({ component, flags: { [flag]: to } }, finding, context)
    },
  },
  verify: 'GET /debug/pprof/ is answered with 404.',
})

function* judge(instance: ComponentInstance, minor: number | undefined): Iterable<Observation<Evidence> | Remark> {
  const { component } = instance
  const found = (flag: string, reason: string, to: string | null): Observation<Evidence> => ({
    ...flagFinding(instance, flag),
    reason,
    detail: `--${flag}=${effectiveFlag(instance, flag, minor).value} in ${instance.name}`,
    evidence: { component, flag, to },
  })
  // The scheduler's flag counts for nothing beside a configuration file, whose enableProfiling is on by default.
  const file = component === 'kube-scheduler' ? (instance.flags.get('config') ?? '') : ''
  if (file !== '')
    yield {
      unknown: `${instance.name} takes its settings from ${file}, where --profiling counts for nothing`,
      answer: `look for enableProfiling: false in ${file}`,
    }
  else if (isOn(instance, 'profiling', minor)) yield found('profiling', 'lets itself be profiled', 'false')
  if (component !== 'kube-apiserver') return
  if ((instance.flags.get('debug-socket-path') ?? '') !== '') yield found('debug-socket-path', 'has a debug socket', null)
  const timeout = secondsOf(effectiveFlag(instance, 'request-timeout', minor).value)
  if (timeout !== undefined && timeout > 300) yield found('request-timeout', 'lets requests run very long', '1m0s')
  else if (timeout !== undefined && timeout < 1) yield found('request-timeout', 'cuts requests off at once', '1m0s')
  for (const [flag, usual] of [
    ['max-requests-inflight', '400'],
    ['max-mutating-requests-inflight', '200'],
  ] as const)
    if (integerOf(instance.flags.get(flag)) === 0) yield found(flag, 'has no limit on requests at a time', usual)
  if (!listFlag(instance, 'enable-admission-plugins', minor).includes('EventRateLimit'))
    yield { note: 'the admission plugin EventRateLimit is off (CIS 1.2.9, a manual check; its API is alpha)' }
}

/** The probe answers for the API server; a provider's controller manager and scheduler cannot be reached at all. */
function* withoutFlags(
  view: ProfilingView,
  component: Component,
  unknown: { unknown: string; answer: string },
): Iterable<Observation<Evidence> | Remark> {
  const probe = view.fact('ProfilingProbe')
  const { managed } = distribution(view)
  if (component !== 'kube-apiserver') {
    if (!managed || probe === undefined) yield unknown
    else yield { note: `${component} is run by the provider and out of reach` }
  } else if (probe?.status === 200) {
    yield {
      subject: CONTROL_PLANE,
      key: 'kube-apiserver --profiling',
      origin: 'workload',
      reason: 'lets itself be profiled',
      detail: 'GET /debug/pprof/ is answered with 200',
      evidence: { component, flag: 'profiling', to: 'false' },
    }
  } else if (probe?.status === 404) yield shownByOne(view, 'evidence: GET /debug/pprof/ is answered with 404; other limits were not seen')
  else yield unknown
}
