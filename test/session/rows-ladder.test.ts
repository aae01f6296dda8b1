import { describe, expect, test } from 'vitest'
import psaEnforced from '../../src/controls/nodes-and-pods/psa-enforced.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl } from '../../src/model/index.ts'
import { allHere, enter, findingsHere } from '../../src/session/actions-enter.ts'
import type { Route } from '../../src/session/route.ts'
import { ladderNumbers, ladderRows, rungRows } from '../../src/session/rows-ladder.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { initialState, type Scan, type State } from '../../src/session/store-state.ts'
import { bindingFor } from '../../views/keys.ts'
import { worldOf } from '../helpers/world.ts'

const RESTRICTED =
  'securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: [{name: app, image: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]'
const BASELINE = 'containers: [{name: app, image: a}]'
const labelsText = (labels: Record<string, string>) =>
  Object.entries(labels)
    .map(([key, value]) => `pod-security.kubernetes.io/${key}: ${value}`)
    .join(', ')
const namespace = (name: string, labels: Record<string, string> = {}) =>
  `---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {${labelsText(labels)}}}\n`
const deployment = (ns: string, name: string, spec: string) =>
  `---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: ${ns}}\nspec: {template: {spec: {${spec}}}}\n`
const world = (extra = '', flags = '') =>
  `---\napiVersion: k8s-harden.test/v1\nkind: World\nfacts: {ApiServerFlagz: {flags: {${flags}}}, ServerVersion: {gitVersion: v1.37.2, minor: 37}}\n${extra}`

const TYPICAL =
  namespace('bare') +
  namespace('kube-system') +
  deployment('kube-system', 'dns', BASELINE) +
  namespace('ready', { warn: 'restricted' }) +
  deployment('ready', 'web', RESTRICTED) +
  namespace('half', { enforce: 'baseline', 'enforce-version': 'v1.30' }) +
  deployment('half', 'plain', BASELINE) +
  deployment('half', 'hard', RESTRICTED) +
  namespace('stuck') +
  deployment('stuck', 'host', `hostPID: true, ${BASELINE}`) +
  namespace('broken', { enforce: 'restricted' }) +
  deployment('broken', 'host', `hostPID: true, ${BASELINE}`) +
  namespace('top', { enforce: 'restricted', 'enforce-version': 'v1.37' }) +
  deployment('top', 'web', RESTRICTED)

function stateOf(text: string, route: Route = { at: 'ladder' }): State {
  const { snapshot } = worldOf(text)
  const control = { ...psaEnforced, id: 'psa-enforced', practice: 'nodes-and-pods' } as RegisteredControl
  const findings = new Map(judge(control, snapshot).findings.map((finding) => [finding.id, finding]))
  return { ...initialState({ columns: 80, rows: 24 }), route, scan: { snapshot, findings } as unknown as Scan }
}
const table = (text: string): string[] => ladderRows(stateOf(text)).map((row) => lineText(row.line(78, new Set())).trimEnd())

describe('the Pod Security ladder', () => {
  test('shows where each namespace stands, at 80 columns', () => {
    expect(table(TYPICAL + world())).toEqual([
      '    namespace          enforces           passes     next',
      '[ ] bare               nothing            (empty)    can enforce baseline',
      '    broken             restricted latest  -          1 of 1 would be refused',
      '    half               baseline v1.30     baseline   1 of 2 fails restricted',
      '[ ] ready              nothing, warns     restricted can enforce restricted',
      '[ ] stuck              nothing            -          1 of 1 fails baseline',
      '    top                restricted v1.37   restricted at the top',
      '',
      "The platform's own: shown, but nothing is proposed",
      '    kube-system        nothing            baseline   1 of 1 fails restricted',
    ])
    expect(ladderNumbers(stateOf(TYPICAL + world()).scan)).toBe('6 namespaces, 2 ready to climb')
  })

  test('never says that something is passed while not all could be read', () => {
    const unread =
      'unread: [{what: Job, why: forbidden, because: "the API server refused to list jobs (403)", answer: allow list on jobs}]\n'
    const rows = table(TYPICAL + world(unread)).filter((line) => /bare|ready|top/.test(line))
    expect(rows).toHaveLength(3)
    for (const line of rows) expect(line).toMatch(/ \? +not known: the API serve/)
    expect(ladderNumbers(stateOf(TYPICAL + world(unread)).scan)).toBe('6 namespaces, 0 ready to climb')
  })

  test('says so where labels have no effect', () => {
    for (const line of table(
      namespace('a') + deployment('a', 'web', RESTRICTED) + world('', 'disable-admission-plugins: PodSecurity'),
    ).slice(1))
      expect(line).toMatch(/ignored .* labels have no effect: /)
  })

  test('one namespace: who stands between, and by what', () => {
    const text = rungRows(stateOf(TYPICAL + world()), 'half', 78).map((row) => lineText(row.line(78, new Set())).trimEnd())
    expect(text.slice(0, 8)).toEqual([
      'Enforces baseline v1.30',
      'Warns of nothing, audits nothing.',
      '2 workloads, all of which pass baseline (version 1.30).',
      'Next: 1 of 2 fails restricted.',
      '',
      'Between here and restricted',
      '  Deployment half/plain',
      '    - allowPrivilegeEscalation: container "app" must set',
    ])
    expect(rungRows(stateOf(TYPICAL + world()), 'gone', 78).map((row) => lineText(row.line(40, new Set())).trimEnd())).toEqual([
      'This namespace is not there any more.',
    ])
  })

  test('enter opens a namespace, a plans its labels, A all of them, and none of the platform', () => {
    const state = stateOf(TYPICAL + world())
    expect(enter(state)).toEqual({ type: 'go', to: { at: 'rung', namespace: 'bare' } })
    const of = (one: State) => findingsHere(one).map((id) => one.scan?.findings.get(id)?.subject.name)
    expect(of(state)).toEqual(['bare'])
    expect(of(stateOf(TYPICAL + world(), { at: 'rung', namespace: 'ready' }))).toEqual(['ready'])
    expect(of(stateOf(TYPICAL + world(), { at: 'rung', namespace: 'kube-system' }))).toEqual([])
    expect(allHere(state).map((id) => state.scan?.findings.get(id)?.subject.name)).toEqual(['bare', 'ready', 'stuck'])
    expect(bindingFor('ladder', 'a')?.does(state, 0, 'a')).toEqual({ type: 'plan', findings: findingsHere(state) })
    const practice = (name: 'nodes-and-pods' | 'rbac'): State => ({ ...state, route: { at: 'practice', practice: name } })
    expect(bindingFor('practice', 'L')?.does(practice('nodes-and-pods'), 0, 'L')).toEqual({ type: 'go', to: { at: 'ladder' } })
    expect(bindingFor('practice', 'L')?.off?.(practice('nodes-and-pods'))).toBeUndefined()
    expect(bindingFor('practice', 'L')?.off?.(practice('rbac'))).toBeDefined()
  })
})
