/** A question about rights, from what an operator typed to what the authorizer would see. */
import { resourceNamed } from './rbac-resource-name.ts'
import { type AccessRequest, nameSeen, type Universe } from './rbac-rules.ts'

/** `namespace` and `name` absent or '': all, any. */
export interface TypedRequest {
  readonly verb: string
  /** As kubectl takes it, with `/subresource`; or a path that begins with `/`. */
  readonly resource: string
  readonly namespace: string | undefined
  readonly name: string | undefined
}

export interface Asking {
  readonly request: AccessRequest
  /** What is not as it was typed, one clause each. */
  readonly remarks: readonly string[]
  /** It is about all namespaces at once, so it could be asked about single ones. */
  readonly isAboutAll: boolean
  /** `get secrets in namespace shop`, `create pods/exec in all namespaces`, `get nodes`, `get /metrics`. */
  readonly text: string
}

export function requestTyped({ verb, resource: typed, namespace, name }: TypedRequest, universe: () => Universe): Asking {
  if (typed.startsWith('/')) {
    const remarks = namespace || name ? [`${typed} is a path: it has no namespace and no name, so those are left out`] : []
    return { request: { verb, path: typed }, remarks, isAboutAll: false, text: `${verb} ${typed}` }
  }
  const { group, resource, subresource, namespaced, doubt } = resourceNamed(typed, universe())
  const seen = nameSeen({ verb, subresource, ...(name && { name }) })
  const isNamespace = group === '' && resource === 'namespaces'
  const hasNamespace = isNamespace ? !COLLECTION_VERBS.includes(verb) : namespaced
  // The API server takes a namespace's own name for the namespace of a request for it.
  const within = hasNamespace ? (isNamespace && seen) || namespace || '' : ''
  const remarks = [
    ...(doubt === undefined ? [] : [`${doubt}; rules are searched for it all the same`]),
    ...(doubt === undefined && group !== '' && resource !== '*' && !typed.includes('.')
      ? [`${typed} is taken as ${resource} of API group ${group}`]
      : []),
    ...(!hasNamespace && namespace ? [`a request to ${verb} ${resource} has no namespace: ${namespace} is left out`] : []),
    ...(name && seen !== name ? [`a request to ${verb} ${resource} shows the authorizer no name: ${name} is left out`] : []),
  ]
  const what = `${resource}${subresource && `/${subresource}`}`
  const of = group === '' ? '' : group === '*' ? ' of every API group' : ` of ${group}`
  const where = within !== '' ? ` in namespace ${within}` : hasNamespace ? ' in all namespaces' : ''
  return {
    request: { verb, group, resource, ...(subresource !== '' && { subresource }), namespace: within, name: seen },
    remarks,
    isAboutAll: hasNamespace && within === '',
    text: `${verb} ${what}${of}${seen && ` named ${seen}`}${where}`,
  }
}
const COLLECTION_VERBS: readonly string[] = ['create', 'list', 'watch', 'deletecollection']
