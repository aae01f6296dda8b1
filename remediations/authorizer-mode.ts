/** Lets the API server authorize with Node and RBAC, and keeps the webhooks it asks. */
import type { ConfigFile, Json, Remedy } from '../src/model/index.ts'
import { FLAG_LADDER } from '../src/objects/flags.ts'
import { refText } from '../src/objects/ref.ts'
import { setFlags } from './apiserver-flag.ts'
import { objectOf } from './role-binding.ts'

export interface Authorizer {
  readonly type: string
  readonly name?: string
  readonly [field: string]: Json | undefined
}
export const authorizers = (file: ConfigFile): readonly Authorizer[] =>
  Array.isArray(file['authorizers']) ? (file['authorizers'] as readonly Authorizer[]) : []

const UNSAFE = new Set(['AlwaysAllow', 'AlwaysDeny', 'ABAC'])

/** Node and RBAC first, then what else was asked; `AlwaysAllow` and `ABAC` go. */
export const safeModes = (current: string | undefined): string =>
  [
    ...new Set([
      'Node',
      'RBAC',
      ...(current ?? '')
        .split(',')
        .map((mode) => mode.trim())
        .filter((mode) => mode !== '' && !UNSAFE.has(mode)),
    ]),
  ].join(',')

const MAY_BREAK = ['whoever has no role bound is refused from then on: write the bindings first, from the audit log']

export const useRbac: Remedy<{ readonly modes: readonly string[] }> = {
  ...setFlags<{ readonly modes: readonly string[] }>(({ subject, evidence, verdict, key }, { view }) => {
    if (verdict === 'review')
      return {
        byHand: `what the webhook allows, RBAC is not asked about: put RBAC before it, unless it is there to refuse (now ${evidence.modes.join(', ')})`,
      }
    if (subject.kind === 'AuthorizationConfiguration') {
      const file = objectOf(view, subject) as ConfigFile | undefined
      if (file === undefined) return { byHand: `${refText(subject)} is not there any more: scan again` }
      const kept = authorizers(file).filter(({ type }) => !UNSAFE.has(type) && type !== 'Node' && type !== 'RBAC')
      const own = (type: string, name: string): Authorizer => authorizers(file).find((one) => one.type === type) ?? { type, name }
      return {
        changes: [
          {
            type: 'edit',
            target: subject,
            edits: [{ set: ['authorizers'], to: [own('Node', 'node'), own('RBAC', 'rbac'), ...kept] as unknown as Json }],
          },
        ],
        risk: 'may-break',
        summary: 'authorize with Node and RBAC',
        mayBreak: [...MAY_BREAK, 'the API server takes up the file within a minute'],
      }
    }
    if (key?.endsWith('--authorization-config') === true)
      return {
        byHand:
          'in the file that --authorization-config names, leave Node, RBAC and the webhooks that are meant to be there; every API server takes it up within a minute',
      }
    return {
      flags: { 'authorization-mode': safeModes, 'authorization-policy-file': null },
      summary: 'authorize with Node and RBAC',
      first: [
        'see who uses the cluster (audit log, kubeconfigs, service accounts) and bind roles to them while everything is still allowed',
      ],
      verify: ['kubectl auth can-i "*" "*" --as=system:serviceaccount:default:nobody must say no'],
      mayBreak: MAY_BREAK,
    }
  }),
  reads: [...FLAG_LADDER, 'AuthorizationConfiguration'],
}
