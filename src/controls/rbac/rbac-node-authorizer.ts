import { authorizers } from '../../../remediations/authorizer-mode.ts'
import { confineNodes, type Lack } from '../../../remediations/node-authorizer.ts'
import { control } from '../../model/define.ts'
import type { MetricSample, Observation, Remark } from '../../model/index.ts'
import { pluginLists } from '../../objects/admission-plugins.ts'
import { othersUnseen, shownByOne } from '../../objects/api-servers.ts'
import { distribution } from '../../objects/distribution.ts'
import { fewOf } from '../../objects/few-of.ts'
import { type ComponentInstance, componentFlags, FLAG_LADDER, flagFinding, listFlag, serverMinor } from '../../objects/flags.ts'
import { isShippedSubject } from '../../objects/rbac-add-ons.ts'
import { subjectText } from '../../objects/rbac-bootstrap.ts'
import { type SubjectEvidence, subjectsIn } from '../../objects/rbac-exposure.ts'
import { type Grant, grants, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { refOf } from '../../objects/ref.ts'

/** What one API server lacks, or who is bound as if it were a node. */
type Evidence = Lack | SubjectEvidence
type Found = Observation<Evidence> | Remark

export default control({
  title: 'Nodes must be authorized by the Node authorizer and held to their own objects by NodeRestriction',
  severity: 'high',
  why: 'Without the Node authorizer every kubelet that is taken over reads the Secrets of all nodes. Without NodeRestriction it labels itself, and takes over pods that are meant to run elsewhere.',
  references: [
    { standard: 'CIS', section: '1.2.7' },
    { standard: 'CIS', section: '1.2.14' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K09' },
    { standard: 'OWASP', section: '2025/K07' },
    { standard: 'KS', section: 'C-0119' },
    { standard: 'KS', section: 'C-0127' },
  ],
  reads: [],
  consults: [...RBAC_KINDS, ...FLAG_LADDER, 'ApiServerMetrics', 'AuthorizationConfiguration'],
  *evaluate(view): Iterable<Found> {
    const bound = grants(view).all.filter(({ binding }) => binding.roleRef.kind === 'ClusterRole' && binding.roleRef.name === 'system:node')
    for (const held of Map.groupBy(bound, (grant) => grant.binding).values())
      yield { ...asNode(held), origin: distribution(view).name === 'aks' && held.every(isShipped) ? 'system' : 'workload' }
    const refused = view.unread('ClusterRoleBinding') ?? view.unread('RoleBinding')
    if (refused !== undefined)
      yield { unknown: `whether somebody is bound as a node is not seen: ${refused.because}`, answer: refused.answer }
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    const samples = view.fact('ApiServerMetrics')?.samples ?? []
    for (const instance of instances) {
      const { modes, where, path } = authorizersOf(instance)
      if (modes === undefined && (!decides(samples) || othersUnseen(view, 1) !== undefined))
        yield { unknown: `which authorizers ${path} names is not seen`, answer: `scan ${path} with --manifests, or allow get on /metrics` }
      else if (modes !== undefined && !modes.includes('Node'))
        yield {
          ...where,
          reason: 'does not ask the Node authorizer about kubelets',
          detail: `authorizers: ${modes.join(', ') || 'none'}`,
          evidence: { lacks: 'Node', modes },
        }
      const { enabled, disabled } = pluginLists(instance)
      // An API server that finds it in both lists does not start.
      if (!enabled.includes('NodeRestriction'))
        yield {
          ...flagFinding(instance, 'enable-admission-plugins'),
          reason: 'does not run the admission plugin NodeRestriction',
          detail: disabled.includes('NodeRestriction')
            ? `--disable-admission-plugins names it in ${instance.name}`
            : `it is off by default, and ${instance.name} does not name it`,
          evidence: { lacks: 'NodeRestriction', modes: [] },
        }
    }
    yield* remarks
    if (instances.length > 0) return
    if (decides(samples) && restricts(samples))
      yield shownByOne(
        view,
        'evidence E3: the API server counts decisions of the Node authorizer and requests that NodeRestriction was asked about',
      )
    else yield unknown!

    /** Without `modes`: a file says it that is not here. */
    function authorizersOf(instance: ComponentInstance) {
      const path = instance.flags.get('authorization-config')
      if (!path)
        return { modes: listFlag(instance, 'authorization-mode', serverMinor(view)), where: flagFinding(instance, 'authorization-mode') }
      const files = view.all('AuthorizationConfiguration')
      const file = files.find((one) => one.metadata.name === path.split('/').at(-1)) ?? (files.length === 1 ? files[0] : undefined)
      if (file === undefined) return { where: flagFinding(instance, 'authorization-config'), path }
      return {
        modes: authorizers(file).map(({ type }) => type),
        where: { subject: refOf(file), at: ['authorizers'], origin: 'workload' as const },
      }
    }
  },
  remedy: confineNodes,
  verify: 'kubectl auth can-i get secrets --as=system:node:none --as-group=system:nodes says no, and every node stays Ready.',
})

/** Through RBAC whoever holds system:node reads the objects of every node, not only his own. */
function asNode(held: readonly Grant[]): Observation<Evidence> {
  const [{ binding, rules }] = held as [Grant]
  return {
    subject: refOf(binding),
    at: ['subjects'],
    reason: 'binds system:node, which is for the Node authorizer to narrow node by node',
    detail: fewOf(held.map(({ subject, namespace }) => subjectText(subject, namespace))),
    evidence: {
      role: 'ClusterRole system:node',
      rules: rules.length > 0 ? ['the rights of every node at once'] : [],
      remove: subjectsIn(held),
      usedBy: [],
    },
  }
}

/** AKS binds its nodes so, and puts the binding back. */
const isShipped = ({ binding, subject }: Grant): boolean => isShippedSubject(binding, subject)

const counts = (samples: readonly MetricSample[], metric: string, label: string, wanted: string): boolean =>
  samples.some(({ name, labels, value }) => name === metric && labels[label] === wanted && value > 0)
const decides = (samples: readonly MetricSample[]): boolean => counts(samples, 'apiserver_authorization_decisions_total', 'type', 'Node')
const restricts = (samples: readonly MetricSample[]): boolean =>
  counts(samples, 'apiserver_admission_controller_admission_duration_seconds_count', 'name', 'NodeRestriction')
