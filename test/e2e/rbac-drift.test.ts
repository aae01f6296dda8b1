/** The default roles and bindings of a real API server: equal to our table, drifted in every way we know, brought back, and taken back. */
import { afterEach, expect, test } from 'vitest'
import rbacDefaultDrift from '../../src/controls/rbac/rbac-default-drift.ts'
import { judge } from '../../src/engine/judge.ts'
import type { BindingObject, KubeObject, PolicyRule, RegisteredControl, RoleObject } from '../../src/model/index.ts'
import { BOOTSTRAP_BINDINGS, BOOTSTRAP_ROLES } from '../../src/objects/rbac-bootstrap.gen.ts'
import { bootstrapBinding, defaultAggregation, defaultRules, isLabelledDefault, subjectText } from '../../src/objects/rbac-bootstrap.ts'
import { covers } from '../../src/objects/rbac-rules.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { undoable } from '../../src/plan/journal.ts'
import { undo } from '../../src/plan/undo.ts'
import { FileJournal } from '../../src/writers/journal.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { comparable, openSession, type Session } from './apply-harness.ts'

const ROOT = '/apis/rbac.authorization.k8s.io/v1'
const MINOR = 37
const PLURALS = { ClusterRole: 'clusterroles', Role: 'roles', ClusterRoleBinding: 'clusterrolebindings', RoleBinding: 'rolebindings' }
type RbacKind = keyof typeof PLURALS
const drift: RegisteredControl = { ...rbacDefaultDrift, id: 'rbac-default-drift', practice: 'rbac' }

const pathOf = ({ kind, metadata }: KubeObject): string =>
  `${ROOT}/${metadata.namespace === undefined ? '' : `namespaces/${metadata.namespace}/`}${PLURALS[kind as RbacKind]}/${metadata.name}`
const named = ({ kind, metadata }: KubeObject): string => `${kind} ${keyOf(metadata.namespace, metadata.name)}`
/** The controller manager of the test must keep its own rights, or nothing fills the aggregated roles. */
const isNeeded = (object: KubeObject): boolean =>
  /kube-controller-manager|leader-|extension-apiserver|cluster-admin/.test(object.metadata.name)

describeCluster('defaults of a real API server', { controllerManager: true, audit: false }, (cluster) => {
  let session: Session | undefined
  afterEach(async () => {
    await session?.close()
    session = undefined
  })
  const api = () => cluster().api
  async function all<T extends KubeObject>(...kinds: RbacKind[]): Promise<readonly T[]> {
    const lists = await Promise.all(
      kinds.map(async (kind) =>
        (await api().get<{ items: T[] }>(`${ROOT}/${PLURALS[kind]}`)).items.map((item) => ({ ...item, apiVersion: ROOT.slice(6), kind })),
      ),
    )
    return lists.flat()
  }
  async function put(object: KubeObject): Promise<void> {
    const { status, text } = await api().request('PUT', pathOf(object), { body: object })
    expect(status, text).toBe(200)
  }
  /** Aggregated roles are filled one after another, by a controller that has just started. */
  const filled = () =>
    expect
      .poll(
        async () => {
          const roles = (await all<RoleObject>('ClusterRole', 'Role')).filter(isLabelledDefault)
          const least = ({ metadata }: RoleObject) => defaultRules(metadata.namespace, metadata.name, MINOR, false) ?? []
          return roles.filter((role) => !least(role).every((rule) => covers(role.rules ?? [], rule))).map(named)
        },
        { timeout: 120_000 },
      )
      .toEqual([])
  const everything = async () =>
    new Map((await all('ClusterRole', 'Role', 'ClusterRoleBinding', 'RoleBinding')).map((one) => [named(one), one] as const))
  const failing = () => session!.scan.findings.filter(({ verdict }) => verdict === 'fail')

  test('a fresh one has what the table says, no more and no less', async () => {
    await filled()
    const roles = (await all<RoleObject>('ClusterRole', 'Role')).filter(isLabelledDefault)
    for (const role of roles) {
      const { namespace, name } = role.metadata
      const [most, least] = [defaultRules(namespace, name, MINOR), defaultRules(namespace, name, MINOR, false)]
      expect(most, named(role)).toBeDefined()
      expect(
        (role.rules ?? []).filter((rule) => !covers(least ?? [], rule)),
        `more in ${named(role)}`,
      ).toEqual([])
      expect(
        (least ?? []).filter((rule) => !covers(role.rules ?? [], rule)),
        `less in ${named(role)}`,
      ).toEqual([])
    }
    const there = new Set(roles.map(({ metadata }) => keyOf(metadata.namespace, metadata.name)))
    const expected = Object.keys(BOOTSTRAP_ROLES).filter((key) => {
      const [name, namespace] = key.split('/').reverse() as [string, string?]
      return defaultRules(namespace, name, MINOR, false) !== undefined
    })
    expect(expected.filter((key) => !there.has(key))).toEqual([])

    const bindings = (await all<BindingObject>('ClusterRoleBinding', 'RoleBinding')).filter(isLabelledDefault)
    const seen = bindings.map((binding) => [
      keyOf(binding.metadata.namespace, binding.metadata.name),
      {
        role: `${binding.roleRef.kind} ${binding.roleRef.name}`,
        subjects: (binding.subjects ?? []).map((one) => subjectText(one, binding.metadata.namespace)).sort(),
      },
    ])
    const shipped = Object.keys(BOOTSTRAP_BINDINGS).flatMap((key) => {
      const binding = bootstrapBinding(key, MINOR)
      return binding === undefined ? [] : [[key, { ...binding, subjects: binding.subjects.toSorted() }]]
    })
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(shipped))

    session = await openSession({ kubeconfig: cluster().kubeconfig, controls: [drift] })
    expect(judge(drift, session.scan.state.snapshot)).toMatchObject({ status: 'pass', findings: [] })
  })

  test('every drift is found, brought back to what was shipped, as a restart confirms, and can be taken back', async () => {
    await filled()
    const before = await everything()
    const expected = new Set<string>()
    const roles = [...before.values()].filter((one): one is RoleObject => one.kind === 'ClusterRole' || one.kind === 'Role')
    for (const [at, role] of roles.filter((one) => isLabelledDefault(one) && !isNeeded(one)).entries()) {
      if (defaultAggregation(role.metadata.name).from.length > 0) continue
      const changed = driftedRole(role, at % 4)
      if (at % 4 !== 2) expected.add(named(role))
      await put(changed)
    }
    const bindings = [...before.values()].filter(
      (one): one is BindingObject => one.kind.endsWith('Binding') && isLabelledDefault(one as BindingObject),
    )
    for (const [at, binding] of bindings.filter((one) => !isNeeded(one) && one.metadata.name !== 'system:node').entries()) {
      const mallory = { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'mallory' } as const
      const subjects = at % 3 === 0 ? [...(binding.subjects ?? []), mallory] : at % 3 === 1 ? [mallory, ...(binding.subjects ?? [])] : []
      const changed = { ...binding, subjects }
      if (at % 3 !== 2) expected.add(named(binding))
      await put(changed)
    }
    const own: RoleObject = {
      apiVersion: ROOT.slice(6),
      kind: 'ClusterRole',
      metadata: { name: 'reads-secrets', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true', team: 'shop' } },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] }],
    }
    await api().create(`${ROOT}/clusterroles`, own)
    expected.add(named(own))
    expect(expected.size).toBeGreaterThan(80)

    const drifted = await everything()

    session = await openSession({ kubeconfig: cluster().kubeconfig, controls: [drift] })
    expect(new Set(failing().map(({ subject }) => `${subject.kind} ${keyOf(subject.namespace, subject.name)}`))).toEqual(expected)
    const reviewed = session.scan.findings.filter(({ verdict }) => verdict === 'review')
    expect(reviewed.length).toBeGreaterThan(20)
    expect(reviewed.every(({ reason }) => reason === MISSING || reason === FROZEN)).toBe(true)

    const states = await session.apply()
    expect(states.filter(({ is }) => is !== 'mended')).toEqual([])
    await expect.poll(failing).toEqual([])
    const mended = await everything()
    for (const key of expected) {
      const [now, then] = [mended.get(key), before.get(key)]
      if (key === named(own)) expect(now?.metadata.labels).toEqual({ team: 'shop' })
      else if (key.includes('Binding')) expect(subjectsOf(now), key).toEqual(subjectsOf(then))
      else expect([beyond(now, then), beyond(then, now)], key).toEqual([[], []])
    }

    // The API server's own word: it adds what is missing at its start, and finds nothing missing in what we put right.
    const { state } = session
    await session.close()
    await cluster().restartApiServer()
    await filled()
    const restarted = await everything()
    for (const key of expected)
      expect([rulesOf(restarted.get(key)), subjectsOf(restarted.get(key))], key).toEqual([
        rulesOf(mended.get(key)),
        subjectsOf(mended.get(key)),
      ])

    session = await openSession({ kubeconfig: cluster().kubeconfig, controls: [drift], state })
    const [last] = await session.runs()
    const journal = await FileJournal.resume(state, last!.header.run)
    const undone = []
    for await (const event of undo({
      steps: undoable(last!),
      writer: () => session!.writer,
      journal,
      signal: new AbortController().signal,
      now: () => new Date().toISOString(),
    }))
      if (event.state.is !== 'undoing') undone.push(event.state.is)
    await journal.close()
    expect(new Set(undone)).toEqual(new Set(['undone']))
    const again = await everything()
    for (const key of expected) expect(comparable(again.get(key)!), key).toEqual(comparable(drifted.get(key)!))
  }, 400_000)
})

const MISSING = 'grants less than Kubernetes ships it with'
const FROZEN = 'is not brought up to date when the API server starts'

const rulesOf = (object: KubeObject | undefined): readonly PolicyRule[] => (object as RoleObject | undefined)?.rules ?? []
const subjectsOf = (object: KubeObject | undefined): readonly string[] =>
  ((object as BindingObject | undefined)?.subjects ?? []).map((one) => subjectText(one, object!.metadata.namespace))
/** Rules of the one that the other does not cover. */
const beyond = (one: KubeObject | undefined, other: KubeObject | undefined): readonly PolicyRule[] =>
  rulesOf(one).filter((rule) => !covers(rulesOf(other), rule))

/** 0: a rule more; 1: the first rule grants more; 2: the same rights otherwise, and no updates; 3: everything instead. */
function driftedRole(role: RoleObject, way: number): RoleObject {
  const [first, ...others] = role.rules ?? []
  const everything: PolicyRule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }
  if (way === 0 || first === undefined)
    return { ...role, rules: [...(role.rules ?? []), { apiGroups: ['drift.example'], resources: ['things'], verbs: ['drift'] }] }
  if (way === 1) return { ...role, rules: [{ ...first, verbs: [...first.verbs, 'drift'] }, ...others] }
  if (way === 2)
    return {
      ...role,
      metadata: { ...role.metadata, annotations: { ...role.metadata.annotations, 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
      rules: [...first.verbs.map((verb) => ({ ...first, verbs: [verb] })), ...others],
    }
  return { ...role, rules: [everything, ...(role.rules ?? []).filter((rule) => (rule.nonResourceURLs?.length ?? 0) > 0)] }
}
