/** `k8s-harden try-enforcement`: the active test behind net-cni-enforces. Never part of a scan: it makes a namespace and pods. */
import { randomBytes } from 'node:crypto'
import { type TrialResult, tryEnforcement } from '../../writers/enforcement-trial.ts'
import { terminalIo } from '../confirm.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { openSource } from '../open-source.ts'
import type { SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { line } from './apply-words.ts'
import { runTrial } from './trial.ts'

export interface TryEnforcementOptions extends SourceOptions {
  readonly image?: string
  readonly yes?: boolean
}

export const AGNHOST = 'registry.k8s.io/e2e-test-images/agnhost:2.53'
const CODES: Readonly<Record<TrialResult['is'], number>> = { enforced: EXIT.clean, 'not-enforced': EXIT.findings, unclear: EXIT.unknown }
const WORDS: Readonly<Record<TrialResult['is'], string>> = {
  enforced: 'NetworkPolicies are enforced',
  'not-enforced': 'NetworkPolicies are NOT enforced',
  unclear: 'not known whether NetworkPolicies are enforced',
}

export async function tryEnforcementMain(options: TryEnforcementOptions): Promise<number> {
  const io = terminalIo()
  const opened = await openSource(options)
  const { client } = opened
  if (client === undefined) throw new UsageError('only a live cluster can be tried', ['k8s-harden try-enforcement --context NAME'])
  if (!io.isTTY && options.yes !== true)
    throw new UsageError('this makes a namespace and pods, and here is nobody to ask: nothing was made', ['--yes says that it may'])
  const { signal } = interruptible()
  const namespace = `k8s-harden-try-${randomBytes(4).toString('hex')}`
  let result: TrialResult = { is: 'unclear', because: 'it was not tried' }
  await runTrial(opened, client, io, signal, {
    object: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { 'app.kubernetes.io/managed-by': 'k8s-harden', 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    },
    title: `Namespace ${namespace}: try whether NetworkPolicies are enforced`,
    practice: 'nodes-and-pods',
    control: 'net-cni-enforces',
    what: `A namespace ${namespace} with some pods of ${line(options.image ?? AGNHOST)} is made on ${line(opened.writesTo)}, and deleted again.`,
    waitingFor: 'pods to try it',
    yes: options.yes === true,
    async look() {
      const say = (what: string) => void io.stdout.write(`  ${what}\n`)
      result = await tryEnforcement(client, { namespace, image: options.image ?? AGNHOST, signal, say }).catch(
        (error: Error): TrialResult => ({ is: 'unclear', because: error.message }),
      )
    },
    failed: (because) => {
      result = { is: 'unclear', because }
    },
  })
  io.stdout.write(`${WORDS[result.is]}: ${line(result.because)}\n`)
  return signal.aborted ? EXIT.interrupted : CODES[result.is]
}
