/** Which resources an EncryptionConfiguration covers, and whether all API servers have the same one. */
import type { ConfigFile, HostSeen, MetricSample, Path, ServedGroup } from '../model/index.ts'
import { type EncryptionRule, encryptionRules } from './encryption.ts'
import { isEncryptionFile } from './encryption-file.ts'
import { covers } from './encryption-forms.ts'

/** Custom resources that hold tokens, client secrets or private keys as they are. */
const TOKEN_KINDS: readonly (readonly [group: string, plurals: readonly string[]])[] = [
  // https://dexidp.io/docs/configuration/storage: the Kubernetes storage keeps them as custom resources.
  [
    'dex.coreos.com',
    ['authcodes', 'authrequests', 'connectors', 'oauth2clients', 'offlinesessionses', 'passwords', 'refreshtokens', 'signingkeies'],
  ],
  ['management.cattle.io', ['tokens']],
  ['ext.cattle.io', ['tokens']],
]

const encrypts = ({ providers }: EncryptionRule): boolean => providers[0] !== undefined && !['identity', 'none'].includes(providers[0].kind)

/**
 * Resources that hold credentials and are not encrypted although something is: those that no entry covers, and those that an earlier
 * entry takes away from a later one. Secrets themselves are another control's.
 */
export function* decidedWrongly(
  rules: readonly EncryptionRule[],
  served: readonly ServedGroup[],
): Iterable<{ readonly resource: string; readonly at: Path; readonly detail: string }> {
  if (!rules.some(encrypts)) return
  const custom = TOKEN_KINDS.flatMap(([group, plurals]) => {
    const here = served.find((one) => one.group === group)?.resources ?? []
    return plurals.filter((plural) => here.includes(plural)).map((plural) => `${plural}.${group}`)
  })
  for (const resource of ['configmaps', ...custom]) {
    const rule = rules.find(({ resources }) => resources.some((entry) => covers(entry, resource)))
    if (rule !== undefined && encrypts(rule)) continue
    const later = rules.some((one) => one !== rule && encrypts(one) && one.resources.some((entry) => covers(entry, resource)))
    if (rule !== undefined && later)
      yield { resource, at: rule.at, detail: 'an earlier entry without encryption decides, a later one would encrypt them' }
    else if (resource !== 'configmaps')
      yield { resource, at: rule?.at ?? ['resources'], detail: 'they hold tokens or keys as they are, and no entry encrypts them' }
  }
}

/**
 * What values of a resource begin with when they are written as the configuration says ('': plain text); undefined where there is none, or
 * where several files say different things.
 */
export function meantPrefix(files: readonly ConfigFile[], resource: string): string | undefined {
  const meant = new Set(
    files.map((file) => {
      const rule = encryptionRules(file).find(({ resources }) => resources.some((entry) => covers(entry, resource)))
      const first = rule?.providers[0]
      if (first === undefined || first.kind === 'identity') return ''
      const [, version] = /^kms-(v\d)$/.exec(first.kind) ?? []
      if (version !== undefined) return first.name === undefined ? undefined : `k8s:enc:kms:${version}:${first.name}:`
      return first.keys[0] === undefined ? undefined : `k8s:enc:${first.kind}:v1:${first.keys[0].name}:`
    }),
  )
  return meant.size === 1 ? [...meant][0] : undefined
}

/** In words, each way in which two API servers were seen to have different configurations. */
export function differingConfigurations(samples: readonly MetricSample[], hosts: readonly HostSeen[]): readonly string[] {
  const said: string[] = []
  const loaded = new Map<string, string>()
  for (const { name, labels } of samples)
    if (name === 'apiserver_encryption_config_controller_last_config_info' && labels['hash'] !== undefined)
      loaded.set(labels['apiserver_id_hash'] ?? '', labels['hash'])
  if (new Set(loaded.values()).size > 1) said.push(`${loaded.size} API servers have loaded configurations of different hashes`)
  return said.length > 0 ? said : differingFiles(hosts)
}

/** The file that the flag names lies at one path on all nodes: kind EncryptionConfiguration, told by its text. */
function differingFiles(hosts: readonly HostSeen[]): readonly string[] {
  const byPath = new Map<string, Map<string, string>>()
  for (const { node, controlPlane, rancher, files } of hosts) {
    if (!controlPlane && rancher?.server !== true) continue
    for (const { path, sha256, text } of files) {
      if (sha256 === undefined || !isEncryptionFile(text)) continue
      byPath.set(path, (byPath.get(path) ?? new Map<string, string>()).set(node, sha256))
    }
  }
  return [...byPath].flatMap(([path, nodes]) =>
    new Set(nodes.values()).size > 1 ? [`${path} is not the same file on ${[...nodes.keys()].join(', ')}`] : [],
  )
}
