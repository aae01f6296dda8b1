/** Whatever is there and wanted: at every instant every API server reads what any other writes, and all that is stored. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EncryptionStageRule } from '../../src/model/index.ts'
import {
  covers,
  decidingRule,
  type EncryptionForm,
  formsOf,
  PLAIN,
  prefixOf,
  reads,
  stageRules,
  writes,
} from '../../src/objects/encryption-forms.ts'
import {
  type EncryptionStage,
  type EncryptionWish,
  encryptionStages,
  type NodeEncryption,
  NoStages,
} from '../../src/objects/encryption-stages.ts'

const key = (name: string, kind: 'secretbox' | 'aescbc' | 'aesgcm' = 'secretbox'): EncryptionForm => ({ kind, keys: [name] })
const kms = (name: string): EncryptionForm => ({ kind: 'kms', apiVersion: 'v2', name, endpoint: `unix:///run/${name}.sock` })
const rule = (resources: string[], ...providers: EncryptionForm[]): EncryptionStageRule => ({ resources, providers })
const on = (...rules: EncryptionStageRule[]): NodeEncryption[] => ['a', 'b'].map((node) => ({ node, rules }))
/** `a: identity, secretbox k1`: what one stage comes to, node by node. */
const told = (stages: readonly EncryptionStage[]) =>
  stages.flatMap((stage) =>
    stage.is === 'rewrite'
      ? [`${stage.onlyUndo ? 'gate' : 'rewrite'} ${stage.resources.join(',')} ${stage.prefix || 'plain'}`]
      : stage.files.map(
          ({ node, rules }) =>
            `${stage.step} ${node} ${rules
              .map(
                ({ resources, providers }) =>
                  `${resources.join(',')}: ${formsOf(providers)
                    .map((form) => ('keys' in form ? `${form.kind} ${form.keys[0]}` : form.kind === 'kms' ? `kms ${form.name}` : form.kind))
                    .join(' > ')}`,
              )
              .join('; ')}`,
        ),
  )

describe('stages', () => {
  test('turning on begins with identity first, for a single server too', () => {
    const stages = encryptionStages([{ node: 'a', rules: [] }], {
      goal: { to: 'encrypt', with: key('k1'), resources: ['secrets'] },
      drop: 'identity',
    })
    expect(told(stages)).toEqual([
      'read a secrets: identity > secretbox k1',
      'gate secrets plain',
      'write a secrets: secretbox k1 > identity',
      'rewrite secrets k8s:enc:secretbox:v1:k1:',
      'drop a secrets: secretbox k1',
    ])
  })

  test('a key is changed on all nodes before the first writes with it, and the old one goes last', () => {
    expect(
      told(
        encryptionStages(on(rule(['secrets'], key('k1'))), {
          goal: { to: 'encrypt', with: key('k2'), resources: ['secrets'] },
          drop: 'all',
        }),
      ),
    ).toEqual([
      'read a secrets: secretbox k1 > secretbox k2',
      'read b secrets: secretbox k1 > secretbox k2',
      'gate secrets k8s:enc:secretbox:v1:k1:',
      'write a secrets: secretbox k2 > secretbox k1',
      'write b secrets: secretbox k2 > secretbox k1',
      'rewrite secrets k8s:enc:secretbox:v1:k2:',
      'drop a secrets: secretbox k2',
      'drop b secrets: secretbox k2',
    ])
  })

  test('after a crash between two nodes only what is missing is left, and a node without a file gets what the other writes', () => {
    const half = [
      { node: 'a', rules: [rule(['secrets'], key('k1'), PLAIN)] },
      { node: 'b', rules: [] },
    ]
    expect(told(encryptionStages(half, { goal: { to: 'encrypt', with: key('k1'), resources: ['secrets'] }, drop: 'nothing' }))).toEqual([
      'read b secrets: identity > secretbox k1',
      'write b secrets: secretbox k1 > identity',
      'rewrite secrets k8s:enc:secretbox:v1:k1:',
    ])
  })

  test('after a crash while the old goes, it does not come back', () => {
    const half = [
      { node: 'a', rules: [rule(['secrets'], key('k2'))] },
      { node: 'b', rules: [rule(['secrets'], key('k2'), key('k1'), PLAIN)] },
    ]
    expect(told(encryptionStages(half, { goal: { to: 'encrypt', with: key('k2'), resources: ['secrets'] }, drop: 'all' }))).toEqual([
      'rewrite secrets k8s:enc:secretbox:v1:k2:',
      'drop b secrets: secretbox k2',
    ])
  })

  test('after a crash before anything was stored anew, that is what is left', () => {
    const off = on(rule(['secrets'], PLAIN, key('k1')))
    expect(told(encryptionStages(off, { goal: { to: 'plain' }, drop: 'nothing' }))).toEqual(['rewrite secrets plain'])
    const written = on(rule(['secrets'], key('k1'), PLAIN))
    const goal = { to: 'encrypt', with: key('k1'), resources: ['secrets'] } as const
    expect(told(encryptionStages(written, { goal, drop: 'nothing' }))).toEqual(['rewrite secrets k8s:enc:secretbox:v1:k1:'])
  })

  test('turning off ends in plain text', () => {
    const stages = encryptionStages(on(rule(['secrets'], key('k1'))), { goal: { to: 'plain' }, drop: 'nothing' })
    expect(told(stages).filter((line) => !line.includes(' b '))).toEqual([
      'read a secrets: secretbox k1 > identity',
      'gate secrets k8s:enc:secretbox:v1:k1:',
      'write a secrets: identity > secretbox k1',
      'rewrite secrets plain',
    ])
  })

  test('an earlier narrower entry wins, and wildcards stand for what is served', () => {
    const rules = [rule(['events'], PLAIN), rule(['*.*'], key('k1'), PLAIN)]
    expect(decidingRule(rules, 'events.events.k8s.io')).toBe(0)
    expect(writes(rules, 'events')).toBe('')
    expect(writes(rules, 'widgets.example.com')).toBe('k8s:enc:secretbox:v1:k1:')
    const stages = encryptionStages(on(...rules), {
      goal: { to: 'same' },
      drop: 'all',
      served: ['events', 'secrets', 'widgets.example.com'],
    })
    expect(told(stages).filter((line) => !line.includes(' b '))).toEqual([
      'rewrite events plain',
      'rewrite secrets,widgets.example.com k8s:enc:secretbox:v1:k1:',
      'drop a events: identity; *.*: secretbox k1',
    ])
    expect(() => encryptionStages(on(...rules), { goal: { to: 'same' }, drop: 'all' })).toThrow(NoStages)
  })

  test('what is added gets an entry of its own, with a kms name of its own', () => {
    const stages = encryptionStages(on(rule(['secrets'], kms('vault'), PLAIN)), {
      goal: { to: 'encrypt', with: { ...kms('vault'), endpoint: 'unix:///run/other.sock' } as EncryptionForm, resources: ['configmaps'] },
      drop: 'nothing',
    })
    expect(told(stages)[0]).toBe('read a secrets: kms vault > identity; configmaps: identity > kms vault-2')
  })

  test.each([
    ['secrets', 'secrets', true],
    ['*.', 'secrets', true],
    ['*.', 'deployments.apps', false],
    ['*.apps', 'deployments.apps', true],
    ['*.apps', 'secrets', false],
    ['*.*', 'deployments.apps', true],
    ['events', 'events.events.k8s.io', true],
  ])('%s covers %s: %s', (entry, resource, is) => expect(covers(entry, resource)).toBe(is))

  test('keys are known by name only', () => {
    const read = stageRules({
      resources: [{ resources: ['secrets'], providers: [{ aescbc: { keys: [{ name: 'k', secret: 'SECRET' }] } }, { identity: {} }] }],
    })
    expect(read).toEqual([{ resources: ['secrets'], providers: [{ kind: 'aescbc', keys: ['k'] }, { kind: 'identity' }] }])
    expect(stageRules({ resources: [{ resources: ['secrets'], providers: [{ rot13: {} }] }] })).toMatch(/none of/)
  })
})

/** Resources, and entries that may cover them. */
const RESOURCES = ['secrets', 'configmaps', 'events', 'deployments.apps', 'widgets.example.com']
const FORMS: readonly EncryptionForm[] = [PLAIN, key('k1'), key('k2'), key('k1', 'aescbc'), key('k3', 'aesgcm')]
const forms = fc.uniqueArray(fc.constantFrom(...FORMS), { minLength: 1, maxLength: 4, selector: prefixOf })
const entries = fc.uniqueArray(fc.constantFrom('secrets', 'configmaps', 'events', '*.apps', '*.'), { minLength: 1, maxLength: 2 })
const rulesOf = fc
  .array(fc.record({ resources: entries, providers: forms }), { maxLength: 3 })
  .chain((rules) =>
    fc.boolean().map((all) => (all ? [...rules, { resources: ['*.*'], providers: [key('k9'), PLAIN] as EncryptionForm[] }] : rules)),
  )
const wishes: fc.Arbitrary<EncryptionWish> = fc.record({
  goal: fc.oneof(
    fc.record({
      to: fc.constant('encrypt' as const),
      with: fc.constantFrom(key('k1'), key('new'), key('new', 'aescbc'), kms('vault')),
      resources: fc.uniqueArray(fc.constantFrom(...RESOURCES), { minLength: 1 }),
    }),
    fc.constant({ to: 'plain' as const }),
    fc.constant({ to: 'same' as const }),
  ),
  drop: fc.constantFrom('nothing' as const, 'identity' as const, 'all' as const),
  served: fc.constant(RESOURCES),
})

type Step = NodeEncryption | Extract<EncryptionStage, { is: 'rewrite' }>
/** API servers on one etcd: each has loaded its rules; what is stored is known by its prefix. */
class World {
  readonly loaded: Map<string, readonly EncryptionStageRule[]>
  readonly stored = new Map(RESOURCES.map((resource) => [resource, new Set<string>()]))
  constructor(present: readonly NodeEncryption[]) {
    this.loaded = new Map(present.map(({ node, rules }) => [node, rules]))
    // Whatever all of them can read may be stored already.
    for (const [resource, prefixes] of this.stored)
      for (const prefix of reads(present[0]!.rules, resource))
        if (present.every(({ rules }) => reads(rules, resource).has(prefix))) prefixes.add(prefix)
  }
  /** Everybody writes everything; then everybody must read everything. */
  live(): void {
    for (const [resource, prefixes] of this.stored) {
      for (const rules of this.loaded.values()) prefixes.add(writes(rules, resource))
      for (const [node, rules] of this.loaded) {
        const readable = reads(rules, resource)
        for (const prefix of prefixes) if (!readable.has(prefix)) throw new Error(`${node} cannot read ${resource} stored as "${prefix}"`)
      }
    }
  }
  load(node: string, rules: readonly EncryptionStageRule[]): void {
    this.loaded.set(node, rules)
    this.live()
  }
  rewrite(resources: readonly string[]): void {
    for (const resource of resources) {
      const now = new Set([...this.loaded.values()].map((rules) => writes(rules, resource)))
      this.stored.set(resource, now)
      this.live()
    }
  }
}

describe('at every instant', () => {
  test('all read all, whatever the order of the nodes, wherever it is stopped, and taken back from there', () => {
    let done = 0
    let refused = 0
    fc.assert(
      fc.property(
        rulesOf,
        wishes,
        fc.integer({ min: 1, max: 3 }),
        fc.infiniteStream(fc.nat()),
        fc.nat({ max: 40 }),
        (rules, wish, count, dice, stop) => {
          const present = Array.from({ length: count }, (_, index) => ({ node: `n${index}`, rules }))
          let stages: readonly EncryptionStage[]
          try {
            stages = encryptionStages(present, wish)
          } catch (error) {
            expect(error).toBeInstanceOf(NoStages)
            refused++
            return
          }
          done++
          const world = new World(present)
          world.live()
          const taken: (() => void)[] = []
          const shuffled = <T>(items: readonly T[]): T[] =>
            items
              .map((item) => [dice.next().value as number, item] as const)
              .toSorted((a, b) => a[0] - b[0])
              .map(([, item]) => item)
          const stepsOf = (all: readonly EncryptionStage[]) =>
            all.flatMap((stage): readonly Step[] => (stage.is === 'rewrite' ? [stage] : shuffled(stage.files)))
          const steps = stepsOf(stages)
          const take = (step: Step): void => {
            if ('is' in step) {
              if (!step.onlyUndo) world.rewrite(step.resources)
              taken.push(() => world.rewrite(step.resources))
            } else {
              const before = world.loaded.get(step.node)!
              world.load(step.node, step.rules)
              taken.push(() => world.load(step.node, before))
            }
          }
          for (const step of steps.slice(0, stop)) take(step)
          if (stop >= steps.length) {
            // It has arrived: what is stored is what is written, and going on finds nothing left to do in the files.
            const { goal } = wish
            for (const stage of stages)
              if (stage.is === 'rewrite' && !stage.onlyUndo)
                for (const resource of stage.resources) expect([...world.stored.get(resource)!]).toEqual([stage.prefix])
            for (const resource of goal.to === 'encrypt' ? goal.resources : [])
              expect(writes(world.loaded.get('n0')!, resource)).not.toBe('')
          } else if (stop % 2 === 0) for (const back of taken.toReversed()) back()
          else {
            // Killed, and planned anew from what is there; then perhaps both runs are taken back.
            const rest = encryptionStages(
              [...world.loaded].map(([node, now]) => ({ node, rules: now })),
              wish,
            )
            for (const step of stepsOf(rest)) take(step)
            // An API server that is given no file any more then reads everything.
            if (wish.goal.to === 'plain')
              expect([...world.stored.values()].flatMap((prefixes) => [...prefixes]).filter(Boolean)).toEqual([])
            if (stop % 3 === 0) for (const back of taken.toReversed()) back()
          }
        },
      ),
      { numRuns: 2500 },
    )
    expect(done).toBeGreaterThan(1500)
    expect(refused).toBeLessThan(done / 2)
  })
})
