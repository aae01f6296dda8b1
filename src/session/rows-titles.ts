/** The lines around every screen: what this is, where we are, what to do next. */
import { PRACTICES } from '../engine/score.ts'
import type { Snapshot } from '../model/index.ts'
import { identityText } from '../objects/rbac-who-can.ts'
import { matrixOf } from './connectivity.ts'
import { PRACTICE_TITLES } from './route.ts'
import { workingText } from './rows-apply.ts'
import { connectivityNumbers } from './rows-connectivity.ts'
import { subjectTitle } from './rows-escalation.ts'
import { escalationNumbers, wayFindings } from './rows-escalations.ts'
import { countsOf, subjectText, workload } from './rows-findings.ts'
import { undoable } from './rows-history.ts'
import { labelFindings, ladderNumbers } from './rows-ladder.ts'
import { outcomeText, whyNothingToUndo } from './rows-outcome.ts'
import { ledgerText, ledgerTotal, selectedSteps } from './rows-plan.ts'
import { shownFindings } from './rows-practice.ts'
import { endTitle } from './rows-reach.ts'
import { whoCanNumbers } from './rows-who-can.ts'
import type { Running, State } from './store-state.ts'
import { count, sanitize } from './text.ts'

/** `context prod-eu-1 (v1.37.2)`; '' before anything is open. */
export function sourceText({ source, scan }: State): string {
  if (source === undefined) return ''
  const { kind, name } = source.info
  const version = scan?.snapshot.source.kubernetes ?? source.info.kubernetes
  return `${kind === 'live' ? `context ${name}` : kind === 'sample' ? 'sample cluster' : `files ${name}`}${version === undefined ? '' : ` (${version})`}`
}

/** How current the picture is. */
export function freshnessText({ scan, source }: State): string {
  if (source === undefined) return ''
  if (scan?.ended?.because !== undefined) return 'NOT CURRENT'
  if (scan === undefined || !scan.synced) return 'reading ...'
  if (scan.ended === undefined && isOutOfContact(scan.snapshot)) return 'NO ANSWER NOW'
  return scan.ended === undefined
    ? `${source.info.kind === 'live' ? 'live' : 'watched'}, ${count(scan.snapshot.objects, 'object')}`
    : count(scan.snapshot.objects, 'object')
}

/** Kinds that every API server has: what it shows of them is not known any more, until it answers again. */
const isOutOfContact = (snapshot: Snapshot): boolean =>
  (['Namespace', 'Pod'] as const).every((kind) => snapshot.unread(kind)?.why === 'unreachable')

/** Whether anything was changed: the operator should never have to wonder. */
export function safetyText({ running }: State): string {
  if (running === undefined || running.ended !== undefined) return 'only looking'
  return running.kind === 'undo' ? 'UNDOING' : 'APPLYING'
}

export function titleText(state: State): string {
  const { route, scan } = state
  const finding = route.at === 'finding' ? (scan?.findings.get(route.id) ?? scan?.gone.get(route.id)) : undefined
  switch (route.at) {
    case 'connect':
      return 'What do you want to harden?'
    case 'overview':
      return `Overview: ${scan === undefined ? 'six practices' : `${count(workload(scan).length, 'finding')} in six practices`}`
    case 'practice':
      return `${PRACTICES.indexOf(route.practice) + 1} of 6  ${PRACTICE_TITLES[route.practice]}`
    case 'finding':
      return finding === undefined ? 'Finding' : `Finding on ${subjectText(finding.subject)}`
    case 'control':
      return 'Check'
    case 'gaps':
      return 'What could not be seen'
    case 'ladder':
      return 'Pod Security ladder'
    case 'rung':
      return `Pod Security of namespace ${route.namespace}`
    case 'who-can':
      return 'Who can'
    case 'holder':
      return `All that is granted to ${identityText(route)}`
    case 'escalations':
      return 'Escalation paths: who becomes cluster-admin'
    case 'escalation':
      return `Escalation path of ${subjectTitle(route.subject)}`
    case 'connectivity':
      return 'Network: who reaches whom'
    case 'matrix':
      return `Network of namespace ${route.namespace}`
    case 'reach':
      return `Network of ${reachTitle(state, route.end)}`
    case 'choose':
      return `Choices for the fix of: ${scan?.controls.find((control) => control.id === route.control)?.title ?? route.control}`
    case 'plan':
      return 'Plan: nothing is written yet'
    case 'step':
      return 'One step of the plan'
    case 'apply':
      return state.running?.kind === 'undo' ? 'Undo' : 'Apply: one step at a time'
    case 'outcome':
      return state.running?.kind === 'undo' ? 'Undo: result' : 'Result'
    case 'history':
      return 'Past runs'
    case 'run':
      return `Run ${route.id}`
  }
}

/** At the right of the title: numbers of this screen. */
export function numbersText(state: State): string {
  const { scan, route, filter, marked, planned } = state
  if (route.at === 'practice' && scan !== undefined) {
    const counts = countsOf(scan, route.practice)
    const total = counts.values().reduce((sum, number) => sum + number, 0)
    const grave = (['critical', 'high'] as const)
      .map((severity) => [counts.get(severity) ?? 0, severity] as const)
      .filter(([number]) => number > 0)
    const filters = [filter.text !== '' && `filter "${filter.text}"`, filter.least !== undefined && `${filter.least} and above`].filter(
      (part) => part !== false,
    )
    const shown = filters.length === 0 ? '' : `${shownFindings(state, route.practice).length} of `
    return [
      `${shown}${count(total, 'finding')}${grave.length > 0 ? `: ${grave.map(([number, severity]) => `${number} ${severity}`).join(', ')}` : ''}`,
      ...filters,
      marked.size > 0 && `${marked.size} marked`,
    ]
      .filter((part) => part !== false)
      .join('  ')
  }
  if (route.at === 'ladder') return ladderNumbers(scan)
  if (route.at === 'who-can') return whoCanNumbers(state)
  if (route.at === 'escalations') return escalationNumbers(state)
  if (route.at === 'connectivity' && state.connectivity.show === 'now') return connectivityNumbers(state)
  if (route.at === 'connectivity' || route.at === 'matrix' || route.at === 'reach') return SHOWN[state.connectivity.show]
  if (route.at === 'finding') return marked.has(route.id) ? '[x] marked' : ''
  if (route.at === 'plan' && planned?.plan !== undefined)
    return `${selectedSteps(planned).length} of ${count(planned.plan.steps.length, 'step')} chosen`
  if (route.at === 'overview' && marked.size > 0) return `${marked.size} marked`
  return ''
}

const SHOWN = { now: 'as it is now', planned: 'WITH THE PLAN', difference: 'WHAT THE PLAN CHANGES' } as const
function reachTitle({ scan }: State, id: string): string {
  const end = scan === undefined ? undefined : matrixOf(scan.snapshot).find(id)
  return end === undefined ? id : end.is === 'outside' ? 'what is outside the cluster' : end.is === 'nodes' ? 'the nodes' : endTitle(end)
}

/** The one sentence that says what to do here; short enough for the narrowest terminal. */
export function nextText(state: State): string {
  const { route, scan, planned, running, marked, look } = state
  switch (route.at) {
    case 'connect':
      return state.connecting.opening === undefined
        ? 'Choose a source, press enter. Looking changes nothing.'
        : 'Opening; another one can be chosen meanwhile.'
    case 'overview':
      return marked.size > 0
        ? `a plans the fix of ${count(marked.size, 'marked finding')}; enter opens more.`
        : 'enter opens a practice; A plans the fix of everything.'
    case 'practice':
      return marked.size > 0
        ? `a plans the fix of ${count(marked.size, 'marked finding')}; space marks more.`
        : route.practice === 'nodes-and-pods'
          ? 'space marks, a plans, L Pod Security ladder, N network.'
          : route.practice === 'rbac'
            ? 'space marks, a plans, E escalation paths, W who can.'
            : 'space marks findings, a plans their fix, enter explains.'
    case 'finding':
      return look?.plan?.steps.length === 0
        ? look.plan.ledger.needsValue.length > 0
          ? 'The fix needs a value from you: c gives it. esc goes back.'
          : 'Not fixed by this tool itself: see "The fix". esc: back.'
        : 'a plans this fix, space marks it for later, esc goes back.'
    case 'control':
      return 'esc goes back.'
    case 'gaps':
      return scan === undefined ? '' : 'Grant or run what is named; the picture updates itself.'
    case 'ladder':
      return marked.size > 0
        ? `a plans the fix of ${count(marked.size, 'marked finding')}; space marks more.`
        : 'a plans the next rung, enter shows what stands between.'
    case 'rung':
      return labelFindings(scan, route.namespace).length > 0
        ? 'a plans its labels, esc goes back.'
        : 'Nothing to label here now; esc goes back.'
    case 'who-can':
      return 'enter changes the question, or shows all that a subject may.'
    case 'holder':
      return 'esc goes back.'
    case 'escalations':
      return marked.size > 0
        ? `a plans the fix of ${count(marked.size, 'marked finding')}; space marks more.`
        : 'enter shows a path hop by hop; a plans what ends it.'
    case 'escalation':
      return wayFindings(scan, route.subject).length > 0
        ? 'a plans what ends it, enter opens, esc goes back.'
        : 'enter opens, esc goes back.'
    case 'connectivity':
      return 'enter shows a namespace; t: with the plan; a plans.'
    case 'matrix':
      return 'arrows choose row and column; t: with the plan; a plans.'
    case 'reach':
      return 'enter goes to the other end; t: with the plan; a plans.'
    case 'choose':
      return 'enter picks; esc goes back.'
    case 'plan':
      return planned?.plan === undefined
        ? ''
        : selectedSteps(planned).length === 0
          ? 'No step is chosen; space takes one in.'
          : 'a begins, asks before each write; space leaves one out.'
    case 'step':
      return 'esc goes back to the plan.'
    case 'apply':
      return applyNext(running)
    case 'outcome':
      return [
        scan === undefined ? 'esc goes back' : 'o goes to the overview',
        ...(whyNothingToUndo(running) === undefined ? ['u undoes'] : []),
        'q quits.',
      ].join(', ')
    case 'history':
      return 'enter shows a run, which can then be undone.'
    case 'run':
      return pastRunNext(state, route.id)
  }
}

function applyNext(running: Running | undefined): string {
  if (running?.asking?.focus === 'typed') return 'Read the change; to leave it out press tab, then enter.'
  if (running?.asking !== undefined) return 'Read it; left and right choose a button, enter presses it.'
  return running === undefined ? '' : workingText(running)
}

function pastRunNext({ history }: State, id: string): string {
  const run = history?.runs.find((one) => one.id === id)
  if (run === undefined || undoable(run).length === 0) return 'Nothing here is left to undo; esc goes back.'
  return `u takes back ${count(undoable(run).length, 'step')}, U the selected one alone; both ask.`
}

/** Printed on the ordinary screen after the wizard has left; '' where there is nothing to tell. Safe to print. */
export function partingText({ running, planned }: State): string {
  if (running === undefined) return ''
  const lines = [`${running.kind === 'undo' ? 'Undo' : 'Applied'}: ${outcomeText(running)}`]
  if (running.ended?.problem !== undefined) lines.push(running.ended.problem)
  if (running.kind === 'apply' && running.run !== undefined) lines.push(`To take it back: k8s-harden undo ${running.run}`)
  if (running.kind === 'apply' && planned?.plan !== undefined && ledgerTotal(planned.plan) > 0)
    lines.push(`What is left of the plan: ${ledgerText(planned.plan)}`)
  lines.push(...running.told.map((text) => `From before: ${text}`))
  return lines.map(sanitize).join('\n')
}
