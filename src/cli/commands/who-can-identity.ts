import type { Identity } from '../../objects/rbac-who-can.ts'
import { UsageError } from '../errors.ts'

const KINDS: Readonly<Record<string, Identity['kind']>> = {
  user: 'User',
  group: 'Group',
  serviceaccount: 'ServiceAccount',
  sa: 'ServiceAccount',
}

/** `User:jane`, `Group:team`, `ServiceAccount:NAMESPACE:NAME`; names of users and groups may hold colons. A user named as a service account is that. */
export function parseIdentity(text: string): Identity {
  const colon = text.indexOf(':')
  const kind = KINDS[text.slice(0, Math.max(0, colon)).toLowerCase()]
  const name = text.slice(colon + 1)
  if (kind === undefined || name === '') throw notOne(text)
  if (kind !== 'ServiceAccount') return { kind, name, namespace: '' }
  const [namespace = '', account = '', ...more] = name.split(':')
  if (namespace === '' || account === '' || more.length > 0) throw notOne(text)
  return { kind, name: account, namespace }
}
const notOne = (text: string): UsageError =>
  new UsageError(`"${text}" names nobody: give KIND:[NAMESPACE:]NAME`, ['User:jane', 'Group:team-a', 'ServiceAccount:NAMESPACE:NAME'])
