import type { EndName } from '../../objects/network-named-ends.ts'
import { NoEnd } from '../../objects/network-named-ends.ts'
import { isProtocol, portsText } from '../../objects/network-ports.ts'
import { askerOf } from '../../objects/network-question.ts'
import { answerLines, type Fields, type Line, NoQuestion, questionIn } from './question-lines.ts'
import { portsJson, unreadFor } from './reach-one.ts'
import type { ReachIo, ReachSeen } from './reach-read.ts'

/** Each line is one question, of the policies now or, where the plan was asked for, with it. */
export function answerQuestions(seen: ReachSeen, from: string, io: ReachIo): Promise<number> {
  const asker = askerOf(seen.planned ?? seen.now)
  const answer = (text: Line) => {
    const question = questionIn(text, ['from', 'to', 'protocol', 'port'])
    const { protocol = 'TCP', port } = question
    if (!isProtocol(protocol)) throw new NoQuestion('"protocol" is TCP, UDP or SCTP')
    if (port !== undefined && !(Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65535))
      throw new NoQuestion('"port" is a number from 1 to 65535')
    const asked = port === undefined ? undefined : { protocol, port: port as number }
    try {
      const told = asker(endIn(question, 'from'), endIn(question, 'to'), asked)
      const { allowed, ports, perhaps, because } = told
      return {
        allowed,
        ...(ports !== undefined && { ports: portsJson(ports) }),
        ...(perhaps !== undefined && portsText(perhaps) !== portsText(ports!) && { perhaps: portsJson(perhaps) }),
        ...(because !== undefined && { because }),
        complete: unreadFor(told, seen).length === 0,
      }
    } catch (error) {
      if (error instanceof NoEnd) throw new NoQuestion(error.message)
      throw error
    }
  }
  return answerLines(from, answer, io)
}

const SHAPES = 'text, {"ip"}, {"namespace","pod"} or {"namespace","labels"}'

function endIn(question: Fields, field: 'from' | 'to'): EndName {
  const value = question[field]
  if (value === undefined) throw new NoQuestion(`"${field}" is missing: give ${SHAPES}`)
  if (typeof value === 'string') return value
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const { ip, namespace, pod, labels, ...strange } = value as Fields
    const isNothingElse = Object.keys(strange).length === 0
    if (isNothingElse && typeof ip === 'string' && namespace === undefined && pod === undefined && labels === undefined) return { ip }
    if (isNothingElse && typeof namespace === 'string' && ip === undefined) {
      if (typeof pod === 'string' && labels === undefined) return { namespace, pod }
      if (pod === undefined && isLabels(labels)) return { namespace, labels }
    }
  }
  throw new NoQuestion(`"${field}" is neither ${SHAPES}`)
}
const isLabels = (value: unknown): value is Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((one) => typeof one === 'string')
