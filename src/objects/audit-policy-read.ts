/** An audit policy in a file, as the API server decodes and validates it (k8s.io/apiserver pkg/audit/policy/reader.go and pkg/apis/audit/validation). */
import type { ConfigFile } from '../model/index.ts'
import { AUDIT_LEVELS, type AuditPolicy, type AuditRule, type GroupResources, isSet } from './audit-policy.ts'

const POLICY_FIELDS = new Set(['apiVersion', 'kind', 'metadata', 'rules', 'omitStages', 'omitManagedFields'])
const RULE_FIELDS = new Set([
  'level',
  'users',
  'userGroups',
  'verbs',
  'resources',
  'namespaces',
  'nonResourceURLs',
  'omitStages',
  'omitManagedFields',
])
const RESOURCE_FIELDS = new Set(['group', 'resources', 'resourceNames'])
const STAGES = new Set(['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'])

export interface PolicyProblem {
  /** Of the rule; undefined for the policy itself. */
  readonly rule: number | undefined
  readonly problem: string
  /** The API server does not start; otherwise it only ignores what it does not know, which may make a rule match far more. */
  readonly fatal: boolean
}

/** The policy in a file, with what the API server would say to it. Whatever it could not decode is treated as absent. */
export function readAuditPolicy(file: ConfigFile): { readonly policy: AuditPolicy; readonly problems: readonly PolicyProblem[] } {
  const problems: PolicyProblem[] = []
  const say = (rule: number | undefined, problem: string, fatal = true) => void problems.push({ rule, problem, fatal })
  const sayHere: Say = (problem, fatal) => say(undefined, problem, fatal)
  if (file.apiVersion !== 'audit.k8s.io/v1') say(undefined, `apiVersion ${file.apiVersion} is not audit.k8s.io/v1`)
  for (const field of Object.keys(file)) if (!POLICY_FIELDS.has(field)) say(undefined, `no such field: ${field}`, false)
  refuseNoFlag(file, sayHere)
  const rules = mappings(file, 'rules', sayHere)
  if (rules.length === 0) say(undefined, 'there are no rules')
  const omitStages = texts(file, 'omitStages', sayHere)
  for (const stage of omitStages) if (!STAGES.has(stage)) say(undefined, `no such stage: ${stage}`)
  return {
    policy: { omitStages, rules: rules.map((rule, index) => readRule(rule, (problem, fatal) => say(index, problem, fatal))) },
    problems,
  }
}

type Say = (problem: string, fatal?: boolean) => void

function readRule(rule: Fields, say: Say): AuditRule {
  for (const field of Object.keys(rule)) if (!RULE_FIELDS.has(field)) say(`no such field: ${field}`, false)
  refuseNoFlag(rule, say)
  const level = AUDIT_LEVELS.find((known) => known === rule['level'])
  if (level === undefined) say(rule['level'] === undefined ? 'there is no level' : `no such level: ${String(rule['level'])}`)
  const lists = Object.fromEntries(
    ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs', 'omitStages'].flatMap((field) =>
      rule[field] === undefined ? [] : [[field, texts(rule, field, say)]],
    ),
  )
  const resources = rule['resources'] === undefined ? undefined : mappings(rule, 'resources', say).map((one) => readResources(one, say))
  for (const stage of lists['omitStages'] ?? []) if (!STAGES.has(stage)) say(`no such stage: ${stage}`)
  for (const url of lists['nonResourceURLs'] ?? []) {
    if (url !== '*' && !url.startsWith('/')) say(`nonResourceURLs must begin with a slash: ${url}`)
    if (url.slice(0, -1).includes('*')) say(`a star may only end a URL: ${url}`)
  }
  if (isSet(lists['nonResourceURLs']) && (isSet(lists['namespaces']) || isSet(resources)))
    say('one rule cannot be about both resources and nonResourceURLs')
  return { level: level ?? 'None', ...lists, ...(resources !== undefined && { resources }) }
}

function readResources(one: Fields, say: Say): GroupResources {
  for (const field of Object.keys(one)) if (!RESOURCE_FIELDS.has(field)) say(`no such field: resources[].${field}`, false)
  const group = text(one['group'] ?? '', 'group', say)
  if (group !== '' && group !== '*' && !isSubdomain(group)) say(`no API group: ${group} (a version does not belong there)`)
  const resources = texts(one, 'resources', say)
  const resourceNames = texts(one, 'resourceNames', say)
  if (resourceNames.length > 0 && resources.length === 0) say('resourceNames needs resources')
  return { group, ...(resources.length > 0 && { resources }), ...(resourceNames.length > 0 && { resourceNames }) }
}
const isSubdomain = (name: string): boolean =>
  name.length <= 253 && name.split('.').every((label) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(label))

type Fields = Readonly<Record<string, unknown>>
/** `[null]` is one rule with nothing in it. */
function mappings(of: Fields, field: string, say: Say): readonly Fields[] {
  const value = of[field] ?? []
  if (!Array.isArray(value)) say(`${field} must be a list`)
  return (Array.isArray(value) ? value : []).map((one: unknown) => {
    if (one === null || (typeof one === 'object' && !Array.isArray(one))) return (one ?? {}) as Fields
    say(`${field} must be a list of mappings`)
    return {}
  })
}
function texts(of: Fields, field: string, say: Say): readonly string[] {
  const value = of[field] ?? []
  if (!Array.isArray(value)) say(`${field} must be a list`)
  return (Array.isArray(value) ? value : []).map((one: unknown) => text(one ?? '', `${field}[]`, say))
}
function text(value: unknown, field: string, say: Say): string {
  if (typeof value !== 'string') say(`${field} must be text, and ${JSON.stringify(value)} is none: put it in quotes`)
  return String(value)
}
function refuseNoFlag({ omitManagedFields: value = false }: Fields, say: Say): void {
  if (value !== null && typeof value !== 'boolean') say('omitManagedFields must be true or false')
}
