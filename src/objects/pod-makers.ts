/** What makes pods: whoever writes one of these chooses their image, their service account and what they mount. */
import type { PolicyRule } from '../model/index.ts'
import { remembered, rememberedWith } from './derived.ts'
import { isNamed, overlap, type Rights } from './rbac-rules.ts'
import { type Served, type ServedView, universeOf } from './rbac-served.ts'

const WRITE = ['create', 'update', 'patch']
const BUILT_IN: readonly Rights[] = [
  { verbs: WRITE, groups: [''], resources: ['pods', 'replicationcontrollers'] },
  { verbs: WRITE, groups: ['apps'], resources: ['deployments', 'daemonsets', 'statefulsets', 'replicasets'] },
  { verbs: WRITE, groups: ['batch'], resources: ['cronjobs'] },
  // The template of a Job cannot be changed (ValidateJobUpdate).
  { verbs: ['create'], groups: ['batch'], resources: ['jobs'] },
]

/** Custom resources with a pod template, or with containers of their own, by API group. */
const CUSTOM: Readonly<Record<string, string>> = {
  'actions.github.com': 'autoscalingrunnersets ephemeralrunners ephemeralrunnersets',
  'agents.x-k8s.io': 'sandboxes',
  'apps.kruise.io': 'advancedcronjobs broadcastjobs clonesets daemonsets statefulsets',
  'apps.openshift.io': 'deploymentconfigs',
  'argoproj.io': 'cronworkflows rollouts workflows',
  'batch.volcano.sh': 'jobs',
  'flink.apache.org': 'flinkdeployments',
  'jobset.x-k8s.io': 'jobsets',
  'keda.sh': 'scaledjobs',
  'kubeflow.org': 'mpijobs notebooks pytorchjobs tfjobs',
  'leaderworkerset.x-k8s.io': 'leaderworkersets',
  'monitoring.coreos.com': 'alertmanagers prometheusagents prometheuses thanosrulers',
  'ray.io': 'rayclusters rayjobs rayservices',
  'serving.knative.dev': 'configurations services',
  'sparkoperator.k8s.io': 'scheduledsparkapplications sparkapplications',
  'tekton.dev': 'pipelineruns taskruns',
}

/** What of a rule makes pods or changes what runs in them; undefined verbs, unserved kinds that it does not name, and `create` with names count for nothing. */
export const podRights = (view: ServedView, rule: PolicyRule): readonly Rights[] => rightsIn(rule, universeOf(view))

/** Has a rule any of those? The same function for as long as the same is served. */
export const makesPods = (view: ServedView): ((rule: PolicyRule) => boolean) => makersIn(universeOf(view))
const makersIn = remembered((universe: Served) => (rule: PolicyRule) => rightsIn(rule, universe).length > 0)

const rightsIn = rememberedWith((rule: PolicyRule, universe: Served): readonly Rights[] => {
  // The authorizer never learns the name of what is created.
  const verbs = isNamed(rule) ? WRITE.filter((verb) => verb !== 'create') : WRITE
  if (!verbs.some((verb) => rule.verbs?.includes(verb)) && !rule.verbs?.includes('*')) return []
  return [...BUILT_IN, ...customRights(rule, universe)].flatMap(
    (rights) => overlap(rule, { ...rights, verbs: rights.verbs.filter((verb) => verbs.includes(verb)) }) ?? [],
  )
})

function customRights({ apiGroups = [], resources = [] }: PolicyRule, universe: Served): readonly Rights[] {
  const groups = apiGroups.includes('*') ? Object.keys(CUSTOM) : apiGroups.filter((group) => Object.hasOwn(CUSTOM, group))
  if (groups.length === 0) return []
  return groups.flatMap((group) => {
    const isNamedGroup = apiGroups.includes(group)
    const served = universe.resourcesOf(group)
    const plurals = CUSTOM[group]!.split(' ').filter(
      (plural) => served.includes(plural) || (isNamedGroup && (resources.includes(plural) || !universe.complete)),
    )
    return plurals.length === 0 ? [] : [{ verbs: WRITE, groups: [group], resources: plurals }]
  })
}
