/** `k8s-harden try-audit`: the active test behind audit-enabled and audit-shipped. Never part of a scan: it makes a ConfigMap. */
import { randomBytes } from 'node:crypto'
import type { KubeObject } from '../../model/index.ts'
import { type AuditTrialResult, beginAuditTrial } from '../../writers/audit-trial.ts'
import { terminalIo } from '../confirm.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { closeHosts } from '../hosts-option.ts'
import { openSource } from '../open-source.ts'
import type { SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { line } from './apply-words.ts'
import { runTrial } from './trial.ts'

export interface TryAuditOptions extends SourceOptions {
  readonly inNamespace?: string
  /** Seconds. */
  readonly wait?: number
  readonly yes?: boolean
}

const CODES: Readonly<Record<AuditTrialResult['is'], number>> = {
  logged: EXIT.clean,
  'not-logged': EXIT.findings,
  leaks: EXIT.findings,
  lost: EXIT.findings,
  unclear: EXIT.unknown,
}
const WORDS: Readonly<Record<AuditTrialResult['is'], string>> = {
  logged: 'audit events are written',
  'not-logged': 'the audit event was NOT written',
  leaks: 'the audit log holds CONTENT that it must not hold',
  lost: 'audit events are LOST',
  unclear: 'not known whether audit events are written',
}

export async function tryAuditMain(options: TryAuditOptions): Promise<number> {
  const io = terminalIo()
  const opened = await openSource(options)
  const { client, hosts = [] } = opened
  if (client === undefined) throw new UsageError('only a live cluster can be tried', ['k8s-harden try-audit --context NAME'])
  if (!io.isTTY && options.yes !== true)
    throw new UsageError('this makes a ConfigMap, and here is nobody to ask: nothing was made', ['--yes says that it may'])
  const { signal } = interruptible()
  const namespace = options.inNamespace ?? 'default'
  const [name, content] = [`k8s-harden-audit-${randomBytes(5).toString('hex')}`, randomBytes(16).toString('hex')]
  const say = (what: string) => void io.stdout.write(`  ${line(what)}\n`)
  let result: AuditTrialResult = { is: 'unclear', because: 'it was not tried' }
  try {
    const patience = options.wait === undefined ? {} : { patienceMs: options.wait * 1000 }
    const look = await beginAuditTrial(client, { hosts, name, content, signal, say, ...patience })
    await runTrial(opened, client, io, signal, {
      object: markerOf(namespace, name, content),
      title: `ConfigMap ${namespace}/${name}: try whether audit events are written`,
      practice: 'audit',
      control: 'audit-enabled',
      what: `A ConfigMap ${line(namespace)}/${name} is made on ${line(opened.writesTo)}, and deleted again.`,
      waitingFor: 'its audit event',
      yes: options.yes === true,
      async look() {
        result = await look()
      },
      failed: (because) => {
        result = { is: 'unclear', because }
      },
    })
  } finally {
    await closeHosts(opened)
  }
  io.stdout.write(`${WORDS[result.is]}: ${line(result.because)}\n`)
  io.stdout.write(
    `In the store that the log is shipped to, look for ${name}: its create and its delete, with objectRef.name="${name}", at level Metadata. They must be there within minutes; what is not has not arrived.\n`,
  )
  return signal.aborted ? EXIT.interrupted : CODES[result.is]
}

const markerOf = (namespace: string, name: string, content: string): KubeObject & { readonly data: object } => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'k8s-harden', 'k8s-harden/audit-marker': 'true' } },
  data: { content },
})
