import { describe, expect, test } from 'vitest'
import { mountInstead } from '../../remediations/env-secrets.ts'
import { type CredentialEvidence, moveToSecret } from '../../remediations/plaintext-credential.ts'
import { INVALID_SINCE, LAST_APPLIED, retireToken } from '../../remediations/secret.ts'
import type { Finding, Json } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

const view = (text = '', source = 'live') => worldOf(`${JSON.stringify({ kind: 'World', source })}\n---\n${text}`).snapshot
const secret = { apiVersion: 'v1', kind: 'Secret', namespace: 'build', name: 'ci-token' }

describe('a long-lived token', () => {
  const propose = (text: string, options: Record<string, Json>, lastUsed: string | null = null) =>
    retireToken<{ lastUsed: string | null }>().propose(
      { subject: secret, evidence: { lastUsed } } as unknown as Finding<{ lastUsed: string | null }>,
      { view: view(text), options, alongside: [] },
    )

  test('is switched off by a label first, with the day of the scan', () => {
    expect(propose('', { how: 'disable' })).toMatchObject({
      changes: [{ type: 'edit', edits: [{ set: ['metadata', 'labels', INVALID_SINCE], to: '2026-11-23' }] }],
      risk: 'may-break',
    })
  })

  test('is deleted where that was chosen, and the words say that it never comes back', () => {
    const proposal = propose('', { how: 'delete' }, '2026-11-20')
    expect(proposal).toMatchObject({ changes: [{ type: 'delete', target: secret }] })
    expect(JSON.stringify(proposal)).toMatch(/last used on 2026-11-20.*never comes back/)
  })

  test.each([
    [{ volumes: [{ name: 't', secret: { secretName: 'ci-token' } }] }],
    [
      {
        imagePullSecrets: [],
        containers: [{ name: 'c', env: [{ name: 'T', valueFrom: { secretKeyRef: { name: 'ci-token', key: 'token' } } }] }],
      },
    ],
    [{ containers: [{ name: 'c', envFrom: [{ secretRef: { name: 'ci-token' } }] }] }],
    [{ volumes: [{ name: 'p', projected: { sources: [{ secret: { name: 'ci-token' } }] } }] }],
  ])('names the workloads that use it: %j', (spec) => {
    const pod = (namespace: string) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'runner', namespace }, spec: { containers: [], ...spec } })
    expect(JSON.stringify(propose(pod('build'), { how: 'disable' }))).toContain('Pod build/runner uses it')
    expect(JSON.stringify(propose(pod('other'), { how: 'disable' }))).not.toContain('runner')
  })
})

describe('a Secret in the environment', () => {
  test('is to be mounted instead, in one sentence', () => {
    const proposal = mountInstead<{ references: { secret: string; key?: string; variable?: string }[] }>().propose(
      {
        container: 'app',
        evidence: { references: [{ secret: 'db.main', key: 'password', variable: 'DB_PASSWORD' }, { secret: 'all' }] },
      } as unknown as Finding<{ references: { secret: string }[] }>,
      { view: view(), options: {}, alongside: [] },
    )
    const { byHand } = proposal as { byHand: string }
    expect(byHand).toContain('DB_PASSWORD from /etc/secrets/db.main/password')
    expect(byHand).toContain('mount Secret db.main as /etc/secrets/db.main, Secret all as /etc/secrets/all, read-only and with mode 0440')
    expect(byHand).not.toContain('\n')
  })
})

describe('a credential in plain sight', () => {
  const propose = (evidence: CredentialEvidence, source = 'live') =>
    moveToSecret().propose(
      { subject: { ...secret, kind: 'Deployment', name: 'cart' }, evidence } as unknown as Finding<CredentialEvidence>,
      { view: view('', source), options: {}, alongside: [] },
    )

  test.each(['env', 'argument', 'data', 'annotation', 'binaryData'] as const)('in %s must be replaced and revoked', (where) => {
    const { byHand } = propose({ where, name: 'DB_PASSWORD', format: 'password', length: 12 }) as { byHand: string }
    expect(byHand).toContain('create secret generic cart-db-password')
    expect(byHand).toContain('revoke the old one')
  })

  test('left in an annotation: removed in files; live only in words, since undo would have to keep it', () => {
    const evidence = { where: 'lastApplied', name: LAST_APPLIED, format: 'copy of a Secret', length: 0 } as const
    expect(propose(evidence, 'manifests')).toMatchObject({
      changes: [{ type: 'edit', edits: [{ unset: ['metadata', 'annotations', LAST_APPLIED] }] }],
      risk: 'safe',
    })
    expect(propose(evidence)).toEqual({ byHand: expect.stringContaining(`${LAST_APPLIED}-`) })
  })
})
