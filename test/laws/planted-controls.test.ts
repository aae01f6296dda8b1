/** Each law finds the control that was planted to break it: a law that cannot fail protects nothing. */
import { describe, expect, test } from 'vitest'
import { judge } from '../../src/engine/judge.ts'
import type { Change, Observation, RegisteredControl, Remark, ServiceAccountObject } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { worldOf } from '../helpers/world.ts'
import {
  addsUp,
  alone,
  fails,
  handsOff,
  honest,
  type Law,
  ledgerFaults,
  mends,
  noHarm,
  orderless,
  passes,
  settles,
  tells,
  undoes,
} from './laws.ts'

const TEXT = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: a, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: b, namespace: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: flags, namespace: shop}
`
const seen = (account: ServiceAccountObject): Observation => ({
  subject: refOf(account),
  at: ['automountServiceAccountToken'],
  reason: 'mounts its token',
  evidence: null,
})
const setTo =
  (value: boolean) =>
  (account: { subject: Observation['subject'] }): Change[] => [
    { type: 'edit', target: account.subject, edits: [{ set: ['automountServiceAccountToken'], to: value }] },
  ]

/** A control that obeys every law; each planted one differs in one thing. */
const good: RegisteredControl = {
  id: 'planted',
  practice: 'rbac',
  title: 'Accounts must not mount tokens',
  severity: 'low',
  why: 'Because.',
  references: [{ standard: 'CIS', section: '5.1.6' }],
  reads: ['ServiceAccount'],
  *evaluate(view) {
    for (const account of view.all('ServiceAccount')) if (account.automountServiceAccountToken !== false) yield seen(account)
  },
  remedy: {
    family: 'planted',
    reads: [],
    propose: (finding) => ({ changes: setTo(false)(finding), risk: 'safe', summary: 'switches it off' }),
  },
}
const planted = (difference: Partial<RegisteredControl>): RegisteredControl => ({ ...good, ...difference })
const remedy = (changes: (finding: { subject: Observation['subject'] }) => Change[]): RegisteredControl['remedy'] => ({
  family: 'planted',
  reads: [],
  propose: (finding) => ({ changes: changes(finding), risk: 'safe', summary: 'does something' }),
})
const judgedBy = (evaluate: () => Iterable<Observation | Remark>): Partial<RegisteredControl> => ({ evaluate })

let coin = 0
const other: RegisteredControl = planted({
  id: 'other',
  *evaluate(view) {
    for (const account of view.all('ServiceAccount')) if (account.automountServiceAccountToken === false) yield seen(account)
  },
})

const PLANTED: readonly (readonly [string, Law, RegisteredControl])[] = [
  ['fails', fails, planted(judgedBy(function* () {}))],
  ['passes', passes, good],
  ['tells apart', tells, planted({})],
  ['alone', alone, planted({ id: 'somebody-else' })],
  ['mends', mends, planted({ remedy: remedy((finding) => setTo(true)(finding)) })],
  ['no harm', noHarm, good],
  [
    'settles',
    settles,
    planted({
      *evaluate(view) {
        for (const account of view.all('ServiceAccount')) yield { ...seen(account), key: String(account.automountServiceAccountToken) }
      },
      remedy: remedy((finding) => [
        { type: 'edit', target: finding.subject, edits: [{ set: ['metadata', 'labels', 'round'], to: String(coin++) }] },
      ]),
    }),
  ],
  [
    'same in any order',
    orderless,
    planted({
      *evaluate(view) {
        const [first] = view.all('ServiceAccount')
        if (first !== undefined) yield seen(first)
      },
    }),
  ],
  [
    'hands off: a write',
    handsOff,
    planted({
      *evaluate(view) {
        for (const account of view.all('ServiceAccount')) {
          Object.assign(account, { judged: true })
          yield seen(account)
        }
      },
    }),
  ],
  [
    'hands off: an undeclared kind',
    handsOff,
    planted({
      *evaluate(view) {
        for (const account of view.all('ServiceAccount')) if (view.all('ConfigMap').length > 0) yield seen(account)
      },
    }),
  ],
  ['honest', honest, planted({ reads: [], consults: ['ServiceAccount'] })],
]

describe('every law finds its planted control', () => {
  const world = { ...worldOf(TEXT), text: TEXT }
  for (const [name, law, control] of PLANTED) {
    test(name, () => {
      const told = name === 'tells apart' ? { ...world, world: { expect: 'unknown' } } : world
      expect(law(control, told, [good, other])).not.toEqual([])
    })
  }

  test('undo', () => {
    // The plan makes the inverses itself, so what is planted is a world that is not the same when it is looked at again.
    expect(undoes(good, { ...world, snapshot: drifting(world.snapshot) }, [])).not.toEqual([])
  })

  test('ledger adds up', () => {
    const { findings } = judge(good, world.snapshot)
    const [first, second] = findings.map((finding) => finding.id)
    const none = { needsValue: [], byHand: [], refused: [] }
    expect(ledgerFaults({ ...none, fixable: [first!, second!] }, findings)).toEqual([])
    expect(ledgerFaults({ ...none, fixable: [first!] }, findings)).not.toEqual([])
    expect(ledgerFaults({ ...none, fixable: [first!, second!], refused: [{ finding: first!, because: 'twice' }] }, findings)).not.toEqual(
      [],
    )
  })

  test('and a control that obeys them all breaks none', () => {
    for (const [name, law] of [
      ['fails', fails],
      ['alone', alone],
      ['mends', mends],
      ['settles', settles],
      ['undo', undoes],
      ['order', orderless],
      ['hands off', handsOff],
      ['honest', honest],
      ['ledger', addsUp],
    ] as const) {
      expect(law(good, world, [good]), name).toEqual([])
    }
  })
})

/** A world whose objects are not the same when they are looked at again. */
function drifting<T extends object>(snapshot: T): T {
  let looked = 0
  return Object.create(snapshot, {
    all: {
      value: (kind: string) =>
        (snapshot as { all: (kind: string) => object[] })
          .all(kind)
          .map((object) => (kind === 'ConfigMap' ? { ...object, looked: looked++ } : object)),
    },
  })
}
