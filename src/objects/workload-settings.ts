/** What a workload is told by its arguments and variables, as far as that can be read without its image. */
import type { ContainerSpec, Json, PodSpec } from '../model/index.ts'
import { remembered } from './derived.ts'
import type { Workload } from './workloads.ts'

export interface Setting {
  /** `--watch-namespace`, `WATCH_NAMESPACE`. */
  readonly name: string
  readonly value: string
}

/** Flags (`--name=value`, `--name value`) and variables of all containers. References to the pod's own namespace are resolved; what comes from elsewhere is left out. */
export const settingsOf = remembered(({ spec, namespace }: Pick<Workload, 'spec' | 'namespace'>): readonly Setting[] =>
  containersOf(spec).flatMap((container) => {
    const variables = variablesOf(container, namespace)
    return [...variables, ...flagsOf(container, new Map(variables.map(({ name, value }) => [name, value])))]
  }),
)

const containersOf = (spec: PodSpec): readonly ContainerSpec[] => [...(spec.containers ?? []), ...(spec.initContainers ?? [])]

function variablesOf({ env = [] }: ContainerSpec, namespace: string): readonly Setting[] {
  return env.flatMap(({ name, value, valueFrom }) => {
    if (valueFrom === undefined || valueFrom === null) return [{ name, value: value ?? '' }]
    return fieldPath(valueFrom.fieldRef) === 'metadata.namespace' ? [{ name, value: namespace }] : []
  })
}
const fieldPath = (fieldRef: Json | undefined): Json | undefined =>
  fieldRef !== null && typeof fieldRef === 'object' && 'fieldPath' in fieldRef ? (fieldRef['fieldPath'] as Json) : undefined

function flagsOf({ command = [], args = [] }: ContainerSpec, variables: ReadonlyMap<string, string>): readonly Setting[] {
  const words = [...command, ...args]
  return words.flatMap((word, at) => {
    const [, name, , value] = /^(--?[a-z][\w.-]*)(=(.*))?$/is.exec(word) ?? []
    if (name === undefined) return []
    const next = words[at + 1]
    const given = value ?? (next !== undefined && !next.startsWith('-') ? next : undefined)
    const read = given === undefined ? undefined : resolved(given, variables)
    return read === undefined ? [] : [{ name, value: read }]
  })
}

/** `$(NAME)` as the kubelet fills it in; undefined where that is not known here. */
function resolved(text: string, variables: ReadonlyMap<string, string>): string | undefined {
  let isKnown = true
  const value = text.replace(/\$\(([A-Za-z_][\w.-]*)\)/g, (_, name: string) => {
    isKnown &&= variables.has(name)
    return variables.get(name) ?? ''
  })
  return isKnown ? value : undefined
}

const WATCHED = /^(--?(watch(ed)?-|target-)?namespaces?|(WATCH(ED)?|TARGET)_NAMESPACES?)$/
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** The namespaces that a workload is told to keep to, and by what; undefined where one of its settings means all, or none says anything. */
export function watchedNamespaces(workload: Pick<Workload, 'spec' | 'namespace'>): readonly Setting[] | undefined {
  const told = settingsOf(workload).filter(({ name }) => WATCHED.test(name))
  const split = told.flatMap(({ name, value }) => value.split(',').map((one) => ({ name, value: one.trim() })))
  return split.length > 0 && split.every(({ value }) => NAME.test(value)) ? split : undefined
}
