/** What a scan says at each stage of turning encryption on: nothing passes altogether before everything is stored anew. */
import { describe, expect, it } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import { compile } from '../../src/plan/compile.ts'
import { worldOf } from '../helpers/world.ts'

const PATH = '/etc/kubernetes/enc/encryption-config.yaml'
const BOX = 'k8s:enc:secretbox:v1:'
const SHA = 'c0ffee'
const KEY = '{secretbox: {keys: [{name: k, secret: AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8=}]}}'
const ids = ['sec-etcd-encryption', 'sec-etcd-encryption-coverage', 'sec-etcd-encryption-provider'] as const
const wanted = ids.map((id) => controls.find((control) => control.id === id)!)

interface Stage {
  readonly providers: readonly string[]
  /** How Secrets were written and read since the API server was started, and how often it loaded another file since. */
  readonly to: readonly string[]
  readonly from: readonly string[]
  readonly reloads: number
  /** How many are stored in plain text, and how many with the key; `last`: how the one written last is. */
  readonly plain: number
  readonly keyed: number
  readonly isRewritten?: true
}
const IDENTITY = '{identity: {}}'
const STAGES: Readonly<Record<string, Stage>> = {
  'identity first, nothing written since': { providers: [IDENTITY, KEY], to: [], from: ['identity'], reloads: 0, plain: 9, keyed: 0 },
  'identity first, and it writes': { providers: [IDENTITY, KEY], to: [''], from: ['identity'], reloads: 0, plain: 9, keyed: 0 },
  'key first, nothing written since': { providers: [KEY, IDENTITY], to: [], from: ['identity'], reloads: 1, plain: 9, keyed: 0 },
  'key first, plain text written before it was loaded': {
    providers: [KEY, IDENTITY],
    to: [''],
    from: ['identity'],
    reloads: 1,
    plain: 9,
    keyed: 0,
  },
  'key first, and it writes': {
    providers: [KEY, IDENTITY],
    to: ['', BOX, 'k:'],
    from: ['identity', BOX, 'k:'],
    reloads: 1,
    plain: 6,
    keyed: 3,
  },
  'key first from the start of the server': {
    providers: [KEY, IDENTITY],
    to: [BOX, 'k:'],
    from: ['identity', BOX, 'k:'],
    reloads: 0,
    plain: 6,
    keyed: 3,
  },
  'all stored anew, plain text still readable': {
    providers: [KEY, IDENTITY],
    to: ['', BOX, 'k:'],
    from: ['identity', BOX, 'k:'],
    reloads: 1,
    plain: 0,
    keyed: 9,
    isRewritten: true,
  },
  'all stored anew, server started since': {
    providers: [KEY, IDENTITY],
    to: [BOX, 'k:'],
    from: [BOX, 'k:'],
    reloads: 0,
    plain: 0,
    keyed: 9,
    isRewritten: true,
  },
  'plain text refused': { providers: [KEY], to: [BOX, 'k:'], from: [BOX, 'k:'], reloads: 1, plain: 0, keyed: 9, isRewritten: true },
}
/** What may be read. */
const VIEWS = {
  all: { hosts: true, metrics: true, stored: true },
  'no node': { hosts: false, metrics: true, stored: true },
  'no value': { hosts: true, metrics: true, stored: false },
  'neither node nor value': { hosts: false, metrics: true, stored: false },
  'no metrics': { hosts: true, metrics: false, stored: false },
  'flags alone': { hosts: false, metrics: false, stored: false },
} as const
type Seen = (typeof VIEWS)[keyof typeof VIEWS]

function worldAt({ providers, to, from, reloads, plain, keyed }: Stage, seen: Seen): string {
  const text = `kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources: [{resources: [secrets], providers: [${providers.join(', ')}]}]\n`
  const count = (direction: string) => (prefix: string) => ({
    name: 'apiserver_storage_transformation_operations_total',
    labels: { resource: 'secrets', status: 'OK', transformation_type: direction, transformer_prefix: prefix },
    value: 9,
  })
  const family = 'apiserver_encryption_config_controller_'
  const samples = [
    { name: 'process_start_time_seconds', labels: {}, value: 1790000000 },
    { name: `${family}last_config_info`, labels: { apiserver_id_hash: 'x', hash: `sha256:${SHA}` }, value: 1 },
    ...(reloads === 0
      ? []
      : [
          { name: `${family}automatic_reloads_total`, labels: { status: 'success' }, value: reloads },
          { name: `${family}automatic_reload_last_timestamp_seconds`, labels: { status: 'success' }, value: 1795000000 },
        ]),
    ...to.map(count('to_storage')),
    ...from.map(count('from_storage')),
  ]
  const objects = plain + keyed
  const read = { ...(plain > 0 && { '': plain }), ...(keyed > 0 && { [BOX]: keyed, 'k:': keyed }) }
  const newest: Record<string, number> = keyed > 0 ? { [BOX]: 1, 'k:': 1 } : { '': 1 }
  const StoredForm = {
    resources: [
      {
        resource: 'secrets',
        objects,
        looked: objects,
        read,
        newest,
        newestAt: keyed > 0 ? '2026-11-20T00:00:00Z' : '2026-11-10T00:00:00Z',
        failed: 0,
      },
    ],
  }
  const file = { path: PATH, is: 'file', mode: 0o600, uid: 0, gid: 0, owner: 'root', sha256: SHA, text }
  const facts = {
    ServerVersion: { gitVersion: 'v1.37.2', minor: 37 },
    ...(seen.hosts && { Hosts: { hosts: [{ node: 'cp-1', carrier: 'local', controlPlane: true, unread: [], files: [file] }] } }),
    ...(seen.metrics && { ApiServerMetrics: { samples } }),
    ...(seen.stored && { StoredForm }),
  }
  const flags = `--encryption-provider-config=${PATH}, --encryption-provider-config-automatic-reload=true`
  const pod = `apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver-cp-1, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: a}}\nspec: {nodeName: cp-1, containers: [{name: kube-apiserver, image: "a:1", command: [kube-apiserver, ${flags}]}]}\n`
  const configuration = seen.hosts ? `---\n${text}metadata: {name: encryption-config.yaml}\n` : ''
  return `apiVersion: k8s-harden.test/v1\nkind: World\nfacts: ${JSON.stringify(facts)}\n---\n${pod}${configuration}`
}
const statusesOf = (stage: Stage, seen: Seen) => {
  const { snapshot } = worldOf(worldAt(stage, seen))
  return wanted.map((control) => judge(control, snapshot).status)
}

describe('a scan between the stages of encryption', () => {
  for (const [at, stage] of Object.entries(STAGES))
    for (const [what, seen] of Object.entries(VIEWS))
      it(`${at}; seen: ${what}`, () => {
        const [on, coverage] = statusesOf(stage, seen)
        if (stage.isRewritten) {
          for (const status of [on, coverage]) expect(status).not.toBe('fail')
          if (seen.stored) expect([on, coverage]).toEqual(['pass', 'pass'])
          return
        }
        expect(coverage).not.toBe('pass')
        if (seen.stored) expect(on).toBe('fail')
        // The file of the only node says that the key writes; whether old values are plain is then the other control's not to know.
        if (stage.providers[0] === IDENTITY || !seen.hosts) {
          const isSeenWriting = seen.metrics && stage.reloads === 0 && stage.to.includes(BOX)
          if (!isSeenWriting) expect(on).not.toBe('pass')
        }
      })

  it('with everything seen it says what is missing, stage by stage', () => {
    const all = Object.fromEntries(Object.entries(STAGES).map(([at, stage]) => [at, statusesOf(stage, VIEWS.all).join(' ')]))
    expect(all).toEqual({
      'identity first, nothing written since': 'fail unknown fail',
      'identity first, and it writes': 'fail unknown fail',
      'key first, nothing written since': 'fail fail pass',
      'key first, plain text written before it was loaded': 'fail fail pass',
      'key first, and it writes': 'fail fail pass',
      'key first from the start of the server': 'fail fail pass',
      'all stored anew, plain text still readable': 'pass pass pass',
      'all stored anew, server started since': 'pass pass fail',
      'plain text refused': 'pass pass pass',
    })
  })

  it('sec-etcd-encryption alone finishes what was interrupted after the key wrote first; with the other control it is one step', () => {
    const { snapshot } = worldOf(worldAt(STAGES['key first, nothing written since']!, VIEWS.all))
    for (const some of [wanted.slice(0, 1), wanted.slice(0, 2)]) {
      const findings = some.flatMap((control) => judge(control, snapshot).findings)
      const { steps, ledger } = compile(findings, new Map(some.map((control) => [control.id, control])), snapshot, {})
      expect(steps.map(({ changes }) => changes)).toEqual([
        [
          expect.objectContaining({
            type: 'host',
            action: { do: 'rewrite', resources: ['secrets'], prefix: `${BOX}k:`, nodes: ['cp-1'] },
          }),
        ],
      ])
      expect(ledger.fixable).toHaveLength(some.length)
    }
  })

  it('where no node is reached the API stores everything anew, as soon as it is seen what writes', () => {
    const planned = (at: string) => {
      const { snapshot } = worldOf(worldAt(STAGES[at]!, VIEWS['no node']))
      const { findings } = judge(wanted[0]!, snapshot)
      return compile(findings, new Map([[ids[0], wanted[0]!]]), snapshot, {})
    }
    expect(planned('key first, and it writes').steps).toHaveLength(1)
    expect(planned('key first, nothing written since').ledger.byHand[0]?.why).toMatch(/which provider writes secrets now/)
  })
})
