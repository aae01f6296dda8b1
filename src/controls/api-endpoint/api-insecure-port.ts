import { proposeFlags } from '../../../remediations/apiserver-flag.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, View } from '../../model/index.ts'
import { remembered } from '../../objects/derived.ts'
import { CONTROL_PLANE, type Component, componentFlags, FLAG_LADDER, type FlagView, flagFinding, serverMinor } from '../../objects/flags.ts'
import { openProxies } from '../../objects/kubectl-proxy.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

interface Evidence {
  readonly component: Component | null
}

export default control({
  title: 'The API must not be served without TLS',
  severity: 'critical',
  why: 'On a plaintext port there is neither a login nor a check of rights: whoever reaches it is cluster administrator. API servers have none since 1.24, but kubectl proxy opens one anywhere.',
  references: [
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0005' },
  ],
  reads: [],
  consults: ['Endpoint', ...FLAG_LADDER, ...WORKLOAD_KINDS.filter((kind) => kind !== 'Pod')],
  *evaluate(view) {
    const faults = [...judgeKubeconfig(view), ...workloads(view).flatMap((workload) => proxiesOf(workload))]
    yield* faults
    const minor = serverMinor(view)
    if (minor === undefined)
      yield {
        unknown: 'the version of the API server is not known, so neither is whether it can have a plaintext port',
        answer: 'allow get on /version',
      }
    else if (minor < 24) yield* judgeFlags(view, minor)
    for (const what of [...WORKLOAD_KINDS, ...(view.source.kind === 'live' ? (['Endpoint'] as const) : [])] as const) {
      const unread = view.unread(what)
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    }
    if (minor !== undefined && minor >= 24)
      yield { notApplicable: `Kubernetes 1.${minor} cannot serve without TLS, and nothing here runs kubectl proxy for others` }
  },
  remedy: {
    family: 'apiserver-flag',
    reads: FLAG_LADDER,
    propose: (finding, context) => {
      const { component } = finding.evidence as Evidence
      if (component === null)
        return {
          byHand:
            finding.subject.kind === CONTROL_PLANE.kind
              ? 'use the https address of the API server in the kubeconfig, with its certificate authority'
              : 'let the client talk to https://kubernetes.default.svc with a service account token of its own; if a proxy must stay, bind it to 127.0.0.1 beside its one client',
        }
      const flags: Readonly<Record<string, string | null>> =
        component === 'kube-apiserver' ? { 'insecure-port': '0', 'insecure-bind-address': null } : { port: '0' }
      return proposeFlags(
        { component, flags, mayBreak: ['clients of the plaintext port, such as old health checks, lose it'] },
        finding,
        context,
      )
    },
  },
  verify: 'A plain http request to the port is refused.',
})

function* judgeKubeconfig(view: View<'Endpoint'>): Iterable<Observation<Evidence>> {
  const endpoint = view.fact('Endpoint')
  if (endpoint?.scheme !== 'http') return
  const isHere = endpoint.addresses.length > 0 && endpoint.addresses.every((one) => one.class === 'loopback')
  yield {
    subject: CONTROL_PLANE,
    key: 'kubeconfig server',
    origin: 'workload',
    detail: endpoint.url,
    evidence: { component: null },
    ...(isHere && { verdict: 'review' as const }),
    reason: isHere ? 'is talked to without TLS through a proxy on this machine' : 'answers without TLS',
  }
}

const proxiesOf = remembered((workload: Workload): readonly Observation<Evidence>[] => [...judgeProxies(workload)])

function* judgeProxies({ ref, at, spec }: Workload): Iterable<Observation<Evidence>> {
  for (const { container, at: inside, flags } of openProxies(spec)) {
    const where = { subject: ref, container, ...(at !== undefined && { at: [...at, ...inside] }), origin: 'workload' as const }
    yield { ...where, reason: 'runs kubectl proxy for everybody who can reach the pod', detail: flags, evidence: { component: null } }
  }
}

function* judgeFlags(view: FlagView, minor: number): Iterable<Observation<Evidence> | Remark> {
  for (const component of ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const) {
    const { instances, unknown, remarks } = componentFlags(view, component)
    yield* remarks
    if (unknown !== undefined) yield unknown
    const flag = component === 'kube-apiserver' ? 'insecure-port' : 'port'
    for (const instance of instances) {
      const port = instance.flags.get(flag)
      const bound = component === 'kube-apiserver' && instance.flags.has('insecure-bind-address')
      // Open when unset: in the API server until 1.19, in the others until 1.22.
      const isOpen = port === undefined ? bound || minor < (component === 'kube-apiserver' ? 20 : 23) : port !== '0'
      if (!isOpen) continue
      yield {
        ...flagFinding(instance, flag),
        reason: 'has a plaintext port',
        ...(component !== 'kube-apiserver' && { severity: 'medium' as const }),
        evidence: { component },
        detail: port === undefined ? `--${flag} is not set to 0 in ${instance.name}` : `--${flag}=${port} in ${instance.name}`,
      }
    }
  }
}
