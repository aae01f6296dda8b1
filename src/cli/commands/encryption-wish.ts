/** What an operator asks of encryption at rest without a finding: as a control of one wish, so that apply does the rest. */
import { inKubeadm, STAGED_READS, stagedChanges, stagesFor } from '../../../remediations/encryption-staged.ts'
import { newKeyChange } from '../../../remediations/stored-rewrite.ts'
import { control, remedy } from '../../model/define.ts'
import type { Proposal, Readable, RegisteredControl, View } from '../../model/index.ts'
import { decidingRule, type EncryptionForm, formsOf, PLAIN, prefixOf } from '../../objects/encryption-forms.ts'
import { type EncryptionHosts, encryptionHosts, newKeyName } from '../../objects/encryption-hosts.ts'
import { isBroughtBackByKubeadm } from '../../objects/encryption-kubeadm.ts'
import { type EncryptionWish, NoStages } from '../../objects/encryption-stages.ts'
import { CONTROL_PLANE, FLAG_LADDER } from '../../objects/flags.ts'
import { kmsName, olderKeys, seriesOf } from '../../objects/stored-form.ts'
import { whyNotReached } from './encryption-reached.ts'

export type EncryptionRequest =
  | { readonly do: 'rotate'; readonly removeOld: boolean }
  | { readonly do: 'cover'; readonly resources: readonly string[] }
  | { readonly do: 'disable' }

/**
 * The key of a change that was interrupted, which goes on with it: one of ours that is newer than one that writes; or of nodes that write
 * differently the one whose name comes last. Names of others tell no age.
 */
function underWay(known: readonly EncryptionForm[], writers: readonly EncryptionForm[]): EncryptionForm | undefined {
  const isOurs = (form: EncryptionForm) => /:key-\d{8}(?:-\d+)?:$/.test(prefixOf(form))
  const newer = known.filter(
    (form) => isOurs(form) && writers.some((one) => one.kind === form.kind && isOurs(one) && byName(form, one) > 0),
  )
  const different = new Set(writers.map(prefixOf)).size > 1 ? writers : []
  return newer.toSorted((a, b) => byName(b, a))[0] ?? different.toSorted((a, b) => byName(b, a))[0]
}
/** `key-20261126` comes before `key-20261126-2`; the colon behind it would sort after the dash. */
const byName = (a: EncryptionForm, b: EncryptionForm): number =>
  prefixOf(a).slice(0, -1).localeCompare(prefixOf(b).slice(0, -1), 'en', { numeric: true })

/**
 * The key that all write already, where something is stored under an older one still, or the run that brought it died (`died`: by what values
 * begin with): what is left of that change is to be done, and a further key would be one too many.
 */
function halfRotated(writers: readonly EncryptionForm[], view: View<Readable>, died: Died): EncryptionForm | undefined {
  const [writer] = writers
  if (writer === undefined || new Set(writers.map(prefixOf)).size > 1) return undefined
  const prefix = prefixOf(writer)
  const forms = view.fact('StoredForm')?.resources ?? []
  const isOlder = (series: string) => series !== '' && !seriesOf(prefix).includes(series)
  const isLeft = forms.some(({ read, doubt }) => doubt === undefined && Object.keys(read).some(isOlder))
  return isLeft || died(view.source.server) === prefix ? writer : undefined
}
/** What values were to begin with by the latest change of a key on this server, if the run died before all of its steps were done. */
type Died = (server: string | undefined) => string | undefined

const TITLES: Readonly<Record<EncryptionRequest['do'], string>> = {
  rotate: 'Stored values must be encrypted with a new key',
  cover: 'More resources must be encrypted at rest',
  disable: 'Stored values must be in plain text again',
}
const READS: readonly Readable[] = [...FLAG_LADDER, ...STAGED_READS, 'StoredForm', 'ApiServerMetrics']
/** It has one finding until the wish is fulfilled. The name of a new key is chosen once. */
export function encryptionWish(request: EncryptionRequest, died: Died = () => undefined): RegisteredControl {
  let form: EncryptionForm | undefined
  let isBegun = false
  let goesOn = false
  const wishOf = (hosts: EncryptionHosts, view: View<Readable>): EncryptionWish | string => {
    if (request.do === 'disable') return { goal: { to: 'plain' }, drop: 'nothing' }
    const rules = hosts.nodes.flatMap((node) => node.rules).filter(({ providers }) => providers[0]?.kind !== 'identity')
    const writers = rules.flatMap(({ providers }) => formsOf(providers).slice(0, 1))
    const [writer] = writers
    if (writer === undefined) return 'nothing is encrypted: k8s-harden apply --control sec-etcd-encryption'
    if (request.do === 'cover') return { goal: { to: 'encrypt', with: writer, resources: request.resources }, drop: 'nothing' }
    if (writer.kind === 'kms')
      return `kms ${writer.name} has version 1 of the plugin interface, which tells nothing of keys: change to version 2 first`
    if (writer.kind === 'identity') return 'nothing is encrypted'
    const half =
      underWay(
        rules.flatMap(({ providers }) => formsOf(providers)),
        writers,
      ) ?? halfRotated(writers, view, died)
    goesOn ||= form === undefined && half !== undefined
    form ??= half ?? { kind: writer.kind, keys: [newKeyName(view.now, hosts.forms)] }
    const resources = [...new Set(rules.flatMap((rule) => rule.resources))]
    return { goal: { to: 'encrypt', with: form, resources }, drop: request.removeOld ? 'all' : 'nothing' }
  }
  return {
    ...control({
      title: TITLES[request.do],
      severity: 'info',
      why: 'You asked for it.',
      references: [],
      reads: [],
      consults: READS,
      *evaluate(view) {
        const hosts = encryptionHosts(view)
        if (hosts !== undefined && isFulfilled(hosts, request, form) && !(request.do === 'disable' && isBroughtBackByKubeadm(view))) return
        if (hosts !== undefined && isBegun && kmsInUse(hosts) !== undefined && !hasOlderKeys(view)) return
        yield { subject: CONTROL_PLANE, origin: 'workload', key: request.do, reason: 'is to be changed as you asked', evidence: {} }
      },
      remedy: remedy({
        family: 'encryption-wish',
        reads: READS,
        propose(_finding, { view }): Proposal {
          const hosts = encryptionHosts(view)
          if (hosts === undefined) return { byHand: whyNotReached(view) }
          const kms = request.do === 'rotate' ? kmsInUse(hosts) : undefined
          if (kms !== undefined) {
            isBegun = true
            return {
              changes: [
                newKeyChange(
                  kms.resources,
                  kms.prefix,
                  hosts.nodes.map(({ node }) => node),
                ),
              ],
              risk: 'may-break',
              summary: TITLES.rotate,
              mayBreak: ['backups of etcd made until now need the old key: keep it in the KMS until they are gone'],
            }
          }
          const wish = wishOf(hosts, view)
          if (typeof wish === 'string') return { byHand: wish }
          try {
            const isOff = request.do === 'disable' && hosts.nodes.every(({ given }) => !given)
            const changes = isOff
              ? inKubeadm(hosts.path, view, undefined)
              : stagedChanges(hosts, stagesFor(hosts, wish, view), view, request.do === 'disable')
            if (changes.length === 0) return { refused: 'there is nothing left to change' }
            return {
              changes,
              risk: 'may-break',
              summary: TITLES[request.do],
              mayBreak: [...(goesOn ? [goingOn(form!)] : []), ...MAY_BREAK[request.do]],
            }
          } catch (error) {
            if (error instanceof NoStages) return { byHand: error.message }
            throw error
          }
        },
      }),
      verify: 'k8s-harden encryption status',
    }),
    id: `encryption-${request.do}`,
    practice: 'secrets',
  }
}

/** What a KMS v2 plugin encrypts on all nodes alike: its key changes in the KMS, the files stay as they are. */
function kmsInUse({ nodes }: EncryptionHosts): { readonly prefix: string; readonly resources: readonly string[] } | undefined {
  const rules = nodes.flatMap((node) => node.rules).filter(({ providers }) => providers[0]?.kind !== 'identity')
  const prefixes = new Set(rules.map(({ providers }) => prefixOf(formsOf(providers)[0]!)))
  const [prefix = ''] = prefixes
  if (prefixes.size !== 1 || kmsName(prefix) === undefined) return undefined
  return { prefix, resources: [...new Set(rules.flatMap(({ resources }) => resources))] }
}
const hasOlderKeys = (view: View<Readable>): boolean =>
  (view.fact('StoredForm')?.resources ?? []).some((form) => olderKeys(form).length > 0)

const goingOn = (form: EncryptionForm): string =>
  `no further key is drawn: the change to ${prefixOf(form)} was interrupted and goes on; for another key, rotate again when it is done`

const MAY_BREAK: Readonly<Record<EncryptionRequest['do'], readonly string[]>> = {
  rotate: ['backups of etcd made until now need the old key: keep a copy of the file with them'],
  cover: ['everything of these resources is stored anew: have room on the disk of etcd'],
  disable: ['whoever gets at a disk, a snapshot or a backup of etcd reads everything in plain text from then on'],
}

function isFulfilled({ nodes }: EncryptionHosts, request: EncryptionRequest, form: EncryptionForm | undefined): boolean {
  if (request.do === 'disable') return nodes.every(({ given }) => !given)
  if (request.do === 'cover')
    return request.resources.every((resource) =>
      nodes.every(
        ({ rules }) => (formsOf(rules[decidingRule(rules, resource)]?.providers ?? [PLAIN])[0]?.kind ?? 'identity') !== 'identity',
      ),
    )
  const written = nodes.flatMap(({ rules }) => rules).filter(({ providers }) => providers[0]?.kind !== 'identity')
  return (
    form !== undefined &&
    written.length > 0 &&
    written.every(({ providers }) => prefixOf(providers[0]!) === prefixOf(form) && (!request.removeOld || formsOf(providers).length === 1))
  )
}
