/** Run by node-helper-pod-guard.test.ts: carries an action out through a helper pod, having said what it will write, until it is killed. */
import { HelperPodHost } from '../../src/hosts/helper-pod-host.ts'
import type { FlagsAction, Written } from '../../src/model/index.ts'
import { approvalOf, handsOn, stepOf } from './node-flags.ts'

const [, , node = '', image = '', kubeconfig = '', action = '', patienceMs = ''] = process.argv
const hands = handsOn(node, (client) => new HelperPodHost(client, node, { image }), kubeconfig, 'run-killed', Number(patienceMs))
const wanted = JSON.parse(action) as FlagsAction
const rehearsal = await hands.rehearse(wanted)
const written = (await hands.writer.intent(rehearsal)) as Written[]
process.send!(written)
await hands.writer.commit(rehearsal, written, approvalOf(stepOf(wanted)))
