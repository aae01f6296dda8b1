/** The ValidatingAdmissionPolicy of this tool that refuses external addresses of Services (CVE-2020-8554), and whether one that is there still says that. */
import type { Json, KubeObject, SpecObject } from '../model/index.ts'
import { isEmptySelector } from './selectors.ts'
import { list, type Mapping, mapping } from './spec-fields.ts'

export const EXTERNAL_IPS_POLICY = 'k8s-harden-external-ips'
export type ExternalIpsMode = 'Deny' | 'Warn'

const API_VERSION = 'admissionregistration.k8s.io/v1'
const METADATA = { name: EXTERNAL_IPS_POLICY, labels: { 'app.kubernetes.io/managed-by': 'k8s-harden' } }
const addresses = (object: 'object' | 'oldObject'): string => `${object}.?spec.?externalIPs.orValue([])`

const SERVICES = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['services'], scope: '*' }

/** As the admission plugin DenyServiceExternalIPs: what a Service has already may stay or go, nothing may be added. */
export const externalIpsPolicy = (): KubeObject => ({
  apiVersion: API_VERSION,
  kind: 'ValidatingAdmissionPolicy',
  metadata: METADATA,
  ...{
    spec: {
      failurePolicy: 'Fail',
      // Defaults are written out, so that what is stored is what was sent.
      matchConstraints: {
        matchPolicy: 'Equivalent',
        namespaceSelector: {},
        objectSelector: {},
        resourceRules: [SERVICES],
      },
      variables: [{ name: 'before', expression: `oldObject == null ? [] : ${addresses('oldObject')}` }],
      validations: [
        {
          expression: `${addresses('object')}.all(ip, ip in variables.before)`,
          message: 'spec.externalIPs must not be used: it takes over traffic for addresses that nobody checks (CVE-2020-8554)',
        },
      ],
    },
  },
})

export const externalIpsBinding = (mode: ExternalIpsMode): KubeObject => ({
  apiVersion: API_VERSION,
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: METADATA,
  ...{
    spec: {
      policyName: EXTERNAL_IPS_POLICY,
      validationActions: mode === 'Deny' ? ['Deny', 'Audit'] : ['Warn', 'Audit'],
      // The policy says so as well; the binding by itself then tells whom it can stop.
      matchResources: { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {}, resourceRules: [SERVICES] },
    },
  },
})

const isOpen = (selector: Json | undefined): boolean => selector === undefined || isEmptySelector(selector as object)

/** Of every Service that is made or changed. */
const isOfServices = (rule: Mapping): boolean =>
  list(rule['apiGroups']).includes('') &&
  list(rule['apiVersions']).some((version) => version === 'v1' || version === '*') &&
  list(rule['resources']).includes('services') &&
  list(rule['resourceNames']).length === 0 &&
  rule['scope'] !== 'Cluster' &&
  ['CREATE', 'UPDATE'].every((operation) => list(rule['operations']).includes(operation))

/** Does it refuse what this tool would write it to refuse, for all Services? */
export function isAsWritten({ spec = {} }: SpecObject): boolean {
  const wanted = (externalIpsPolicy() as SpecObject).spec!
  const constraints = mapping(spec['matchConstraints'])
  const expressions = (value: unknown) => JSON.stringify(list(value).map((one) => mapping(one)['expression']))
  return (
    spec['failurePolicy'] !== 'Ignore' &&
    list(spec['matchConditions']).length === 0 &&
    spec['paramKind'] === undefined &&
    isOpen(constraints['namespaceSelector']) &&
    isOpen(constraints['objectSelector']) &&
    list(constraints['excludeResourceRules']).length === 0 &&
    list(constraints['resourceRules']).map(mapping).some(isOfServices) &&
    expressions(spec['variables']) === expressions(wanted['variables']) &&
    expressions(spec['validations']) === expressions(wanted['validations'])
  )
}

/** Does a binding make the policy refuse, for all Services? */
export function deniesEverywhere({ spec = {} }: SpecObject): boolean {
  const match = mapping(spec['matchResources'])
  return (
    list(spec['validationActions']).includes('Deny') &&
    spec['paramRef'] === undefined &&
    (list(match['resourceRules']).length === 0 || list(match['resourceRules']).map(mapping).some(isOfServices)) &&
    list(match['excludeResourceRules']).length === 0 &&
    isOpen(match['namespaceSelector']) &&
    isOpen(match['objectSelector'])
  )
}
