import type { Snapshot } from '../../model/index.ts'
import { asciiControls, printable } from '../../objects/display.ts'
import { type End, endText } from '../../objects/network-ends.ts'
import { enforcement } from '../../objects/network-enforced.ts'
import { reasons, type SideReason } from '../../objects/network-explain.ts'
import { NoEnd } from '../../objects/network-named-ends.ts'
import { isEvery, isProtocol, type PortSet, type Protocol, portRanges, portsText } from '../../objects/network-ports.ts'
import { type Answer, type Asked, type Asker, askerOf } from '../../objects/network-question.ts'
import { reach } from '../../objects/network-reach.ts'
import { YES } from '../../objects/network-selectors.ts'
import { refText } from '../../objects/ref.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { ReachIo, ReachSeen } from './reach-read.ts'

/** 0 is yes, 1 is no, 5 is not known. */
export function answerOne(
  seen: ReachSeen,
  { from, to, port }: { readonly from: string; readonly to: string; readonly port: string | undefined },
  output: 'table' | 'json',
  io: ReachIo,
): number {
  const view = seen.planned ?? seen.now
  const asker = askerOf(view)
  const asked = port === undefined ? undefined : parsePort(port)
  const answer = answerOf(asker, from, to, asked)
  const unread = unreadFor(answer, seen)
  const complete = unread.length === 0
  const { allowed } = answer
  const { warning, enforced } = enforcement(seen.now)
  const sides = answer.pair === undefined ? [] : reasons(view, answer.pair[0], answer.pair[1], answer.pair[2])
  if (output === 'json') io.stdout.write(`${asciiControls(JSON.stringify(jsonOf(answer, sides, complete, enforced), null, 2))}\n`)
  else {
    const text = [
      ...(warning === '' ? [] : [warning, '']),
      `${answer.text}${asked === undefined ? '' : ` on ${asked.protocol} ${asked.port}`}${seen.planned === undefined ? '' : ', with the plan'}: ${wordOf(answer, complete)}`,
      ...(asked === undefined ? portLines(answer) : []),
      ...whyLines(answer, sides, view),
      ...unread.map((because) => `NOT COMPLETE: ${because}`),
    ]
    io.stdout.write(`${text.map(printable).join('\n')}\n`)
  }
  return !complete || allowed === null ? EXIT.unknown : allowed ? EXIT.clean : EXIT.findings
}

function answerOf(asker: Asker, from: string, to: string, asked: Asked | undefined): Answer {
  try {
    return asker(from, to, asked)
  } catch (error) {
    if (error instanceof NoEnd) throw new UsageError(error.message)
    throw error
  }
}

/** Why this answer may be wrong: between pods with addresses of their own, nodes that were not read change nothing. */
export const unreadFor = ({ ofNodes }: Answer, { now, unread }: ReachSeen): readonly string[] =>
  ofNodes ? unread : unread.filter((because) => because !== now.unread('Node')?.because)

/** `8080`, `53/UDP`. */
export function parsePort(text: string): Asked {
  const [, number = '', , protocol = 'TCP'] = /^(\d{1,5})(\/(\w+))?$/.exec(text) ?? []
  const port = Number(number)
  if (port < 1 || port > 65535 || !isProtocol(protocol.toUpperCase()))
    throw new UsageError(`"${text}" is no port: give a number, and /UDP or /SCTP where it is not TCP`, ['8080', '53/UDP'])
  return { port, protocol: protocol.toUpperCase() as Protocol }
}

const wordOf = ({ allowed, partly, pair, because }: Answer, complete: boolean): string => {
  const word =
    allowed === null
      ? partly
        ? 'some of them, not all'
        : pair === undefined && because !== undefined
          ? 'not known'
          : 'perhaps'
      : allowed
        ? 'yes'
        : 'no'
  return complete ? word : `${word}, as far as can be seen`
}
function portLines({ ports, perhaps }: Answer): readonly string[] {
  if (ports === undefined || perhaps === undefined) return []
  return [
    `  ${portsText(ports)}`,
    ...(portsText(perhaps) === portsText(ports) ? [] : [`  perhaps, or between some of them: ${portsText(perhaps)}`]),
  ]
}

const SIDES = { egress: 'leaves', ingress: 'gets in' } as const
function whyLines({ pair, because }: Answer, sides: readonly SideReason[], view: Snapshot): readonly string[] {
  if (pair === undefined) return because === undefined ? [] : [`  ${because}`]
  if (reach(view).isBeyondPolicies(pair[0], pair[1]) === YES) return [`  ${beyondText(pair[0], pair[1])}`]
  return sides.flatMap((side) => sideLines(side, side.direction === 'egress' ? pair[0] : pair[1]))
}

function beyondText(from: End, to: End): string | undefined {
  const nobody = (end: End) => end.is !== 'pod' || end.hostNetwork
  if (nobody(from) && nobody(to)) return 'neither is a pod with an address of its own: policies of pods do not hold them'
  return from.is === 'pod' && to.is === 'pod' && from.pod === to.pod
    ? 'a pod always reaches itself'
    : 'a pod and its own node always reach each other'
}

function sideLines({ direction, isolatedBy, rules }: SideReason, end: End): readonly string[] {
  const who = endText(end)
  if (isolatedBy.length === 0 && rules.length === 0)
    return [`  ${direction} of ${who}: no policy isolates it, so everything ${SIDES[direction]}`]
  const isolated = isolatedBy.length === 0 ? 'no policy isolates it' : `isolated by ${isolatedBy.map(refText).join(', ')}`
  const told = rules.map(
    ({ policy, rule, action, ports, perhaps }) =>
      `    ${perhaps ? 'perhaps ' : ''}${WORDS[action]} by ${rule} of ${refText(policy)}: ${portsText(ports)}`,
  )
  return [`  ${direction} of ${who}: ${isolated}`, ...(told.length === 0 ? ['    and no rule allows it'] : told)]
}
const WORDS = { allow: 'allowed', deny: 'denied', pass: 'passed on' } as const

function jsonOf(
  { allowed, ports, perhaps, because }: Answer,
  sides: readonly SideReason[],
  complete: boolean,
  enforced: boolean | undefined,
) {
  return {
    allowed,
    complete,
    enforced: enforced ?? null,
    ...(ports !== undefined && { ports: portsJson(ports) }),
    ...(perhaps !== undefined && portsText(perhaps) !== portsText(ports!) && { perhaps: portsJson(perhaps) }),
    ...(because !== undefined && { because }),
    sides: sides.map(({ direction, isolatedBy, rules }) => ({
      direction,
      isolatedBy: isolatedBy.map(refText),
      rules: rules.map((rule) => ({ ...rule, policy: refText(rule.policy), ports: portsJson(rule.ports) })),
    })),
  }
}
/** Ranges, or `every`. */
export const portsJson = (set: PortSet) => (isEvery(set) ? 'every' : portRanges(set))
