/** `k8s-harden encryption status|rotate|cover|disable`: encryption at rest as it is on the nodes, and what an operator may ask of it. */
import { prefixInTitle } from '../../../remediations/stored-rewrite.ts'
import { formsOf, prefixOf } from '../../objects/encryption-forms.ts'
import { encryptionHosts } from '../../objects/encryption-hosts.ts'
import { FLAG_LADDER } from '../../objects/flags.ts'
import type { RecordedRun } from '../../plan/journal.ts'
import { unfinished } from '../../plan/journal.ts'
import { LiveScan } from '../../session/live-scan.ts'
import { readRuns, stateDirectory } from '../../writers/journal.ts'
import { terminalIo } from '../confirm.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { closeHosts } from '../hosts-option.ts'
import { openSource } from '../open-source.ts'
import type { SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { type ApplyOptions, applyMain } from './apply.ts'
import { line } from './apply-words.ts'
import { whyNotReached } from './encryption-reached.ts'
import { type EncryptionRequest, encryptionWish } from './encryption-wish.ts'

export interface EncryptionOptions extends ApplyOptions {
  readonly removeOld?: boolean
  readonly yesStoreSecretsInPlainText?: boolean
}
const PLAIN_WORDS = 'plain text'

export async function encryptionMain(action: string, resources: readonly string[], options: EncryptionOptions): Promise<number> {
  if (action === 'status') return statusMain(options)
  const request = requestOf(action, resources, options)
  if (request.do === 'disable' && options.dryRun !== true && options.yesStoreSecretsInPlainText !== true) {
    const io = terminalIo()
    const typed =
      io.isTTY && options.yes !== true
        ? await io.prompts.type(`Everything in etcd will be readable to whoever gets at it. Type "${PLAIN_WORDS}" to go on:`)
        : ''
    if (typed.trim() !== PLAIN_WORDS)
      throw new UsageError('turning encryption off needs a consent of its own: nothing was changed', ['--yes-store-secrets-in-plain-text'])
  }
  const runs = request.do === 'rotate' ? await readRuns(stateDirectory()) : []
  return applyMain(options, [encryptionWish(request, (server) => diedChange(runs, server))])
}

/** Titles of its steps. */
const OF_ENCRYPTION = /^(stored|encryption on) /

/** What stored values were to begin with by the latest run that stores them anew, where it died on the way. */
export function diedChange(runs: readonly RecordedRun[], server: string | undefined): string | undefined {
  const prefixOfRun = ({ header }: RecordedRun) =>
    header.steps.map(({ title }) => prefixInTitle(title)).find((prefix) => prefix !== undefined)
  const last = runs.find((run) => run.header.source.server === server && prefixOfRun(run) !== undefined)
  return last === undefined || !unfinished(last).some(({ title }) => OF_ENCRYPTION.test(title)) ? undefined : prefixOfRun(last)
}

function requestOf(action: string, resources: readonly string[], options: EncryptionOptions): EncryptionRequest {
  if (action === 'cover' && resources.length > 0) return { do: 'cover', resources }
  if (action === 'cover')
    throw new UsageError('name what is to be encrypted', ['k8s-harden encryption cover configmaps widgets.example.com'])
  if (resources.length > 0) throw new UsageError(`"encryption ${action}" takes no resources`)
  if (action === 'rotate') return { do: 'rotate', removeOld: options.removeOld === true }
  if (action === 'disable') return { do: 'disable' }
  throw new UsageError(`"encryption ${action}" is not known`, ['status', 'rotate', 'cover RESOURCE...', 'disable'])
}

async function statusMain(options: SourceOptions): Promise<number> {
  const { stdout, stderr } = terminalIo()
  const opened = await openSource(options)
  const { signal } = interruptible()
  const scan = new LiveScan({ source: opened.source, controls: [], follow: false })
  await scan.run(signal, new Set([...FLAG_LADDER, 'Hosts' as const])).finally(() => closeHosts(opened))
  if (signal.aborted) return EXIT.interrupted
  const hosts = encryptionHosts(scan.state.snapshot)
  if (hosts === undefined) {
    stderr.write(`k8s-harden: how encryption stands on the nodes is not known: ${line(whyNotReached(scan.state.snapshot))}\n`)
    return EXIT.unknown
  }
  for (const { node, given, reloads, rules } of hosts.nodes) {
    stdout.write(
      `${line(node)}  ${given ? `${line(hosts.path)}${reloads ? '' : ', not reloaded by itself'}` : 'no encryption: everything is stored in plain text'}\n`,
    )
    for (const { resources, providers } of rules) {
      const [first, ...others] = formsOf(providers).map((form) => prefixOf(form) || 'plain text')
      stdout.write(
        `  ${line(resources.join(', '))}: written with ${line(first!)}${others.length > 0 ? `; also read: ${line(others.join(', '))}` : ''}\n`,
      )
    }
  }
  const alike = new Set(hosts.nodes.map(({ rules, given }) => JSON.stringify([given, rules]))).size === 1
  if (!alike) stdout.write('the nodes are not alike: a change is under way or was interrupted\n')
  return alike ? EXIT.clean : EXIT.findings
}
