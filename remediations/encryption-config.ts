/** Encryption at rest: a configuration with a fresh key, the flags that name it, and the order that never leaves a Secret unreadable (controls.md 7(d)). */

import { remedy } from '../src/model/define.ts'
import type { Change, Finding, Proposal, Readable, Remedy, RemedyContext, View } from '../src/model/index.ts'
import { distribution } from '../src/objects/distribution.ts'
import { encryptionRules, ruleForSecrets, signsOfConfiguration, writersOfSecrets } from '../src/objects/encryption.ts'
import { formsFor } from '../src/objects/encryption-forms.ts'
import type { EncryptionHosts } from '../src/objects/encryption-hosts.ts'
import type { EncryptionWish } from '../src/objects/encryption-stages.ts'
import { componentFlags, FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { type HostFile, proposeFlags } from './apiserver-flag.ts'
import { encryptionElsewhere } from './encryption-elsewhere.ts'
import { PROVE, placingKeys, whenLoaded } from './encryption-runbook.ts'
import { formWanted, STAGED_OPTIONS, STAGED_READS, stagedProposal } from './encryption-staged.ts'
import { apiServerNodes } from './flag-hosts.ts'
import { liesThere } from './flag-runbook.ts'
import { PROVIDER_OPTIONS, type ProviderCommands, providerProposal } from './provider-command.ts'
import { proposeRewrite } from './stored-rewrite.ts'

const DIRECTORY = '/etc/kubernetes/enc'
const MOUNT: HostFile = { name: 'encryption-config', path: DIRECTORY, type: 'Directory', readOnly: true }

/** Turns encryption on where no API server has it. Nothing of an existing configuration is ever rewritten: its keys are the only way to the data. */
export const encryptSecrets = <
  E extends { readonly configured: boolean; readonly resource?: string; readonly writes?: string },
>(): Remedy<E> =>
  remedy<E>({
    family: 'encryption-config',
    reads: [...FLAG_LADDER, 'EncryptionConfiguration', 'ApiServerMetrics', 'ApiServerHealth', ...STAGED_READS],
    options: {
      ...STAGED_OPTIONS,
      ...PROVIDER_OPTIONS,
      'kms-key': { describe: "the key in the provider's key management service (ARN, resource name or URL)" },
      resources: {
        describe: 'what to encrypt',
        default: 'secrets',
        choices: [
          { value: 'secrets', label: 'Secrets' },
          { value: 'secrets,configmaps', label: 'Secrets and ConfigMaps' },
        ],
      },
    },
    propose(finding, context) {
      const { view, options } = context
      const { name, managed } = distribution(view)
      if (managed) return providerProposal(name, ENCRYPT_AT_PROVIDER, view, options)
      const elsewhere = encryptionElsewhere('plain', view)
      if (elsewhere !== undefined) return finding.evidence.resource === undefined ? elsewhere : rewritten(finding.evidence, view)
      const staged = stagedProposal(context, (hosts) => wishFor(hosts, context), 'encrypt Secrets at rest, in stages')
      if (staged !== undefined) return staged
      const { configured, resource } = finding.evidence
      if (resource !== undefined) return rewritten(finding.evidence, view)
      if (configured) return { byHand: REORDER }
      return likeTheOthers(finding, context) ?? turnOn(finding, context)
    },
  })

const rewritten = ({ resource = '', writes }: { readonly resource?: string; readonly writes?: string }, view: View<Readable>): Proposal =>
  proposeRewrite({ resource, ...(writes !== undefined && { writes }) }, view)

/** What some API server writes with already is what all get: a second key helps nobody. */
function wishFor(hosts: EncryptionHosts, context: Pick<RemedyContext, 'view' | 'options'>): EncryptionWish | Proposal {
  const { options } = context
  const writing = hosts.nodes.flatMap(({ rules }) => formsFor(rules, 'secrets').slice(0, 1)).find(({ kind }) => kind !== 'identity')
  const form = writing ?? formWanted(context, hosts)
  if (!('kind' in form)) return form
  return {
    goal: { to: 'encrypt', with: form, resources: String(options['resources'] ?? 'secrets').split(',') },
    drop: options['identity'] === 'remove' ? 'identity' : 'nothing',
  }
}

const FLAG = 'encryption-provider-config'

/** Where any API server encrypts already, a second key would make what the one writes unreadable for the other: all must have the very same file. */
function likeTheOthers(finding: Finding<unknown>, context: RemedyContext): Proposal | undefined {
  const { view } = context
  const configured = componentFlags(view, 'kube-apiserver').instances.find((instance) => instance.flags.get(FLAG))
  if (configured === undefined) {
    const samples = view.fact('ApiServerMetrics')?.samples
    const signs = signsOfConfiguration(samples, view.fact('ApiServerHealth')?.checks)
    const encrypts = signs.length > 0 || [...writersOfSecrets(samples ?? [])].some((provider) => provider !== 'identity')
    return encrypts
      ? {
          byHand:
            'some API server encrypts already: find the file it was given (--encryption-provider-config) and give all the others the very same one; a second key would make Secrets unreadable',
        }
      : undefined
  }
  const path = configured.flags.get(FLAG)!
  const reload = configured.flags.get(`${FLAG}-automatic-reload`)
  return proposeFlags(
    {
      flags: { [FLAG]: path, ...(reload && { [`${FLAG}-automatic-reload`]: reload }) },
      files: [{ ...MOUNT, path: path.slice(0, path.lastIndexOf('/')) || '/' }],
      first: [
        `copy ${path} from the node of ${configured.name} to the same path on the others, owner root, mode 0600: the very same file, because a second key would make Secrets unreadable`,
      ],
      verify: [PROVE],
      summary: `encrypt Secrets at rest as ${configured.name} does`,
      mayBreak: [`${path} must lie on the node, the very same as on that of ${configured.name}, before its API server gets these flags`],
    },
    finding,
    context,
  )
}

const REORDER =
  'in the EncryptionConfiguration, put a strong provider with a key of its own first (secretbox, or kms v2) and keep identity and every older key after it; give all API servers the same file, wait until they have loaded it, then rewrite all Secrets. The file is not rewritten here, because its keys are the only way to what is stored'

function turnOn(finding: Finding<unknown>, context: RemedyContext): Proposal {
  const { view, options } = context
  const unused = view
    .all('EncryptionConfiguration')
    .find((file) => !['identity', 'none', undefined].includes(ruleForSecrets(encryptionRules(file))?.providers[0]?.kind))
  const name = unused?.metadata.name ?? freeName(view)
  const minor = serverMinor(view)
  const resources = String(options['resources'] ?? 'secrets').split(',')
  const nodes = apiServerNodes(view)
  const place = { path: `${DIRECTORY}/${name}`, nodes }
  // In files they are changed together; on nodes they are not, and each must read what the others write.
  const later =
    view.source.kind === 'live' && nodes.length !== 1
      ? { name: name.replace(/(\.\w+)?$/, '.key-first$1'), text: encryptionText(view, resources, 'key') }
      : undefined
  const isSwapped = view.source.kind !== 'live' && componentFlags(view, 'kube-apiserver').instances.length > 1
  const file: Change = {
    type: 'file',
    name,
    text: { text: encryptionText(view, resources, later === undefined ? 'key' : 'identity'), secretKeys: 1 },
    mode: 0o600,
    ...(later !== undefined && { later }),
    ...placingKeys(place, later?.name, isSwapped, resources, minor),
  }
  return proposeFlags(
    {
      flags: {
        'encryption-provider-config': `${DIRECTORY}/${name}`,
        ...((minor ?? 0) >= 26 && { 'encryption-provider-config-automatic-reload': 'true' }),
      },
      files: [MOUNT],
      before: unused === undefined ? [file] : [],
      first: [liesThere(`${DIRECTORY}/${name}`)],
      verify: whenLoaded(place, later?.name, isSwapped, resources, minor),
      undoFirst: [
        `not once anything was written with the key: before that, take the way back of ${name}, or nobody can read the Secrets any more`,
      ],
      summary: 'encrypt Secrets at rest with secretbox',
      mayBreak: [
        `${name} must lie in ${DIRECTORY} on a node before its API server gets these flags, or it does not start`,
        'whoever loses the key loses every Secret: keep a copy of it away from the cluster and its backups',
        'until all API servers have the same file, one may write what another cannot read: follow the order of the steps',
      ],
    },
    finding,
    context,
  )
}

const freeName = (view: View<Readable>): string =>
  view.all('EncryptionConfiguration').some((file) => file.metadata.name === 'encryption-config.yaml')
    ? 'encryption-config-k8s-harden.yaml'
    : 'encryption-config.yaml'

/** The configuration; `{{key 1}}` is where the writer puts 32 random bytes, base64. The key is named after the day, so that a later one can stand beside it. */
export function encryptionText(view: Pick<View, 'now'>, resources: readonly string[], first: 'key' | 'identity' = 'key'): string {
  const day = new Date(view.now).toISOString().slice(0, 10).replaceAll('-', '')
  const key = `      - secretbox:
          keys:
            - name: key-${day}
              secret: "{{key 1}}"
`
  return `# The first provider writes; the others can only read. Keep this file 0600, owned by root, the same on every API server.
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources:
${resources.map((resource) => `      - ${resource}`).join('\n')}
    providers:
${first === 'key' ? key + KEPT_READABLE : `      # Written in plain text still: every API server must know the key before the first one encrypts with it.\n      - identity: {}\n${key}`}`
}
const KEPT_READABLE = `      # What is not encrypted yet stays readable. Take this out once everything is rewritten and a backup cycle has passed.
      - identity: {}
`

const ENCRYPT_AT_PROVIDER: ProviderCommands = {
  eks: {
    argv: [
      'aws',
      'eks',
      'associate-encryption-config',
      '--cluster-name',
      '{cluster}',
      '--region',
      '{region}',
      '--encryption-config',
      '[{"resources":["secrets"],"provider":{"keyArn":"{kms-key}"}}]',
    ],
    risk: 'may-break',
    summary: 'encrypt Secrets with a key of your own in AWS KMS',
    asks: { 'kms-key': 'What is the ARN of the KMS key?' },
    mayBreak: ['it cannot be taken back, and whoever disables the key makes every Secret unreadable'],
  },
  gke: {
    argv: ['gcloud', 'container', 'clusters', 'update', '{cluster}', '--location', '{location}', '--database-encryption-key', '{kms-key}'],
    undo: ['gcloud', 'container', 'clusters', 'update', '{cluster}', '--location', '{location}', '--disable-database-encryption'],
    risk: 'may-break',
    summary: 'encrypt Secrets with a key in Cloud KMS',
    asks: { 'kms-key': 'What is the resource name of the Cloud KMS key?' },
    mayBreak: ['whoever disables the key makes every Secret unreadable'],
  },
  aks: {
    argv: [
      'az',
      'aks',
      'update',
      '--resource-group',
      '{group}',
      '--name',
      '{cluster}',
      '--enable-azure-keyvault-kms',
      '--azure-keyvault-kms-key-id',
      '{kms-key}',
    ],
    undo: ['az', 'aks', 'update', '--resource-group', '{group}', '--name', '{cluster}', '--disable-azure-keyvault-kms'],
    risk: 'may-break',
    summary: 'encrypt Secrets with a key in Azure Key Vault',
    asks: { 'kms-key': 'What is the identifier of the Key Vault key?' },
    mayBreak: ['the cluster identity must be allowed to use the key first', 'whoever disables the key makes every Secret unreadable'],
  },
  oke: 'OKE encrypts the volumes below etcd; a key of your own in OCI Vault can only be chosen when a cluster is created (oci ce cluster create --kms-key-id)',
}
