import { describe, expect, test } from 'vitest'
import type { Step, StepId } from '../../src/model/index.ts'
import { EVIDENCE } from '../../src/objects/policy-evidence.ts'
import { CUTS_FLOWS } from '../../src/plan/network-risk.ts'
import {
  allowedBecause,
  breaksAnew,
  isOtherChoice,
  preparesStep,
  saidOnce,
  titleOfBoth,
  withoutSubject,
} from '../../src/plan/step-words.ts'

test('what differs only in the container is said once, of all of them', () => {
  expect(
    saidOnce([
      'drop all capabilities of container app',
      'set readOnlyRootFilesystem: true on container app, with an empty directory at /tmp',
      'drop all capabilities of container proxy-2',
      'drop all capabilities of container app, but keep CHOWN',
    ]),
  ).toEqual([
    'drop all capabilities of containers app, proxy-2',
    'set readOnlyRootFilesystem: true on container app, with an empty directory at /tmp',
    'drop all capabilities of container app, but keep CHOWN',
  ])
})

test('what another sentence says and goes on from is left out; nothing else is', () => {
  expect(saidOnce(['it loses Docker', 'it loses Docker: build without it', 'it loses Docker', 'it loses'])).toEqual([
    'it loses Docker: build without it',
    'it loses',
  ])
})

test('the object that the title names is not named again, and no other one is taken for it', () => {
  expect(withoutSubject('leave the API token out of Deployment shop/web', 'Deployment shop/web')).toBe('leave the API token out')
  expect(withoutSubject('warn about pods in namespace shop; it cannot enforce', 'Namespace shop')).toBe(
    'warn about pods; it cannot enforce',
  )
  expect(withoutSubject('delete ClusterRoleBinding a.b', 'ClusterRoleBinding a.b')).toBe('delete')
  expect(withoutSubject('leave the API token out of Deployment shop/web-2', 'Deployment shop/web')).toBe(
    'leave the API token out of Deployment shop/web-2',
  )
  expect(withoutSubject('delete ClusterRoleBinding aXb', 'ClusterRoleBinding a.b')).toBe('delete ClusterRoleBinding aXb')
})

test('two actions that became one are told as one', () => {
  const both = (ours: string, theirs: string) => titleOfBoth(`kubelet on cp-1: ${ours}`, `kubelet on cp-1: ${theirs}`)
  expect(both('set a=1', 'set a=1')).toBe('kubelet on cp-1: set a=1')
  expect(both('write an audit log; set a=1', 'set b=2, a=1')).toBe('kubelet on cp-1: write an audit log; set a=1, b=2')
  expect(titleOfBoth('kubelet on cp-1: set a=1', 'kubelet on cp-2: set a=1')).toBe('kubelet on cp-1: set a=1; kubelet on cp-2: set a=1')
})

test('a sentence that names an option is another choice, not what may break', () => {
  expect([isOtherChoice('to leave it there --set a.mode=keep'), isOtherChoice('it loses its data')]).toEqual([true, false])
})

describe('the policies of one namespace and direction', () => {
  const step = (id: string, spec: object, rest: object = {}): Step =>
    ({
      id,
      changes: [
        {
          type: 'create',
          object: { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: id, namespace: 'shop' }, spec },
        },
      ],
      inverse: [],
      mends: [],
      after: [],
      mayBreak: ['names in Secrets', 'webhooks'],
      ...rest,
    }) as unknown as Step
  const ingress = step('allow', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] })
  const second = step('more', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }, { after: ['allow'] })
  const deny = step(
    'deny',
    { podSelector: {}, policyTypes: ['Ingress'] },
    { after: ['more'], mends: ['f'], mayBreak: ['webhooks', 'something else'] },
  )
  const egress = step('out', { podSelector: {}, policyTypes: ['Egress'] })
  const steps = [ingress, second, deny, egress]

  test('say once what may break', () => {
    expect(steps.map((one) => breaksAnew(one, steps))).toEqual([
      { anew: ['names in Secrets', 'webhooks'] },
      { anew: [], asStep: 1 },
      { anew: ['something else'], asStep: 1 },
      { anew: ['names in Secrets', 'webhooks'] },
    ])
    const cuts = step('cuts', { podSelector: {}, policyTypes: ['Ingress'] }, { mayBreak: [`${CUTS_FLOWS}a -> b`] })
    expect(breaksAnew(cuts, [{ ...ingress, mayBreak: cuts.mayBreak }, cuts])).toEqual({ anew: cuts.mayBreak })
  })
  test('say which step they are for', () => {
    expect(steps.map((one) => preparesStep(one, steps))).toEqual([3, 3, undefined, undefined])
  })
  test('say what they allow, and why', () => {
    const because = (evidence: string) =>
      allowedBecause({ apiVersion: 'v1', kind: 'NetworkPolicy', metadata: { name: 'a', annotations: { [EVIDENCE]: evidence } } })
    expect(because('ingress[0]: Ingress shop routes to it; ingress[1]: b; ingress[2]: c')).toEqual([
      'allow ingress: Ingress shop routes to it, and 2 more reasons',
    ])
    expect(because('its pods mount a token')).toEqual(['allow: its pods mount a token'])
    expect(because('')).toEqual([])
  })
})

test('of steps on nodes, what the first of the remedy says is not said again', () => {
  const step = (id: string, mayBreak: readonly string[], type = 'host'): Step =>
    ({ id, mayBreak, changes: [{ type }], mends: [], after: [] }) as unknown as Step
  const steps = [
    step('file', ['take a snapshot']),
    step('flags', ['take a snapshot', 'it is away for seconds']),
    step('other', ['logs stop']),
  ]
  expect(steps.map((one) => breaksAnew(one, steps))).toEqual([
    { anew: ['take a snapshot'] },
    { anew: ['it is away for seconds'], asStep: 1 },
    { anew: ['logs stop'] },
  ])
  const edit = step('edit', ['take a snapshot'], 'file')
  expect(breaksAnew(edit, [...steps, edit])).toEqual({ anew: ['take a snapshot'] })
  const following = { ...edit, after: ['flags' as StepId] }
  expect(breaksAnew(following, [...steps, following])).toEqual({ anew: [], asStep: 1 })
})
