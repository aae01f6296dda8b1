/** Encryption at rest where hosts reach every API server: the stages as steps on the nodes, one after the other (controls.md 7(d)). */
import type {
  Change,
  ConfigMapObject,
  EncryptionAction,
  HostAction,
  HostMount,
  Proposal,
  Readable,
  RemedyContext,
  RemedyOption,
  View,
} from '../src/model/index.ts'
import { type EncryptionForm, formsOf, prefixOf } from '../src/objects/encryption-forms.ts'
import { directoryOf, ENCRYPTION_FLAG, type EncryptionHosts, encryptionHosts, newKeyName } from '../src/objects/encryption-hosts.ts'
import { isForgottenByKubeadm } from '../src/objects/encryption-kubeadm.ts'
import { type EncryptionStage, type EncryptionWish, encryptionStages, NoStages } from '../src/objects/encryption-stages.ts'
import { editsOfConfigMap, editsOfConfiguration } from '../src/objects/flag-edits.ts'
import { parsed } from '../src/objects/flag-kubeadm.ts'
import { refOf } from '../src/objects/ref.ts'
import { storedNames } from '../src/objects/stored-resources.ts'
import { rewriteChange } from './stored-rewrite.ts'

/** What a staged remedy looks at besides the hosts: what wildcards of the file stand for. */
export const STAGED_READS = ['Hosts', 'ServedResources', 'APIService'] as const
const RELOAD = `${ENCRYPTION_FLAG}-automatic-reload`
export const STAGED_OPTIONS: Readonly<Record<string, RemedyOption>> = {
  provider: {
    describe: 'what encrypts',
    default: 'secretbox',
    choices: [
      { value: 'secretbox', label: 'secretbox: a random key in a file of each control-plane node' },
      { value: 'aescbc', label: 'aescbc: the same with an older cipher, for those who must' },
      { value: 'kms-v2', label: 'kms v2: a plugin that runs on every control-plane node already' },
    ],
  },
  'kms-socket': { describe: 'where the KMS plugin listens on every control-plane node, for instance unix:///run/kms/vault.sock' },
  identity: {
    describe: 'whether plain text in etcd goes on being read once everything is stored anew',
    default: 'keep',
    choices: [
      { value: 'keep', label: 'keep: until a backup cycle has passed' },
      { value: 'remove', label: 'remove: plain text put into etcd is refused' },
    ],
  },
}

/** The provider that the options choose, with a key of its own; or what is to be asked. */
export function formWanted({ view, options }: Pick<RemedyContext, 'view' | 'options'>, hosts: EncryptionHosts): EncryptionForm | Proposal {
  const provider = String(options['provider'] ?? 'secretbox')
  if (provider === 'kms-v2') {
    const endpoint = options['kms-socket']
    if (typeof endpoint !== 'string')
      return { needs: { option: 'kms-socket', question: 'Where does the KMS plugin listen (unix:///PATH)?' } }
    if (!/^unix:\/\/\/\S+$/.test(endpoint)) return { refused: `${endpoint} is no unix socket: give unix:///PATH` }
    return { kind: 'kms', apiVersion: 'v2', name: endpoint.replace(/^.*\//, '').replace(/\.\w+$/, '') || 'kms', endpoint, timeout: '3s' }
  }
  const kind = provider === 'aescbc' ? 'aescbc' : 'secretbox'
  // A key that an earlier run has left on a node, with nobody writing with it yet, is the one to go on with.
  const isUnwritten = hosts.nodes.every(({ rules }) => rules.every(({ providers }) => providers[0]?.kind === 'identity'))
  const begun = isUnwritten ? hosts.forms.find((form) => form.kind === kind) : undefined
  return begun ?? { kind, keys: [newKeyName(view.now, hosts.forms)] }
}

/** Undefined where hosts do not reach every API server. */
export function stagedProposal(
  context: Pick<RemedyContext, 'view' | 'options'>,
  wishOf: (hosts: EncryptionHosts) => EncryptionWish | Proposal,
  summary: string,
): Proposal | undefined {
  const hosts = encryptionHosts(context.view)
  if (hosts === undefined) return undefined
  const wish = wishOf(hosts)
  if (!('goal' in wish)) return wish
  try {
    const changes = stagedChanges(hosts, stagesFor(hosts, wish, context.view), context.view)
    return { changes, risk: 'may-break', summary, mayBreak: [...MAY_BREAK, ...(hosts.nodes.length === 1 ? [SINGLE] : [])] }
  } catch (error) {
    if (error instanceof NoStages) return { byHand: error.message }
    throw error
  }
}

export function stagesFor(hosts: EncryptionHosts, wish: EncryptionWish, view: View<Readable>): readonly EncryptionStage[] {
  const served = storedNames(view)
  return encryptionStages(hosts.nodes, { ...wish, ...(served !== undefined && { served }) })
}

const MAY_BREAK = [
  'take an etcd snapshot first, restore it somewhere to see that it is good, and have twice the size of the database free on disk',
  'whoever loses the key loses what is encrypted with it: keep a copy of the file away from the cluster and its backups before the key writes',
  'older backups of etcd stay as they were: destroy the unencrypted ones, and keep old keys until the backups made with them are gone',
]
const SINGLE = 'the only API server is away for a few seconds while it gets its flags'

/**
 * The steps, in order: files and flags node by node, then what the stages say. `thenOff`: at the end no API server is given a file any
 * more; the file stays, since backups of etcd need its keys.
 */
export function stagedChanges(
  hosts: EncryptionHosts,
  stages: readonly EncryptionStage[],
  view: View<Readable>,
  thenOff = false,
): readonly Change[] {
  const { path, nodes } = hosts
  const names = nodes.map(({ node }) => node)
  const changes: Change[] = []
  const add = (key: string, title: string, action: HostAction) => changes.push({ type: 'host', key, title, action })
  const file = (node: string, step: string, rules: EncryptionAction['rules'], loadedBy: EncryptionAction['loadedBy']) =>
    add(`${node}/encryption ${step}`, `encryption on ${node}: ${rules.map((rule) => ruleWords(step, rule)).join('; ')}`, {
      do: 'encryption',
      node,
      nodes: names,
      path,
      rules,
      loadedBy,
    })

  const [first] = stages
  const mounts = mountsFor(path, stages)
  const hasPlugin = mounts.length > 1 && socketsIn(nodes).length === 0
  const inPlace = `mount ${directoryOf(path)} in place of the file in it alone, which a new one is never seen through`
  const flags = (node: string, words = `set --${ENCRYPTION_FLAG}=${path}, --${RELOAD}=true`) =>
    add(`${node}/kube-apiserver flags`, `kube-apiserver on ${node}: ${words}`, {
      do: 'flags',
      node,
      component: 'kube-apiserver',
      flags: { [ENCRYPTION_FLAG]: path, [RELOAD]: 'true' },
      mounts,
      files: [],
    })
  // One that does not take up a changed file by itself, or would not see it, is restarted once, to do so from then on: before any file changes.
  for (const { node, given, reloads, mountedAlone } of nodes)
    if (given && (!reloads || mountedAlone || hasPlugin)) flags(node, mountedAlone && reloads ? inPlace : undefined)
  for (const { node, given } of nodes) {
    const read = first?.is === 'files' && first.step === 'read' ? first.files.find((one) => one.node === node)?.rules : undefined
    // One that has no flags yet gets the file before them, and loads it when it starts with them.
    if (read !== undefined && !given) file(node, 'read', read, 'later')
    if (!given) flags(node)
    if (read !== undefined && given) file(node, 'read', read, 'reload')
  }
  // At once: whoever upgrades while a later stage waits or has failed keeps the flags.
  const isSet = nodes.every(({ given, reloads }) => given && reloads) && !hasPlugin && !isForgottenByKubeadm(path, view)
  if (!thenOff && !isSet) changes.push(...inKubeadm(path, view, mounts))
  for (const stage of first?.is === 'files' && first.step === 'read' ? stages.slice(1) : stages) {
    if (stage.is === 'files') for (const { node, rules } of stage.files) file(node, stage.step, rules, 'reload')
    else changes.push(rewriteChange(stage.resources, stage.prefix, names, stage.onlyUndo))
  }
  if (thenOff)
    for (const { node } of nodes)
      add(`${node}/kube-apiserver flags off`, `kube-apiserver on ${node}: no --${ENCRYPTION_FLAG}`, {
        do: 'flags',
        node,
        component: 'kube-apiserver',
        flags: { [ENCRYPTION_FLAG]: null, [RELOAD]: null },
        mounts: [],
        files: [],
      })
  return thenOff ? [...changes, ...inKubeadm(path, view, undefined)] : changes
}

const mountsFor = (path: string, stages: readonly EncryptionStage[]): readonly HostMount[] =>
  mountsOf(
    path,
    stages.flatMap((stage) => (stage.is === 'files' ? stage.files : [])),
  )
/** The file's directory; and those of the sockets of plugins, which the API server must see too. */
export function mountsOf(path: string, files: readonly { readonly rules: EncryptionAction['rules'] }[]): readonly HostMount[] {
  const sockets = [...new Set(socketsIn(files).map(directoryOf))]
  return [
    { name: 'encryption-config', path: directoryOf(path), type: 'Directory', readOnly: true },
    ...sockets.map((socket, index): HostMount => ({ name: `kms-plugin-${index + 1}`, path: socket, type: 'Directory', readOnly: false })),
  ]
}
const socketsIn = (nodes: readonly { readonly rules: EncryptionAction['rules'] }[]): readonly string[] =>
  nodes.flatMap(({ rules }) =>
    rules.flatMap(({ providers }) =>
      providers.flatMap((provider) => (provider.kind === 'kms' ? [provider.endpoint.replace(/^unix:\/\//, '')] : [])),
    ),
  )

/** So that the next `kubeadm upgrade` keeps the flags, or does not bring them back (no `mounts`). */
export function inKubeadm(path: string, view: View<Readable>, mounts: readonly HostMount[] | undefined, reloads = true): readonly Change[] {
  const map = view.find('ConfigMap', 'kube-system', 'kubeadm-config') as ConfigMapObject | undefined
  if (map === undefined || parsed(map.data?.['ClusterConfiguration']) === undefined) return []
  const set = { [ENCRYPTION_FLAG]: path, ...(reloads && { [RELOAD]: 'true' }) }
  const flags = mounts === undefined ? { [ENCRYPTION_FLAG]: null, [RELOAD]: null } : set
  const edits = editsOfConfigMap(map, 'ClusterConfiguration', (content) =>
    editsOfConfiguration(content, 'kube-apiserver', flags, mounts ?? []),
  )
  return [{ type: 'edit', target: refOf(map), edits }]
}

/** `secrets still written in plain text, also read with secretbox key-1`: which stage it is can be seen from what writes. */
function ruleWords(step: string, { resources, providers }: EncryptionAction['rules'][number]): string {
  const [writer, ...readers] = formsOf(providers).map(formWords)
  const what = `${resources.join(', ')} ${step === 'read' ? 'still' : step === 'write' ? 'now' : 'as before'} written ${writer}`
  if (readers.length === 0) return `${what}, ${step === 'drop' ? 'and nothing else read any more' : 'nothing else read'}`
  return `${what}, ${step === 'read' ? 'also' : 'still'} read ${readers.join(', ')}`
}
const formWords = (form: EncryptionForm): string =>
  form.kind === 'identity'
    ? 'in plain text'
    : form.kind === 'kms'
      ? `with kms ${form.name}`
      : `with ${form.kind} ${prefixOf(form).split(':').at(-2)}`
