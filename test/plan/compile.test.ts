import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judge } from '../../src/engine/judge.ts'
import type { Finding, KubeObject, Plan, RegisteredControl, Step } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { canonicalJson } from '../../src/plan/canonical.ts'
import { compile, remedyPreview } from '../../src/plan/compile.ts'
import { applyPlan, undoPlan } from '../../src/plan/in-memory.ts'
import { byId, controlOf, deployment, findingsOf, ids, namespace, wants, worldOf } from './plan-fixtures.ts'

const columns = ({ ledger }: Plan) =>
  [...ledger.fixable, ...[...ledger.needsValue, ...ledger.byHand, ...ledger.refused].map((entry) => entry.finding)].sort()
const all = (world: ReturnType<typeof worldOf>) =>
  canonicalJson(
    (['Deployment', 'Namespace', 'NetworkPolicy', 'Pod', 'ClusterRoleBinding'] as const).map((kind) =>
      [...(world.all(kind) as readonly KubeObject[])].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    ),
  )
const planOf = (
  controls: Parameters<typeof findingsOf>[0],
  world: ReturnType<typeof worldOf>,
  options: Parameters<typeof compile>[3] = {},
) => compile(findingsOf(controls, world), byId(controls), world, options)

describe('one step per object', () => {
  const controls = [
    wants('priv', 'privileged', false),
    wants('ape', 'allowPrivilegeEscalation', false),
    wants('ro', 'readOnlyRootFilesystem', true, 'may-break'),
  ]
  const world = worldOf([deployment('cart'), deployment('web')])

  test('three findings of a Deployment are one rollout, with the highest of their risks', () => {
    const { steps } = planOf(controls, world)
    expect(steps.map((step) => [step.title.split(':')[0], step.mends.length, step.risk])).toEqual([
      ['Deployment shop/cart', 3, 'may-break'],
      ['Deployment shop/web', 3, 'may-break'],
    ])
    const after = applyPlan(world, steps)
    expect(after.find('Deployment', 'shop', 'cart')?.spec?.template?.spec?.containers[0]?.securityContext).toEqual({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    })
  })
  test('what is too risky is left out, and does not make the rest risky', () => {
    const { steps, ledger } = planOf(controls, world, { acceptRisk: 'restarts-pods' })
    expect(steps.map((step) => [step.mends.length, step.risk])).toEqual([
      [2, 'restarts-pods'],
      [2, 'restarts-pods'],
    ])
    expect(ledger.refused.map((entry) => entry.because)).toEqual(
      Array(2).fill(
        'its change may break something, and only changes up to "restarts-pods" are accepted: --accept-risk may-break takes it',
      ),
    )
  })
  test('a template change is never called safe', () => {
    expect(planOf([wants('priv', 'privileged', false, 'safe')], world).steps[0]?.risk).toBe('restarts-pods')
  })
  test('two remedies that want different values: the second is refused, with the reason', () => {
    const both = [wants('one', 'runAsUser', 'a'), wants('two', 'runAsUser', 'b')]
    const plan = planOf(both, worldOf([deployment('cart')]))
    expect(plan.ledger.fixable).toHaveLength(1)
    expect(plan.ledger.refused[0]?.because).toContain('wants a different value in Deployment shop/cart')
  })
  test('the same step has the same id in the next plan, and the digest tells other values apart', () => {
    const [first, again] = [planOf(controls, world), planOf(controls, worldOf([deployment('cart'), deployment('web')]))]
    expect(again).toEqual(first)
    const moved = planOf(controls, worldOf([deployment('cart', { securityContext: { privileged: true } }), deployment('web')]))
    expect(moved.steps.map((step) => step.id)).toEqual(first.steps.map((step) => step.id))
    expect(moved.digest).not.toBe(first.digest)
  })
  test('status and versions are not part of what is approved', () => {
    const grown = worldOf([deployment('cart', {}, { resourceVersion: '7', generation: 3 }), deployment('web')])
    expect(planOf(controls, grown).digest).toBe(planOf(controls, world).digest)
  })
})

describe('the ledger', () => {
  const kinds = [{ byHand: 'ask somebody' }, { refused: 'never' }, { needs: { option: 'registry', question: 'Which registry?' } }] as const
  test('adds up, whatever remedies answer', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('edit', 'throws', 'missing', 'nothing', 'noop', 0, 1, 2), { maxLength: 8 }), (answers) => {
        const world = worldOf([deployment('cart')])
        const controls = answers.map((answer, index) =>
          controlOf(
            `c${index}`,
            function* (view) {
              yield { subject: refOf(view.all('Deployment')[0]!), reason: 'is bad', evidence: null, key: String(index) }
            },
            ({ subject }) => {
              if (typeof answer === 'number') return kinds[answer]!
              if (answer === 'throws') throw new Error('oops')
              if (answer === 'nothing') return { changes: [], risk: 'safe', summary: 'look at it' }
              const target = answer === 'missing' ? { ...subject, name: 'other' } : subject
              return {
                changes: [{ type: 'edit', target, edits: [{ set: ['spec', 'replicas'], to: answer === 'noop' ? 1 : index + 2 }] }],
                risk: 'safe',
                summary: 'scale',
              }
            },
          ),
        )
        const findings = findingsOf(controls, world)
        const plan = compile(findings, byId(controls), world, {})
        expect(columns(plan)).toEqual(ids(findings))
        expect(plan.steps.flatMap((step) => step.mends).sort()).toEqual([...plan.ledger.fixable].sort())
      }),
    )
  })
  test("accepted risks and the platform's own are refused, not planned", () => {
    const control = wants('priv', 'privileged', false)
    const world = worldOf([{ ...deployment('dns'), metadata: { name: 'dns', namespace: 'kube-system' } } as KubeObject, deployment('cart')])
    const findings = judge(control, world).findings.map((finding) => ({ ...finding, excepted: finding.subject.name === 'cart' }))
    const plan = compile(findings, byId([control]), world, {})
    expect(plan.steps).toEqual([])
    expect(plan.ledger.refused.map((entry) => entry.because)).toEqual([
      expect.stringContaining('platform'),
      expect.stringContaining('exceptions file'),
    ])
  })
  test('a run without questions leaves what its operator must want, unless the control is named', () => {
    const wanted: RegisteredControl = { ...wants('c', 'x', true, 'safe'), deliberate: true }
    const view = worldOf([deployment('cart')])
    const plan = (unattended: boolean) => compile(findingsOf([wanted], view), byId([wanted]), view, { unattended })
    expect(plan(false).steps).toHaveLength(1)
    expect(plan(true)).toMatchObject({ steps: [], ledger: { refused: [{ because: expect.stringContaining('--control c') }] } })
  })
  test('a preview says what the plan would do', () => {
    const control = wants('priv', 'privileged', false)
    const world = worldOf([deployment('cart')])
    expect(remedyPreview(findingsOf([control], world)[0]!, control, world)).toEqual({
      kind: 'edit',
      risk: 'restarts-pods',
      summary: 'set privileged',
    })
  })
})

describe('undo', () => {
  test('the inverse of a plan gives every object back', () => {
    const value = fc.constantFrom('a', 'b', true, false)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('p', 'q', 'r'), value), { minLength: 1, maxLength: 5 }),
        fc.dictionary(fc.constantFrom('p', 'q'), value),
        (wanted, present) => {
          const controls = wanted.map(([field, to], index) => wants(`c${index}`, field, to))
          const world = worldOf([
            deployment('cart', Object.keys(present).length > 0 ? { securityContext: present } : {}),
            deployment('web'),
          ])
          const { steps } = planOf(controls, world)
          expect(all(undoPlan(applyPlan(world, steps), steps))).toBe(all(world))
        },
      ),
      { numRuns: 300 },
    )
  })
  test('deletes and creations are taken back too', () => {
    const object: KubeObject = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny', namespace: 'shop' } }
    const control = controlOf(
      'x',
      function* (view) {
        for (const one of view.all('Deployment')) yield { subject: refOf(one), reason: 'is bad', evidence: null }
      },
      ({ subject }) => ({
        changes: [
          { type: 'create', object },
          { type: 'delete', target: subject },
        ],
        risk: 'may-break',
        summary: 'replace it',
      }),
    )
    const world = worldOf([deployment('cart')])
    const { steps } = planOf([control], world)
    expect(all(applyPlan(world, steps))).not.toBe(all(world))
    expect(all(undoPlan(applyPlan(world, steps), steps))).toBe(all(world))
  })
})

describe('order', () => {
  const policy = (name: string, spec: object): KubeObject =>
    ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: 'shop' }, spec }) as KubeObject
  const proposing = (
    id: string,
    subject: KubeObject,
    changes: (finding: Finding) => Step['changes'],
    risk: 'safe' | 'may-break' = 'may-break',
  ) =>
    controlOf(
      id,
      function* () {
        yield { subject: refOf(subject), reason: 'is bad', evidence: null }
      },
      (finding) => ({ changes: changes(finding), risk, summary: id }),
    )

  test('nodes before workloads, workloads before policies, allows before denies, a namespace enforces after its pods, removals and files last', () => {
    const [ns, node, cart, binding] = [
      namespace('shop'),
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'cp-1' }, spec: {} } as KubeObject,
      deployment('cart'),
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'all' },
        roleRef: { kind: 'ClusterRole', name: 'x' },
      } as KubeObject,
    ]
    const world = worldOf([ns, node, cart, binding])
    const label = (mode: string) => ({ set: ['metadata', 'labels', `pod-security.kubernetes.io/${mode}`], to: 'restricted' }) as const
    const controls = [
      proposing('file', ns, () => [{ type: 'file', name: 'a.yaml', text: { text: 'a: 1\n' }, mode: 0o644, runbook: [], rollback: [] }]),
      proposing('remove', binding, ({ subject }) => [{ type: 'delete', target: subject }]),
      proposing('enforce', ns, ({ subject }) => [{ type: 'edit', target: subject, edits: [label('enforce')] }]),
      proposing('deny', ns, () => [{ type: 'create', object: policy('deny', { podSelector: {}, policyTypes: ['Ingress'] }) }]),
      proposing('allow', ns, () => [
        { type: 'create', object: policy('allow', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }) },
      ]),
      proposing('pods', cart, ({ subject }) => [
        { type: 'edit', target: subject, edits: [{ set: ['spec', 'template', 'spec', 'hostPID'], to: false }] },
      ]),
      proposing('taint', node, ({ subject }) => [
        { type: 'edit', target: subject, edits: [{ set: ['spec', 'taints'], to: [{ key: 'a', effect: 'NoSchedule' }] }] },
      ]),
      proposing('warn', ns, ({ subject }) => [{ type: 'edit', target: subject, edits: [label('warn')] }], 'safe'),
    ]
    expect(planOf(controls, world).steps.map((step) => step.controls[0])).toEqual([
      'warn',
      'taint',
      'pods',
      'allow',
      'deny',
      'enforce',
      'remove',
      'file',
    ])
  })
  test("a proposal's own order wins, and its steps know what they need", () => {
    const ns = namespace('shop')
    const control = proposing('both', ns, () => [
      { type: 'create', object: policy('b-deny', { podSelector: {}, policyTypes: ['Ingress'] }) },
      { type: 'create', object: policy('a-allow', { podSelector: {}, ingress: [{}] }) },
    ])
    const { steps } = planOf([control], worldOf([ns]))
    expect(steps.map((step) => step.title.split(':')[0])).toEqual(['NetworkPolicy shop/b-deny', 'NetworkPolicy shop/a-allow'])
    expect(steps[1]?.after).toEqual([steps[0]?.id])
    expect(steps.map((step) => step.mends.length)).toEqual([0, 1])
  })
})

describe('objects that others own', () => {
  const control = wants('priv', 'privileged', false)
  const helm = deployment('cart', {}, { labels: { 'app.kubernetes.io/managed-by': 'Helm' } })
  test('get a patch file on a live cluster, and an edit in a directory', () => {
    expect(planOf([control], worldOf([helm])).steps.map((step) => [step.managedBy, step.carriedOut])).toEqual([['helm', 'file']])
    expect(planOf([control], worldOf([helm], { source: 'manifests' })).steps.map((step) => [step.managedBy, step.carriedOut])).toEqual([
      ['helm', 'live'],
    ])
  })
  test('a pod of a ReplicaSet is refused, naming whom to change instead', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        namespace: 'shop',
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u', controller: true }],
      },
      spec: { containers: [{ name: 'a' }] },
    } as KubeObject
    const own = controlOf(
      'own',
      function* (view) {
        for (const one of view.all('Pod')) yield { subject: refOf(one), reason: 'is bad', evidence: null }
      },
      ({ subject }) => ({
        changes: [{ type: 'edit', target: subject, edits: [{ set: ['spec', 'hostPID'], to: false }] }],
        risk: 'safe',
        summary: 'x',
      }),
      ['Pod'],
    )
    expect(planOf([own], worldOf([pod])).ledger.refused[0]?.because).toBe(
      'ReplicaSet rs would make Pod shop/p as it was again: change that instead',
    )
  })
  test('a bare pod that is deleted and created again is one change of it, which may break things', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'shop', uid: 'u', resourceVersion: '5' },
      spec: { containers: [{ name: 'a' }] },
      status: { phase: 'Running' },
    } as KubeObject
    const remake = (id: string, field: string) =>
      controlOf(
        id,
        function* (view) {
          for (const one of view.all('Pod')) yield { subject: refOf(one), reason: 'is bad', evidence: null }
        },
        ({ subject }) => ({
          changes: [
            { type: 'delete', target: subject },
            {
              type: 'create',
              object: {
                apiVersion: 'v1',
                kind: 'Pod',
                metadata: { name: 'p', namespace: 'shop' },
                spec: { containers: [{ name: 'a' }], [field]: false },
              } as KubeObject,
            },
          ],
          risk: 'safe',
          summary: id,
        }),
        ['Pod'],
      )
    const { steps } = planOf([remake('one', 'hostPID'), remake('two', 'hostIPC')], worldOf([pod]))
    expect(steps.map((step) => [step.changes, step.risk, step.mends.length])).toEqual([
      [
        [
          {
            type: 'edit',
            target: refOf(pod),
            edits: [
              { set: ['spec', 'hostPID'], to: false },
              { set: ['spec', 'hostIPC'], to: false },
            ],
          },
        ],
        'may-break',
        2,
      ],
    ])
  })
})

describe('files', () => {
  const write = (id: string, text: string) =>
    controlOf(
      id,
      function* (view) {
        yield { subject: refOf(view.all('Deployment')[0]!), reason: 'is bad', evidence: null }
      },
      () => ({
        changes: [{ type: 'file', name: 'kubelet/config.yaml', text: { text }, mode: 0o644, runbook: ['place it', id], rollback: [] }],
        risk: 'may-break',
        summary: id,
      }),
    )
  const world = worldOf([deployment('cart')])
  test('two findings write one file where they do not contradict each other', () => {
    const { steps } = planOf(
      [write('a', '# ours\nreadOnlyPort: 0\n'), write('b', 'authentication:\n  anonymous:\n    enabled: false\n')],
      world,
    )
    expect(steps.map((step) => step.changes)).toEqual([
      [
        expect.objectContaining({
          text: { text: '# ours\nreadOnlyPort: 0\nauthentication:\n  anonymous:\n    enabled: false\n' },
          runbook: ['place it', 'a', 'b'],
        }),
      ],
    ])
  })
  test('a contradiction is refused', () => {
    expect(planOf([write('a', 'x: 1\n'), write('b', 'x: 2\n')], world).ledger.refused[0]?.because).toContain(
      'kubelet/config.yaml is already written by this plan',
    )
  })
  test('a file of a known kind shows in memory under its name, and its keys are stand-ins', () => {
    const text =
      'apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- providers:\n  - secretbox:\n      keys:\n      - {name: k, secret: "{{key 1}}"}\n'
    const control = controlOf(
      'enc',
      function* (view) {
        yield { subject: refOf(view.all('Deployment')[0]!), reason: 'is bad', evidence: null }
      },
      () => ({
        changes: [{ type: 'file', name: 'etc/encryption.yaml', text: { text, secretKeys: 1 }, mode: 0o600, runbook: [], rollback: [] }],
        risk: 'may-break',
        summary: 'x',
      }),
    )
    const { steps } = planOf([control], world)
    const after = applyPlan(world, steps)
    expect(world.unread('EncryptionConfiguration')).toBeDefined()
    expect(after.unread('EncryptionConfiguration')).toBeUndefined()
    expect(after.find('EncryptionConfiguration', undefined, 'encryption.yaml')).toMatchObject({
      resources: [{ providers: [{ secretbox: { keys: [{ secret: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) }] } }] }],
    })
    expect(undoPlan(after, steps).all('EncryptionConfiguration')).toEqual([])
  })
})
