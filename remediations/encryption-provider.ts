/** A stronger provider, a new key, plain text no longer read, a file for root only: as stages on the nodes, else by hand (controls.md 2.02, 7(d)). */
import { remedy } from '../src/model/define.ts'
import type { Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { decidingRule } from '../src/objects/encryption-forms.ts'
import { type EncryptionHosts, newKeyName } from '../src/objects/encryption-hosts.ts'
import type { EncryptionWish } from '../src/objects/encryption-stages.ts'
import type { ProviderEvidence, ProviderFault } from '../src/objects/encryption-weakness.ts'
import { FLAG_LADDER } from '../src/objects/flags.ts'
import { encryptionElsewhere } from './encryption-elsewhere.ts'
import { formWanted, STAGED_OPTIONS, STAGED_READS, stagedProposal } from './encryption-staged.ts'
import { tighten } from './node-files.ts'

export const strengthenEncryption = <E extends ProviderEvidence>(): Remedy<E> =>
  remedy<E>({
    family: 'encryption-provider',
    reads: [...FLAG_LADDER, 'EncryptionConfiguration', ...STAGED_READS],
    options: {
      provider: STAGED_OPTIONS['provider']!,
      'kms-socket': STAGED_OPTIONS['kms-socket']!,
      old: {
        describe: 'whether what was encrypted with the old key, in backups of etcd, goes on being read once everything is stored anew',
        default: 'keep',
        choices: [
          { value: 'keep', label: 'keep the old key in the file: until the backups made with it are gone' },
          { value: 'remove', label: 'remove it from the file: a copy stays on each node, for root only' },
        ],
      },
    },
    propose({ evidence: { about, node, path } }, context) {
      if (about === 'mode') return tighten(node ?? '', path ?? '', context.view)
      const elsewhere = encryptionElsewhere(about, context.view)
      if (elsewhere !== undefined) return elsewhere
      const staged = stagedProposal(context, (hosts) => wishFor(about, hosts, context), SUMMARY[about])
      return staged ?? { byHand: about === 'identity' ? REMOVE_IDENTITY : BY_HAND }
    },
  })

const SUMMARY: Readonly<Record<ProviderFault, string>> = {
  writer: 'encrypt with a strong provider and a new key, in stages',
  key: 'encrypt with a new random key, in stages',
  identity: 'refuse plain text in etcd',
  mode: 'let root alone read the encryption keys',
}
const BY_HAND =
  'add a new secretbox key (32 random bytes, base64) or a kms v2 provider after the present first one, let every API server load it, move it to the first place, let every API server load that, rewrite all Secrets, and only then remove what was first; keep a copy of each key until the backups made with it are gone'
const REMOVE_IDENTITY =
  'once everything is stored anew and a backup cycle has passed, take identity out of the file on every control-plane node, one after the other, each loaded before the next'

function wishFor(
  about: ProviderFault,
  hosts: EncryptionHosts,
  context: Pick<RemedyContext, 'view' | 'options'>,
): EncryptionWish | Proposal {
  if (about === 'identity') return { goal: { to: 'same' }, drop: 'identity' }
  const rules = hosts.nodes.find(({ given }) => given)?.rules ?? []
  const rule = rules[decidingRule(rules, 'secrets')]
  const wanted = formWanted(context, hosts)
  if (!('kind' in wanted)) return wanted
  // A weak key must not be taken for the new one; a change of provider that was interrupted goes on with its own.
  const begun = about === 'writer' ? hosts.forms.find(({ kind }) => kind === wanted.kind) : undefined
  const form = 'keys' in wanted ? (begun ?? { ...wanted, keys: [newKeyName(context.view.now, hosts.forms)] }) : wanted
  return {
    goal: { to: 'encrypt', with: form, resources: rule?.resources ?? ['secrets'] },
    drop: about === 'key' || context.options['old'] === 'remove' ? 'all' : 'nothing',
  }
}
