/** Keys that mark findings, narrow the list, choose values, and make the plan. None of them writes anything. */
import type { StepId } from '../src/model/index.ts'
import type { Action } from '../src/session/actions.ts'
import { allHere, controlHere, findingsHere } from '../src/session/actions-enter.ts'
import { plansPolicies } from '../src/session/connectivity-sight.ts'
import { isOfNetwork } from '../src/session/network-findings.ts'
import type { Route, ScreenName } from '../src/session/route.ts'
import { selectedKey } from '../src/session/rows.ts'
import { optionsOf } from '../src/session/rows-finding.ts'
import { subjectAt } from '../src/session/rows-hops.ts'
import { isOfLabels } from '../src/session/rows-ladder.ts'
import { selectedSteps } from '../src/session/rows-plan.ts'
import type { State } from '../src/session/store-state.ts'
import { type Binding, bind, busy, noSource, PLACES, someOf } from './key-binding.ts'

const nothingHere = (state: State): string | undefined => (findingsHere(state).length === 0 ? 'no finding is selected' : undefined)
/** Half of a cluster looks different: pods whose Deployment has not been read yet seem to be nobody's. */
const reading = ({ scan }: State): string | undefined => (scan?.synced === false ? 'still reading; a plan needs all of it' : undefined)
const noPlan = (state: State): string | undefined => (state.planned === undefined ? 'nothing is planned' : undefined)
const noSteps = ({ planned }: State): string | undefined =>
  planned === undefined || selectedSteps(planned).length === 0 ? 'no step is chosen' : undefined

export const CHOOSING_KEYS: readonly Binding[] = [
  bind(
    'space',
    ['overview', 'practice', 'finding', 'ladder', 'rung', 'escalations', 'escalation'],
    'mark or unmark the finding (a whole group on its title)',
    (state) => mark(findingsHere(state)),
    {
      hint: ['mark', 2],
      off: nothingHere,
    },
  ),
  bind('*', ['practice'], 'mark or unmark all that the filter shows', (state) => mark(allHere(state))),
  bind(
    '/',
    ['practice'],
    'filter by any text: object, namespace, check, owner',
    ({ filter }) => ({ type: 'overlay', overlay: { is: 'entry', of: 'filter', text: filter.text } }),
    {
      hint: ['filter', 5],
    },
  ),
  bind('s', ['practice'], 'show all severities, medium and above, high, critical only', () => ({ type: 'least' }), {
    hint: ['severity', 6],
  }),
  bind('b', ['practice'], 'group by check, by object, by owner', () => ({ type: 'group-by' }), { hint: ['group', 7] }),
  bind(
    'c',
    ['finding', 'ladder', 'rung'],
    'change the choices of this fix',
    (state) => someOf(choosable(state), ([control]) => ({ type: 'go', to: { at: 'choose', control: control! } })),
    {
      hint: ['choices', 4],
      off: (state) => (choosable(state).length === 0 ? 'this fix has no choices' : undefined),
    },
  ),
  bind(
    'a',
    ['overview', 'practice', 'finding', 'ladder', 'rung', 'escalations', 'escalation', 'connectivity', 'matrix', 'reach'],
    'plan the fix of the marked findings, or of the selected one; writes nothing',
    planChosen,
    {
      hint: ['plan', 2],
      off: (state) => (state.marked.size === 0 || isOfItsOwn(state) ? nothingHere(state) : undefined) ?? reading(state),
    },
  ),
  bind(
    'A',
    ['overview', 'practice', 'ladder', 'escalations', 'connectivity', 'matrix', 'reach'],
    'plan the fix of all findings shown; writes nothing',
    (state) => someOf(allHere(state), (findings) => ({ type: 'plan', findings })),
    {
      hint: ['plan all', 4],
      off: (state) => noSource(state) ?? reading(state),
    },
  ),
  bind(
    'L',
    ['practice', 'finding'],
    'show how far each namespace is on the Pod Security ladder',
    () => ({ type: 'go', to: { at: 'ladder' } }),
    {
      hint: ['ladder', 4],
      off: (state) => (hasLadder(state) ? undefined : 'it belongs to nodes and pods'),
    },
  ),
  bind('W', ['practice'], 'ask who can do something, and by which binding', () => ({ type: 'go', to: { at: 'who-can' } }), {
    hint: ['who can', 4],
    off: ({ route }) => (route.at === 'practice' && route.practice === 'rbac' ? undefined : 'it belongs to role-based access control'),
  }),
  bind(
    'E',
    ['practice', 'finding', 'holder'],
    'show who can become cluster-admin or take over a node, and by which steps',
    (state) => someOf(escalationHere(state), ([to]) => ({ type: 'go', to: to! })),
    {
      hint: ['escalation paths', 4],
      off: (state) =>
        escalationHere(state).length > 0
          ? undefined
          : state.route.at === 'practice'
            ? 'it belongs to role-based access control'
            : 'this is not about a way to cluster-admin',
    },
  ),
  bind(
    'N',
    ['overview', 'practice', 'finding', 'plan', 'step'],
    'show who reaches whom over the network, and which policies hold what',
    (state) => ({ type: 'go', to: networkHere(state) ?? { at: 'connectivity' } }),
    {
      hint: ['network', 4],
      off: (state) =>
        noSource(state) ??
        (networkHere(state) === undefined ? (NOT_OF_NETWORK[state.route.at] ?? 'it belongs to nodes and pods') : undefined),
    },
  ),
  bind('t', ['connectivity', 'matrix', 'reach'], 'show it as it is now, with the plan, the difference', () => ({ type: 'show-next' }), {
    hint: ['with the plan', 2],
    off: reading,
  }),
  bind('p', [...PLACES.LOOKING, 'outcome'], 'go to the plan made last', () => ({ type: 'go', to: { at: 'plan' } }), { off: noPlan }),
  bind('space', ['plan'], 'leave the step out, or take it in again', toggleStep, {
    hint: ['in/out', 2],
    off: (state) => (toggleStep(state) === undefined ? 'no step is selected' : undefined),
  }),
  bind('*', ['plan'], 'take all steps in, or all out', () => ({ type: 'toggle-all-steps' })),
  bind('s', ['plan'], 'take in only safe steps; again: those that restart pods, too; again: all', () => ({ type: 'take-by-risk' }), {
    hint: ['safe only', 5],
  }),
  bind('1', ['plan'], 'change a Deployment in one new pod first; again: in all pods at once', () => ({ type: 'one-first' }), {
    hint: ['one first', 6],
    off: ({ scan }) => (scan?.snapshot.source.kind === 'live' ? undefined : 'only on a live cluster'),
  }),
  bind('a', ['plan'], 'begin: try the chosen steps one by one, and ask before each write', () => ({ type: 'begin' }), {
    hint: ['begin', 2],
    off: (state) => noSteps(state) ?? busy(state),
  }),
]

const NOT_OF_NETWORK: Readonly<Partial<Record<ScreenName, string>>> = {
  plan: 'no chosen step changes who reaches whom',
  step: 'no chosen step changes who reaches whom',
  finding: 'this is not about network policies',
}
/** All namespaces; of a finding about policies its own. */
function networkHere(state: State): Route | undefined {
  const { route, scan } = state
  if (route.at === 'practice') return route.practice === 'nodes-and-pods' ? { at: 'connectivity' } : undefined
  if (route.at === 'plan' || route.at === 'step') return plansPolicies(state) ? { at: 'connectivity' } : undefined
  if (route.at !== 'finding') return { at: 'connectivity' }
  const finding = scan?.findings.get(route.id)
  if (finding === undefined || !isOfNetwork(finding)) return undefined
  const { kind, name, namespace } = finding.subject
  return kind === 'Namespace'
    ? { at: 'matrix', namespace: name }
    : namespace === undefined
      ? { at: 'connectivity' }
      : { at: 'matrix', namespace }
}

const hasLadder = ({ route, scan }: State): boolean => {
  const finding = route.at === 'finding' ? scan?.findings.get(route.id) : undefined
  return (route.at === 'practice' && route.practice === 'nodes-and-pods') || (finding !== undefined && isOfLabels(finding))
}

/** Everybody's ways, or those of the subject that is looked at. */
function escalationHere({ route, scan }: State): readonly Route[] {
  if (scan === undefined) return []
  if (route.at === 'practice') return route.practice === 'rbac' ? [{ at: 'escalations' }] : []
  const subject = subjectAt(route, scan)
  return subject === undefined ? [] : [{ at: 'escalation', subject }]
}

const mark = (findings: ReturnType<typeof findingsHere>): Action | undefined => someOf(findings, () => ({ type: 'mark', findings }))

/** Whoever reads one path, or one namespace's connections, plans what mends those, whatever else is marked. */
const isOfItsOwn = ({ route }: State): boolean =>
  route.at === 'escalation' || route.at === 'connectivity' || route.at === 'matrix' || route.at === 'reach'

function planChosen(state: State): Action | undefined {
  const isMarked = state.marked.size > 0 && !isOfItsOwn(state)
  return someOf(isMarked ? [...state.marked] : findingsHere(state), (findings) => ({ type: 'plan', findings }))
}

function choosable(state: State): readonly string[] {
  const id = controlHere(state)
  const control = state.scan?.controls.find((one) => one.id === id)
  return control !== undefined && Object.keys(optionsOf(control)).length > 0 ? [control.id] : []
}

/** The selected step, in the plan, a result or a past run. */
export function stepHere(state: State): StepId | undefined {
  const key = selectedKey(state)
  return key?.startsWith('step:') ? (key.slice('step:'.length) as StepId) : undefined
}
function toggleStep(state: State): Action | undefined {
  const step = stepHere(state)
  return step === undefined ? undefined : { type: 'toggle-step', step }
}
