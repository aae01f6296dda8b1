/** Bounds what containers take: with the operator's numbers or those of a LimitRange, and never with made-up ones. */

import { remedy } from '../src/model/define.ts'
import type { Change, ContainerSpec, Edit, Finding, Json, Proposal, Readable, Remedy, View } from '../src/model/index.ts'
import { lacks, namespaceBounds, type Resource } from '../src/objects/container-resources.ts'
import { eachContainer } from '../src/objects/containers.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { quantityOf } from '../src/objects/quantity.ts'
import { refText } from '../src/objects/ref.ts'
import { workloads } from '../src/objects/workloads.ts'
import { containerOf, isPlace, mayBreak, TEMPLATE_READS, templateChange, templatePlace } from './pod-template.ts'

/** `running`: live pods that lack it, of those whose template does. */
export type ResourceEvidence = { readonly resource: Resource | 'namespace'; readonly running?: number }

const PER_CONTAINER = 'a quantity for every container, or NAME=QUANTITY, separated by commas, where NAME is a container or an image'

export const podResources = (): Remedy<ResourceEvidence> =>
  remedy<ResourceEvidence>({
    family: 'pod-resources',
    reads: [...TEMPLATE_READS, 'LimitRange', 'ResourceQuota'],
    options: {
      memory: {
        describe: `The memory limit: ${PER_CONTAINER}. Without it none is made up; the default of a LimitRange is taken where there is one`,
      },
      cpu: {
        describe: `The CPU request: ${PER_CONTAINER}. Without it none is made up; the default of a LimitRange is taken where there is one`,
      },
      limitRange: {
        describe:
          'What a LimitRange gives containers that say nothing, in namespaces that have neither quota nor defaults: memory=QUANTITY (limit and request), cpu=QUANTITY (request). Pods that are there already are left alone',
      },
      quota: {
        describe:
          'What a ResourceQuota allows in such a namespace as a whole, for example requests.cpu=8,limits.memory=32Gi,pods=100. From then on pods that do not request what it counts are refused',
      },
    },
    propose(finding, { view, options }): Proposal {
      const { resource } = finding.evidence
      return resource === 'namespace' ? boundNamespace(finding, view, options) : boundContainer(finding, resource, view, options[resource])
    },
  })

// ── a container ────────────────────────────────────────────────────────────────────────────────
const WORDS = {
  memory: { field: ['limits', 'memory'], text: 'resources.limits.memory', question: 'how much memory it may take at most' },
  cpu: { field: ['requests', 'cpu'], text: 'resources.requests.cpu', question: 'how much CPU it needs' },
} as const

function boundContainer(finding: Finding<ResourceEvidence>, resource: Resource, view: View<Readable>, given: Json | undefined): Proposal {
  const { text, field, question } = WORDS[resource]
  const place = templatePlace(finding, view, `set ${text} on container ${finding.container}`)
  if (!isPlace(place)) return place
  const visited = containerOf(place, finding)
  if (visited === undefined) return { refused: `there is no container ${finding.container} in the template any more` }
  const { container, at } = visited
  // A limit of its own counts as a request of its own, and these must fit into what the pod as a whole requests (KEP-2837).
  const whole = resource === 'memory' ? place.workload.spec.resources?.requests?.['memory'] : undefined
  if (whole !== undefined)
    return { byHand: `the pod as a whole requests ${whole} of memory: give it a limit as a whole too (spec.resources.limits.memory)` }
  const bounds = namespaceBounds(view).get(place.workload.namespace)
  const value = valueFor(given, container) ?? bounds?.defaults[resource]
  if (value === undefined)
    return {
      needs: {
        option: resource,
        question: `${question} is not known: answer ${container.name}=QUANTITY, from what kubectl top pod --containers shows at its busiest`,
      },
    }
  const fault = faultOf(resource, value, container) ?? outside(value, bounds?.min[resource], bounds?.max[resource])
  if (fault !== undefined) return { refused: fault }
  const edit: Edit = { set: [...place.at, ...at, 'resources', ...field], to: value }
  const prediction =
    resource === 'memory'
      ? mayBreak(`if ${container.name} ever takes more than ${value} it is killed (OOMKilled) and started again`)
      : {
          risk: 'restarts-pods' as const,
          mayBreak: [`the scheduler keeps ${value} CPU free for each pod: on full nodes new pods stay Pending`],
        }
  return templateChange(place, [edit], `set ${text}: ${value} on container ${container.name}`, prediction)
}

/** The operator's value: `256Mi`, or the one for this container or its image of `app=256Mi,redis:7=1Gi`. */
function valueFor(given: Json | undefined, { name, image }: ContainerSpec): string | undefined {
  const values = pairsOf(given)
  return [name, image, ''].map((key) => values.find(([of]) => of === key)?.[1]).find((value) => value !== undefined)
}

const pairsOf = (given: Json | undefined): (readonly [name: string, value: string])[] =>
  given === undefined || given === null || given === ''
    ? []
    : String(given)
        .split(',')
        .map((pair) => [pair.slice(0, Math.max(pair.lastIndexOf('='), 0)).trim(), pair.slice(pair.lastIndexOf('=') + 1).trim()] as const)

/** Runtimes cannot start a container in less: somebody meant 256Mi and wrote 256. */
const LEAST_MEMORY = 4 * 2 ** 20

function faultOf(resource: Resource, value: string, container?: ContainerSpec): string | undefined {
  const amount = quantityOf(value)
  if (amount === undefined || amount <= 0) return `${JSON.stringify(value)} is no quantity above zero: write 256Mi of memory, 100m of CPU`
  if (resource === 'memory' && amount < LEAST_MEMORY)
    return `${value} of memory is too little for any container to start: write 256Mi for 256 MiB`
  const requested = container?.resources?.requests?.[resource]
  return resource === 'memory' && (quantityOf(requested) ?? 0) > amount
    ? `container ${container!.name} requests ${requested} of memory: a limit of ${value} is below that, and the API server refuses it`
    : undefined
}

function outside(value: string, min: string | undefined, max: string | undefined): string | undefined {
  const amount = quantityOf(value)!
  if (max !== undefined && amount > quantityOf(max)!) return `a LimitRange of the namespace allows ${max} at most, not ${value}`
  return min !== undefined && amount < quantityOf(min)! ? `a LimitRange of the namespace asks for ${min} at least, not ${value}` : undefined
}

// ── a namespace ────────────────────────────────────────────────────────────────────────────────
function boundNamespace(
  { subject: { name } }: Finding<ResourceEvidence>,
  view: View<Readable>,
  options: Readonly<Record<string, Json>>,
): Proposal {
  const [range, quota] = [pairsOf(options['limitRange']), pairsOf(options['quota'])]
  if (range.length === 0 && quota.length === 0)
    return {
      needs: {
        option: 'limitRange',
        question: `what containers of namespace ${name} get that say nothing is for you to say: answer memory=QUANTITY,cpu=QUANTITY (or give the option quota)`,
      },
    }
  const fault = [...range.map(rangeFault), ...quota.map(quotaFault)].find((one) => one !== undefined)
  if (fault !== undefined) return { refused: fault }
  const changes: Change[] = [
    ...(range.length > 0 ? [limitRange(name, freeName('LimitRange', name, 'container-defaults', view), Object.fromEntries(range))] : []),
    ...(quota.length > 0 ? [resourceQuota(name, freeName('ResourceQuota', name, 'namespace-quota', view), Object.fromEntries(quota))] : []),
  ]
  const { memory } = Object.fromEntries(range)
  const words = [
    ...(range.length > 0 ? ['only pods made from now on are given the defaults; those that run keep what they have'] : []),
    ...(memory === undefined ? [] : limitWords(name, memory, view)),
    ...(quota.length > 0 ? quotaWords(name, quota, range, view) : []),
  ]
  return {
    changes,
    summary: `${[range.length > 0 ? 'give containers of' : '', quota.length > 0 ? 'bound' : ''].filter(Boolean).join(', and ')} namespace ${name}: ${[...range, ...quota].map((pair) => pair.join('=')).join(', ')}`,
    risk: memory !== undefined || quota.length > 0 ? 'may-break' : 'restarts-pods',
    mayBreak: words,
  }
}

const rangeFault = ([key, value]: readonly [string, string]): string | undefined =>
  key === 'memory' || key === 'cpu'
    ? faultOf(key, value)
    : `the option limitRange takes memory=QUANTITY and cpu=QUANTITY, not ${JSON.stringify(key || value)}`
const COUNTED = /^((requests|limits)\.)?(cpu|memory)$|^pods$/
const quotaFault = ([key, value]: readonly [string, string]): string | undefined =>
  !COUNTED.test(key)
    ? `the option quota takes requests.cpu, requests.memory, limits.cpu, limits.memory and pods, not ${JSON.stringify(key || value)}`
    : faultOf(/memory$/.test(key) ? 'memory' : 'cpu', value)

const metadata = (name: string, namespace: string) => ({ name, namespace, labels: { 'app.kubernetes.io/managed-by': 'k8s-harden' } })
/** One of that name may be there already that bounds nothing. */
function freeName(kind: 'LimitRange' | 'ResourceQuota', namespace: string, wanted: string, view: View<Readable>): string {
  let name = wanted
  for (let n = 2; view.find(kind, namespace, name) !== undefined; n++) name = `${wanted}-${n}`
  return name
}
const limitRange = (namespace: string, name: string, { memory, cpu }: Readonly<Record<string, string>>): Change => ({
  type: 'create',
  object: {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: metadata(name, namespace),
    spec: {
      limits: [
        {
          type: 'Container',
          ...(memory !== undefined && { default: { memory } }),
          defaultRequest: { ...(memory !== undefined && { memory }), ...(cpu !== undefined && { cpu }) },
        },
      ],
    },
  } as never,
})
const resourceQuota = (namespace: string, name: string, hard: Readonly<Record<string, string>>): Change => ({
  type: 'create',
  object: { apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata(name, namespace), spec: { hard } } as never,
})

/** Containers of a namespace's templates, with their workload's name. */
const containersIn = (namespace: string, view: View<Readable>) =>
  workloads(view)
    .filter((workload) => workload.namespace === namespace)
    .flatMap(({ ref, spec }) => eachContainer(spec).map(({ container }) => ({ who: refText(ref), spec, container })))

function limitWords(namespace: string, memory: string, view: View<Readable>): string[] {
  const without = containersIn(namespace, view).filter(({ spec, container }) => lacks(spec, container, 'memory'))
  const refused = without.filter(({ container }) => (quantityOf(container.resources?.requests?.['memory']) ?? 0) > quantityOf(memory)!)
  return [
    `containers without a limit of their own are killed when they take more than ${memory}${without.length > 0 ? `: ${fewOf([...new Set(without.map(({ who }) => who))])}` : ''}`,
    ...(refused.length > 0
      ? [`pods that request more than ${memory} and set no limit are refused: ${fewOf([...new Set(refused.map(({ who }) => who))])}`]
      : []),
  ]
}

function quotaWords(
  namespace: string,
  quota: ReturnType<typeof pairsOf>,
  range: ReturnType<typeof pairsOf>,
  view: View<Readable>,
): string[] {
  const given = new Set(range.map(([key]) => key))
  const counted = quota.map(([key]) => /(cpu|memory)$/.exec(key)?.[1]).filter((key) => key !== undefined) as Resource[]
  const refused = containersIn(namespace, view).filter(({ spec, container }) =>
    counted.some((resource) => !given.has(resource) && lacks(spec, container, resource)),
  )
  return [
    'pods that would go over the quota are refused, those of a rollout too, which needs room for old and new at once',
    ...(counted.length > 0
      ? [
          `pods that do not say how much ${[...new Set(counted)].join(' and ')} they need are refused when they are next made${refused.length > 0 ? `: ${fewOf([...new Set(refused.map(({ who }) => who))])}` : ''}`,
        ]
      : []),
  ]
}
