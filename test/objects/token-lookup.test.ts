import { describe, expect, test } from 'vitest'
import { INVALID_SINCE } from '../../remediations/secret.ts'
import control from '../../src/controls/secrets/sec-legacy-token-secrets.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from '../remediations/proposals.ts'

const token = (labels: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'kubernetes.io/service-account-token',
  metadata: { name: 'ci-token', namespace: 'build', labels, annotations: { 'kubernetes.io/service-account.name': 'ci' } },
})
const server = (...flags: string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'kube-apiserver-n1', namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'a' } },
  spec: { containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', '--secure-port=6443', ...flags] }] },
})
const world = (...objects: object[]) =>
  [{ apiVersion: 'k8s-harden.test/v1', kind: 'World', facts: { ServerVersion: { minor: 37 } } }, ...objects]
    .map((one) => JSON.stringify(one))
    .join('\n---\n')
const registered = { ...control, id: 'sec-legacy-token-secrets', practice: 'secrets' } as unknown as RegisteredControl
const judged = (...objects: object[]) => judge(registered, worldOf(world(...objects)).snapshot)
const OFF = '--service-account-lookup=false'
const switchedOff = token({ [INVALID_SINCE]: '2026-11-01' })

describe('an API server that looks no token up', () => {
  test('heeds no label that switches a token off', () => {
    expect(judged(switchedOff, server()).findings).toEqual([])
    expect(JSON.stringify(judged(switchedOff, server(OFF)).findings)).toContain(`means nothing with ${OFF}`)
  })

  test('honours tokens whose Secrets are gone, so that nothing is a pass', () => {
    const other = { ...token(), type: 'Opaque' }
    expect(judged(other, server()).status).toBe('pass')
    expect(judged(other, server(OFF)).status).toBe('unknown')
  })

  test('records no use', () => {
    expect(JSON.stringify(judged(token(), server()).findings)).toContain('no use recorded')
    expect(JSON.stringify(judged(token(), server(OFF)).findings)).toContain('whether it is used is not recorded')
  })

  test('is mended before the Secret is deleted or switched off', () => {
    for (const how of ['disable', 'delete']) {
      const of = (...flags: string[]) =>
        proposals('sec-legacy-token-secrets', control, world(token(), server(...flags)), { how })[0]?.proposal
      expect(of(OFF)).toMatchObject({ refused: expect.stringContaining('--service-account-lookup=true first') })
      expect(of()).toMatchObject({ changes: [{}] })
    }
  })

  test('whose flags were not seen leaves it open whether the label counts', () => {
    expect(judged(switchedOff).status).toBe('unknown')
    expect(judged(switchedOff, server()).status).toBe('pass')
    const ofTwo = world(switchedOff, server()).replace(
      '"ServerVersion"',
      '"ApiServers":{"leases":["n1","n2"],"addresses":[]},"ServerVersion"',
    )
    expect(judge(registered, worldOf(ofTwo).snapshot).status).toBe('unknown')
  })
})
