/** Run by node-flags.test.ts: carries an action out, having said what it will write, until it is killed. */
import type { FlagsAction, Written } from '../../src/model/index.ts'
import { approvalOf, handsOn, stepOf } from './node-flags.ts'

const [, , node = '', root = '', kubeconfig = '', action = ''] = process.argv
const hands = handsOn(node, root, kubeconfig, 'run-killed')
const wanted = JSON.parse(action) as FlagsAction
const rehearsal = await hands.rehearse(wanted)
const written = (await hands.writer.intent(rehearsal)) as Written[]
process.send!(written)
await hands.writer.commit(rehearsal, written, approvalOf(stepOf(wanted)))
