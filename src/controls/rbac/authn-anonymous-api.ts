import { beyondHealth, limitAnonymous } from '../../../remediations/anonymous-requests.ts'
import { control } from '../../model/define.ts'
import type { Facts, Observation, Remark, Severity } from '../../model/index.ts'
import { othersUnseen, shownByOne } from '../../objects/api-servers.ts'
import { fileNamed } from '../../objects/authentication.ts'
import {
  CONTROL_PLANE,
  type ComponentInstance,
  componentFlags,
  FLAG_LADDER,
  flagFinding,
  isOn,
  listFlag,
  serverMinor,
} from '../../objects/flags.ts'

type Answers = Facts['AnonymousProbe']['answers']
interface Evidence {
  readonly seen: string
}

export default control({
  title: 'Requests without credentials must be answered on the health checks only',
  severity: 'medium',
  why: 'An API server that answers anybody shows what it is and, after one careless binding, what it holds. Health checks are all that has to work without a credential.',
  references: [
    { standard: 'CIS', section: '1.2.1' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K06' },
    { standard: 'OWASP', section: '2025/K09' },
    { standard: 'KS', section: 'C-0113' },
    { standard: 'KS', section: 'C-0262' },
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'AnonymousProbe', 'AuthenticationConfiguration'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    const answers = view.fact('AnonymousProbe')?.answers ?? []
    yield* leaks(answers)
    const asked = answers.find(({ path }) => path === '/api/v1/namespaces')?.status
    if (asked === 401 && (instances.length === 0 || othersUnseen(view, 1) === undefined))
      return yield shownByOne(view, 'evidence E2: requests for resources without credentials are answered 401')
    for (const instance of instances) yield* judge(instance)
    yield* remarks
    if (instances.length > 0) return
    if (asked === 403)
      yield {
        subject: CONTROL_PLANE,
        key: 'anonymous',
        origin: 'workload',
        verdict: 'review',
        ...ANYWHERE,
        evidence: { seen: '/api/v1/namespaces answered 403 to system:anonymous' },
      }
    else if (asked === undefined || asked >= 400)
      yield {
        ...unknown!,
        answer: `${unknown!.answer}; or curl -k https://SERVER/api/v1/namespaces without credentials: 401 is what it should answer`,
      }

    function* judge(instance: ComponentInstance): Iterable<Observation<Evidence> | Remark> {
      const minor = serverMinor(view)
      const path = instance.flags.get('authentication-config')
      const file = fileNamed(view, path || undefined)
      if (path && file === undefined) {
        yield {
          unknown: `what ${path} says about anonymous requests is not seen`,
          answer: `scan ${path} with --manifests, or let the API server be asked without credentials`,
        }
        return
      }
      const allows = isOn(instance, 'anonymous-auth', minor)
      const forcedOff =
        !instance.flags.get('authorization-config') && listFlag(instance, 'authorization-mode', minor).includes('AlwaysAllow')
      if (allows && forcedOff && file?.['anonymous'] === undefined) {
        yield {
          unknown: 'anonymous requests are off only for as long as the API server allows everything to everybody else',
          answer: 'authorize with RBAC first, then scan again',
        }
        return
      }
      const wide = file?.['anonymous'] === undefined ? allows : beyondHealth(file)
      if (wide)
        yield {
          ...flagFinding(instance, 'anonymous-auth'),
          ...ANYWHERE,
          ...(asked === 403 && { verdict: 'review' as const }),
          detail: file === undefined ? `${instance.name} sets no limit` : `${file.metadata.name} sets no limit`,
          evidence: { seen: `${instance.source}: authentication-config ${path || 'unset'}` },
        }
      else if (!allows && file?.['anonymous'] === undefined)
        yield { note: 'anonymous requests are off altogether: mind that the probes of a kubeadm API server need them' }
    }
  },
  remedy: limitAnonymous,
  verify: 'Without credentials https://SERVER/livez says ok, and https://SERVER/api answers 401.',
})

const ANYWHERE = { reason: 'takes requests without credentials on every path' } as const

/** What system:public-info-viewer shows everybody. */
const PUBLIC = /^\/(livez|readyz|healthz|version)(\/|$)/

function* leaks(answers: Answers): Iterable<Observation<Evidence>> {
  for (const { path, status } of answers) {
    if (status < 200 || status > 299 || PUBLIC.test(path)) continue
    const data = /^\/(api\/v1|apis\/[^/]+\/[^/]+)\/./.test(path)
    yield {
      subject: CONTROL_PLANE,
      key: `answers ${path}`,
      origin: 'workload',
      severity: (data || path === '/metrics' ? 'critical' : 'medium') satisfies Severity,
      reason: data ? 'shows objects to requests without credentials' : 'answers requests without credentials beyond the health checks',
      detail: `GET ${path} answered ${status}`,
      evidence: { seen: `GET ${path}: ${status}` },
    }
  }
}
