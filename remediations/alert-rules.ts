/** Alerts for what the cluster's security depends on, as a PrometheusRule. */

import { remedy } from '../src/model/define.ts'
import type { Json, KubeObject, Proposal, Remedy, SpecObject, View } from '../src/model/index.ts'
import { type AlertTopic, unwatchedTopics } from '../src/objects/alert-topics.ts'
import { refOf } from '../src/objects/ref.ts'

const NAME = 'k8s-harden-security'
export const PROMETHEUS_RULE_CRD = 'prometheusrules.monitoring.coreos.com'

/** Writes rules for the topics that none watches. `fixable: false`: the finding is about something else, and `byHand` says what to do. */
export const alertRules: Remedy<{ readonly byHand?: string }> = remedy<{ readonly byHand?: string }>({
  family: 'alert-rules',
  reads: ['PrometheusRule', 'CustomResourceDefinition', 'ConfigMap'],
  options: { namespace: { describe: 'the namespace whose PrometheusRules Prometheus reads' } },
  propose({ evidence, subject }, { view, options }): Proposal {
    if (evidence.byHand !== undefined) return { byHand: evidence.byHand }
    const topics = unwatchedTopics(view)
    const isServed =
      view.find('CustomResourceDefinition', undefined, PROMETHEUS_RULE_CRD) !== undefined || view.all('PrometheusRule').length > 0
    if (!isServed)
      return {
        byHand: `add alert rules to Prometheus' own rule files, on ${topics.map((topic) => topic.words).join(', ')}; where the kind PrometheusRule is served, this tool writes them`,
      }
    const home = homeOf(view, typeof options['namespace'] === 'string' ? options['namespace'] : undefined, subject.namespace)
    if (home === undefined) return { needs: { option: 'namespace', question: 'From which namespace does Prometheus take its rules?' } }
    const known = view.find('PrometheusRule', home.namespace, NAME)
    const groups = topics.map(groupOf)
    const summary = `alert on ${topics.map((topic) => topic.words).join(', ')}`
    if (known !== undefined)
      return {
        changes: [{ type: 'edit', target: refOf(known), edits: [{ set: ['spec', 'groups'], to: [...groupsOf(known), ...groups] }] }],
        risk: 'safe',
        summary,
      }
    const object: KubeObject & { readonly spec: Json } = {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: NAME, namespace: home.namespace, labels: home.labels },
      spec: { groups },
    }
    return {
      changes: [{ type: 'create', object }],
      risk: 'safe',
      summary,
      mayBreak: ['alerts begin to arrive where they were silent: their limits may have to be tuned'],
    }
  },
})

const groupsOf = (rule: SpecObject): readonly Json[] => (Array.isArray(rule.spec?.['groups']) ? rule.spec['groups'] : [])

const groupOf = ({ id, rules }: AlertTopic): Json => ({
  name: `${NAME}-${id}`,
  rules: rules.map(({ alert, expr, for: lasting, severity, summary }) => ({
    alert,
    expr,
    for: lasting,
    labels: { severity },
    annotations: { summary },
  })),
})

/** Prometheus may choose its rules by label and namespace: stand where the others stand, with the labels that all of them have. */
function homeOf(
  view: View<'PrometheusRule'>,
  chosen: string | undefined,
  beside: string | undefined,
): { readonly namespace: string; readonly labels: Readonly<Record<string, string>> } | undefined {
  const others = view.all('PrometheusRule').filter((rule) => rule.metadata.name !== NAME)
  const counts = Map.groupBy(others, (rule) => rule.metadata.namespace ?? 'default')
  const [busiest] = [...counts].toSorted(([a, left], [b, right]) => right.length - left.length || a.localeCompare(b))
  const [first, ...rest] = others.map((rule) => rule.metadata.labels ?? {})
  const shared = Object.entries(first ?? {}).filter(([key, value]) => SELECTORS.has(key) && rest.every((labels) => labels[key] === value))
  const namespace = chosen ?? busiest?.[0] ?? beside
  return namespace === undefined
    ? undefined
    : { namespace, labels: Object.fromEntries([...shared, ['app.kubernetes.io/managed-by', 'k8s-harden']]) }
}
const SELECTORS = new Set(['release', 'prometheus', 'role', 'app', 'app.kubernetes.io/part-of'])
