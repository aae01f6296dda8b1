/** What passes today and would not after the next `kubeadm upgrade`: found by judging the world after it. */
import type { FactName, Kind, Observation, Readable, RegisteredControl, Remark, Snapshot, View } from '../model/index.ts'
import { type Component, staticPods } from '../objects/flag-parse.ts'
import { afterUpgrade, type ForgottenFlag, nextUpgrade, OF_NOW, type Upgrade } from '../objects/kubeadm-upgrade.ts'
import { KUBELET_LADDER } from '../objects/kubelet-config.ts'
import { isKeptOnNodes, nextKubeletUpgrade } from '../objects/kubelet-upgrade.ts'
import { valueAt } from '../objects/path.ts'
import { refOf, refText, sameObject } from '../objects/ref.ts'
import { alike } from './alike.ts'

/** Of what a control says about flags; `observed`: what it says of today, which comes first. */
export function* takenByUpgrade(
  control: RegisteredControl,
  snapshot: Snapshot,
  observed: readonly Observation[],
): Iterable<Observation | Remark> {
  yield* takenFromKubelets(control, snapshot, observed)
  // What is said of roles stands in them, and a graph of another world's rights costs as much as one of this.
  if (!(control.consults ?? []).includes('ClusterConfiguration') || control.reads.includes('ClusterRole')) return
  const upgrade = nextUpgrade(snapshot)
  if (upgrade.flags.length === 0) return
  const judged = judgedIn(control, snapshot)
  const flags = upgrade.flags.filter(({ component }) => isLookedAt(component, upgrade.flags, judged, snapshot))
  if (flags.length === 0) return
  // What is wrong today on one node is mended there first, and kubeadm is told then.
  const today = saidIn(observed)
  const lost = (of: readonly ForgottenFlag[]) => newAfter(judged, of, snapshot).find((one) => !isSaid(today, one))
  // Each by itself first: without all of them there may be nothing left to judge.
  const losses = flags.flatMap((flag) => {
    const loss = lost([flag])
    return loss === undefined ? [] : [{ flags: [flag], loss }]
  })
  const together = losses.length === 0 ? lost(flags) : undefined
  if (together !== undefined) losses.push({ flags: [...least(flags, lost)], loss: together })
  if (losses.length > 0 && upgrade.unread !== undefined)
    yield { note: `whether the next kubeadm upgrade keeps these flags is not known: ${upgrade.unread.because}` }
  else for (const one of losses) yield finding(upgrade, one.flags, one.loss)
}

function* takenFromKubelets(control: RegisteredControl, snapshot: Snapshot, observed: readonly Observation[]): Iterable<Observation> {
  if (!KUBELET_LADDER.every((what) => control.consults?.includes(what))) return
  const upgrade = nextKubeletUpgrade(snapshot)
  if (upgrade === undefined) return
  const subject = refOf(upgrade.map)
  for (const loss of evaluated(control, upgrade.after).filter(isObservation)) {
    const { key } = loss
    if (key === undefined || !sameObject(loss.subject, subject) || isKeptOnNodes(snapshot, upgrade, key)) continue
    if (observed.some((known) => known.key === key && (known.verdict !== 'review' || known.reason === loss.reason))) continue
    const given = valueAt(upgrade.config, key.split('.'))
    const lacks = given === undefined || given === null
    yield {
      ...loss,
      key: `kubeadm ${key}`,
      verdict: 'review',
      reason: `${lacks ? 'does not have' : 'has another'} ${key} ${lacks ? 'as' : 'than'} kubelets run with`,
      detail: `unless patches that you give to kubeadm see to it, after its next upgrade of a node its kubelet ${loss.reason}`,
      evidence: { ...(loss.evidence as object), kubeadm: { setting: key, lacks } },
    }
  }
}

/** A control that says the very same without any of them looks at none. */
function isLookedAt(component: Component, flags: readonly ForgottenFlag[], judged: Judged, snapshot: Snapshot): boolean {
  const without = flags.filter((one) => one.component === component)
  return !alike(said(judged, without, snapshot), said(judged, [], snapshot))
}

/** What is said, of whichever object. A failure today is graver than whatever another reason would be after it. */
const saidIn = (observed: readonly Observation[]): ReadonlySet<string> =>
  new Set(
    observed.flatMap(({ key, verdict, reason, subject }) =>
      key === undefined ? [`${refText(subject)}\0${reason}`] : [`\0${key}\0${reason}`, ...(verdict === 'review' ? [] : [`\0${key}`])],
    ),
  )
const isSaid = (known: ReadonlySet<string>, { key, reason, subject }: Observation): boolean =>
  key === undefined ? known.has(`${refText(subject)}\0${reason}`) : known.has(`\0${key}`) || known.has(`\0${key}\0${reason}`)

/** Some flags make up for each other: the fewest that must go together for anything to be lost. */
function least(flags: readonly ForgottenFlag[], lost: (flags: readonly ForgottenFlag[]) => unknown): readonly ForgottenFlag[] {
  return flags.reduce((kept, flag) => {
    const fewer = kept.filter((one) => one !== flag)
    return lost(fewer) === undefined ? kept : fewer
  }, flags)
}

/** What a control said of worlds after an upgrade, by the flags that are then otherwise; good for as long as what it may look at there stays the same. */
interface Judged {
  readonly control: RegisteredControl
  readonly inputs: readonly unknown[]
  readonly worlds: Map<string, readonly (Observation | Remark)[]>
}
const remembered = new WeakMap<RegisteredControl, Judged>()

function judgedIn(control: RegisteredControl, view: Snapshot): Judged {
  const seen = [...control.reads, ...(control.consults ?? [])].filter((what) => what !== 'Pod' && !OF_NOW.has(what))
  const inputs = [
    view.source,
    ...staticPods(view),
    ...seen.flatMap((what) => [view.all(what as Kind), view.fact(what as FactName), view.unread(what)]),
  ]
  const known = remembered.get(control)
  if (known?.inputs.length === inputs.length && inputs.every((one, index) => one === known.inputs[index])) return known
  const fresh = { control, inputs, worlds: new Map() }
  remembered.set(control, fresh)
  return fresh
}

/** What it says of that world and does not say of today's, both judged by manifests alone. */
function newAfter(judged: Judged, flags: readonly ForgottenFlag[], snapshot: Snapshot): readonly Observation[] {
  const before = saidIn(said(judged, [], snapshot).filter(isObservation))
  return said(judged, flags, snapshot)
    .filter(isObservation)
    .filter((one) => one.origin !== 'system' && !isSaid(before, one))
}
const isObservation = (one: Observation | Remark): one is Observation => 'reason' in one

function said({ control, worlds }: Judged, flags: readonly ForgottenFlag[], snapshot: Snapshot): readonly (Observation | Remark)[] {
  const key = flags.map(({ component, flag }) => `${component} ${flag}`).join()
  let all = worlds.get(key)
  if (all === undefined) worlds.set(key, (all = evaluated(control, afterUpgrade(snapshot, flags))))
  return all
}

function evaluated(control: RegisteredControl, view: View<Readable>): readonly (Observation | Remark)[] {
  try {
    return [...control.evaluate(view)]
  } catch {
    return []
  }
}

const RUN: Readonly<Record<Component, string>> = {
  'kube-apiserver': 'API servers run',
  'kube-controller-manager': 'controller managers run',
  'kube-scheduler': 'schedulers run',
  etcd: 'members of etcd run',
}

function finding({ kept }: Upgrade, flags: readonly ForgottenFlag[], loss: Observation): Observation {
  const [{ component, given, stated, volumes, runs }] = flags as readonly [ForgottenFlag]
  const names = flags.map((one) => `--${one.flag}`).join(', ')
  const isWithout = runs.every((value) => value === undefined)
  const isMountAlone = volumes.length > 0 && runs.every((value) => value === given)
  const reason = isMountAlone
    ? `does not mount the file of ${names}, which ${RUN[component]} with`
    : isWithout
      ? `has ${names}, which ${RUN[component]} without`
      : stated
        ? `has another ${names} than ${RUN[component]} with`
        : given !== undefined
          ? `says nothing of ${names}, and kubeadm then gives it otherwise than ${RUN[component]} with`
          : `does not have ${names}, which ${RUN[component]} with`
  const then = flags.some((one) => one.flag === ENCRYPTION && !isWithout) ? UNREADABLE : `${refText(loss.subject)} ${loss.reason}`
  return {
    subject: kept!.ref,
    at: ['data', 'ClusterConfiguration'],
    key: `${component} ${names}`,
    origin: 'workload',
    verdict: 'review',
    ...(loss.severity !== undefined && { severity: loss.severity }),
    reason,
    detail: `unless patches that you give to kubeadm see to it, after its next upgrade ${then}`,
    evidence: {
      grade: 'E1',
      kubeadm: { component, flags: flags.map((one) => one.flag), lacks: flags.every((one) => !one.stated) },
      seen: `kubeadm-config: ${flags.map((one) => (one.given === undefined || one.given === '' ? `no --${one.flag}` : `--${one.flag}=${one.given}`)).join(', ')}`,
    },
  }
}
const ENCRYPTION = 'encryption-provider-config'
const UNREADABLE = 'API servers start without the keys and cannot read any Secret'
