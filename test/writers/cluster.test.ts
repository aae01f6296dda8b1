import { describe, expect, test } from 'vitest'
import type { Answer, JsonPatch } from '../../src/apiserver/client.ts'
import type { Refusal } from '../../src/apiserver/refusal.ts'
import type { Approval, Change, KubeObject, Rehearsal, Step } from '../../src/model/index.ts'
import { applyEdits } from '../../src/objects/path.ts'
import { holds } from '../../src/plan/canonical.ts'
import { WriteConflict, WriteRefused, WriteUncertain } from '../../src/plan/writer.ts'
import { ClusterWriter } from '../../src/writers/cluster.ts'
import type { ClusterApi } from '../../src/writers/cluster-api.ts'
import { objectDiff, recreatable, redacted } from '../../src/writers/cluster-object.ts'
import { editsBack, entriesOf, guardedPatch, standing } from '../../src/writers/cluster-patch.ts'

const deployment = (container: object = {}, labels: object = {}): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'cart', namespace: 'shop', uid: 'u1', resourceVersion: '5', labels },
    spec: { template: { spec: { containers: [{ name: 'side' }, { name: 'app', ...container }] } } },
  }) as KubeObject
const at = ['spec', 'template', 'spec', 'containers', { name: 'app' }] as const
const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'cart', uid: 'u1' }
const step = (changes: readonly Change[], inverse: readonly Change[] = []): Step =>
  ({
    id: 's1',
    title: 't',
    changes,
    inverse,
    mends: [],
    controls: [],
    practices: [],
    after: [],
    risk: 'safe',
    mayBreak: [],
    managedBy: '',
    carriedOut: 'live',
  }) as unknown as Step
const approval = { digest: 'd', steps: new Set(['s1']), by: 'test' } as unknown as Approval
const refused = (refusal: Partial<Refusal>): Answer<never> => ({ ok: false, refusal: { kind: 'invalid', message: 'no', ...refusal } })

/** One object behind a server that patches as JSON Patch asks; `lost` answers get lost on the way. */
class OneObject {
  object: KubeObject | undefined
  sent: { readonly verb: string; readonly dryRun: boolean; readonly body?: unknown }[] = []
  lose: (verb: string) => 'before' | 'after' | undefined = () => undefined
  deaf = false
  constructor(object: KubeObject | undefined) {
    this.object = object
  }

  readonly api = {
    get: async () =>
      this.deaf
        ? refused({ kind: 'unreachable' })
        : this.object === undefined
          ? refused({ kind: 'not-found', status: 404, reason: 'NotFound', said: 'deployments.apps "cart" not found' })
          : { ok: true, status: 200, body: this.object, warnings: [] },
    patch: async (_path: string, patch: JsonPatch, { dryRun = false }) =>
      this.#write('patch', dryRun, patch, () => patched(this.object!, patch)),
    create: async (_path: string, object: KubeObject, { dryRun = false }) =>
      this.#write('create', dryRun, object, () => ({ ...object, metadata: { ...object.metadata, uid: 'u2' } })),
    delete: async (_path: string, { dryRun = false, ...rest }) => this.#write('delete', dryRun, rest, () => undefined),
    review: async () => refused({}),
  } as unknown as ClusterApi

  #write(verb: string, dryRun: boolean, body: unknown, change: () => KubeObject | undefined): Answer<unknown> {
    this.sent.push({ verb, dryRun, body })
    const lost = dryRun ? undefined : this.lose(verb)
    if (lost === 'before') return refused({ kind: 'timeout', message: 'no answer' })
    let after: KubeObject | undefined
    try {
      after = change()
    } catch {
      return refused({ status: 422, said: 'the server rejected our request due to an error in our request' })
    }
    if (!dryRun) this.object = after
    return lost === 'after' ? refused({ kind: 'timeout', message: 'no answer' }) : { ok: true, status: 200, body: after, warnings: [] }
  }
}

function patched(object: KubeObject, patch: JsonPatch): KubeObject {
  return patch.reduce<KubeObject>((here, op) => {
    const path = op.path
      .slice(1)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
      .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
    const value = path.reduce<any>((inner, part) => inner?.[part], here) ?? null
    if (op.op === 'test' && JSON.stringify(value) !== JSON.stringify(op.value)) throw new Error('test failed')
    if (op.op === 'add' || op.op === 'replace') return applyEdits(here, [{ set: path, to: op.value }])
    return op.op === 'remove' ? applyEdits(here, [{ unset: path }]) : here
  }, object)
}

const edit: Change = { type: 'edit', target, edits: [{ set: [...at, 'securityContext'], to: { privileged: false } }] }
const rehearsed = async (writer: ClusterWriter, ...changes: Change[]): Promise<Rehearsal> => {
  const result = await writer.rehearse(step(changes))
  if (!result.ok) throw new Error(result.because)
  return result.rehearsal
}

describe('a guarded patch', () => {
  test('tests uid, item names and every old value before it writes', () => {
    expect(
      guardedPatch(
        deployment({ image: 'a' }),
        [
          { set: [...at, 'image'], to: 'b' },
          { set: [...at, 'securityContext', 'privileged'], to: false },
          { set: ['metadata', 'labels', 'x/y~z'], to: '1' },
        ],
        'u1',
      ),
    ).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'u1' },
      { op: 'test', path: '/spec/template/spec/containers/1/name', value: 'app' },
      { op: 'test', path: '/spec/template/spec/containers/1/image', value: 'a' },
      { op: 'test', path: '/spec/template/spec/containers/1/securityContext', value: null },
      { op: 'test', path: '/metadata/labels/x~1y~0z', value: null },
      { op: 'replace', path: '/spec/template/spec/containers/1/image', value: 'b' },
      { op: 'add', path: '/spec/template/spec/containers/1/securityContext', value: { privileged: false } },
      { op: 'add', path: '/metadata/labels/x~1y~0z', value: '1' },
    ])
  })
  test('does not test what it wrote itself', () => {
    const patch = guardedPatch(
      deployment(),
      [
        { set: [...at, 'a'], to: {} },
        { set: [...at, 'a', 'b'], to: 1 },
      ],
      undefined,
    )
    expect(patch.filter((op) => op.op === 'test').map((op) => op.path)).toEqual([
      '/spec/template/spec/containers/1/name',
      '/spec/template/spec/containers/1/a',
    ])
  })
})

describe('what comes back', () => {
  test('only what is ours: a neighbour that somebody added stays, and so does its parent', () => {
    const before = deployment()
    const edits = [{ set: [...at, 'securityContext'], to: { privileged: false, seccompProfile: { type: 'RuntimeDefault' } } }]
    const after = applyEdits(before, edits)
    const entries = entriesOf(before, after, edits)
    expect(applyEdits(after, editsBack(after, entries))).toEqual(before)
    const grown = applyEdits(after, [{ set: [...at, 'securityContext', 'runAsUser'], to: 5 }])
    expect(standing(grown, entries)).toBe('after')
    expect(applyEdits(grown, editsBack(grown, entries))).toEqual(deployment({ securityContext: { runAsUser: 5 } }))
    expect(standing(applyEdits(after, [{ set: [...at, 'securityContext', 'privileged'], to: true }]), entries)).toBe('other')
    expect(standing(before, entries)).toBe('before')
  })
})

describe('a commit', () => {
  test('sends exactly what was rehearsed, and only with an approval of that step', async () => {
    const server = new OneObject(deployment())
    const writer = new ClusterWriter(server.api)
    const rehearsal = await rehearsed(writer, edit)
    await expect(writer.commit(rehearsal, [], { ...approval, steps: new Set() } as unknown as Approval)).rejects.toThrow('was not approved')
    await writer.commit(rehearsal, await writer.intent(rehearsal), approval)
    expect(server.sent.map(({ verb, dryRun }) => [verb, dryRun])).toEqual([
      ['patch', true],
      ['patch', false],
    ])
    expect(server.sent[1]?.body).toEqual(server.sent[0]?.body)
  })
  test('a lost race is a conflict, and nothing is overwritten', async () => {
    const server = new OneObject(deployment())
    const writer = new ClusterWriter(server.api)
    const rehearsal = await rehearsed(writer, edit)
    server.object = deployment({ securityContext: { privileged: true } })
    await expect(writer.commit(rehearsal, [], approval)).rejects.toThrow(WriteConflict)
    expect(server.object).toEqual(deployment({ securityContext: { privileged: true } }))
  })
  test('an answer that was lost: the server is asked what happened', async () => {
    const server = new OneObject(deployment())
    const writer = new ClusterWriter(server.api)
    const rehearsal = await rehearsed(writer, edit)
    server.lose = () => 'before'
    await expect(writer.commit(rehearsal, [], approval)).rejects.toThrow(WriteRefused)
    server.lose = () => 'after'
    expect((await writer.commit(rehearsal, [], approval)).warnings).toEqual(['the answer to the write was lost, but the write is there'])
  })
  test('no answer to that either: it is not known, and not called refused', async () => {
    const server = new OneObject(deployment())
    const writer = new ClusterWriter(server.api)
    const rehearsal = await rehearsed(writer, edit)
    server.lose = () => {
      server.deaf = true
      return 'after'
    }
    await expect(writer.commit(rehearsal, [], approval)).rejects.toThrow(WriteUncertain)
  })
  test('no answer is never "not there"', async () => {
    const server = new OneObject(deployment())
    const writer = new ClusterWriter(server.api)
    const [written] = await writer.intent(await rehearsed(writer, { type: 'delete', target }))
    server.deaf = true
    await expect(writer.state(written!)).rejects.toThrow(WriteRefused)
  })
})

describe('secrets', () => {
  test('a credential in plain text is not journalled: the change is refused', async () => {
    const password = deployment({ env: [{ name: 'DB_PASSWORD', value: 'hunter2' }] })
    const change: Change = { type: 'edit', target, edits: [{ set: [...at, 'env', { name: 'DB_PASSWORD' }, 'value'], to: 'x' }] }
    expect(await new ClusterWriter(new OneObject(password).api).rehearse(step([change]))).toEqual({
      ok: false,
      refusedBy: 'k8s-harden',
      because: 'Deployment shop/cart holds a credential in plain text there, which the journal must not keep: change it by hand',
    })
    expect(await new ClusterWriter(new OneObject(password).api).rehearse(step([{ type: 'delete', target }]))).toMatchObject({ ok: false })
  })
  test('a change beside a credential neither shows nor journals it', async () => {
    const writer = new ClusterWriter(
      new OneObject(deployment({ env: [{ name: 'DB_PASSWORD', value: 'hunter2' }], args: ['--token=hunter2'] })).api,
    )
    const rehearsal = await rehearsed(writer, edit)
    expect(rehearsal.diff).toContain('privileged: false')
    expect(JSON.stringify([rehearsal.diff, await writer.intent(rehearsal)])).not.toContain('hunter2')
  })
  test("kubectl's copy of a Secret is removed for good, guarded by nothing but the uid", async () => {
    const copy = 'kubectl.kubernetes.io/last-applied-configuration'
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'cart', namespace: 'shop', uid: 'u1', annotations: { [copy]: '{"data":{"a":"aHVudGVyMg=="}}' } },
    } as KubeObject
    const ref = { ...target, apiVersion: 'v1', kind: 'Secret' }
    const server = new OneObject(secret)
    const writer = new ClusterWriter(server.api)
    const result = await writer.rehearse(
      step(
        [{ type: 'edit', target: ref, edits: [{ unset: ['metadata', 'annotations', copy] }] }],
        [{ type: 'edit', target: ref, edits: [{ set: ['metadata', 'annotations', copy], to: '' }] }],
      ),
    )
    if (!result.ok) throw new Error(result.because)
    const written = await writer.intent(result.rehearsal)
    expect(JSON.stringify([result.rehearsal, written])).not.toContain('aHVudGVyMg')
    expect(await writer.state(written[0]!)).toBe('before')
    await writer.commit(result.rehearsal, written, approval)
    expect(await writer.state(written[0]!)).toBe('after')
    expect(server.sent.at(-1)?.body).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'u1' },
      { op: 'remove', path: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration' },
    ])
    await writer.undo(written)
  })
  test('values of Secrets are neither written nor deleted', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'cart', namespace: 'shop', uid: 'u1' } } as KubeObject
    const ref = { ...target, apiVersion: 'v1', kind: 'Secret' }
    for (const change of [
      { type: 'delete', target: ref },
      { type: 'edit', target: ref, edits: [{ set: ['data', 'a'], to: 'eA==' }] },
    ] as Change[]) {
      expect(await new ClusterWriter(new OneObject(secret).api).rehearse(step([change]))).toMatchObject({
        ok: false,
        refusedBy: 'k8s-harden',
      })
    }
  })
  test('diffs show no credentials', () => {
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: {
        containers: [
          {
            name: 'a',
            env: [
              { name: 'API_KEY', value: 'k1' },
              { name: 'COLOUR', value: 'red' },
              { name: 'DB', value: 'postgres://me:k1@db/x' },
            ],
            args: ['--password=k1', '--level=3'],
          },
        ],
      },
    } as unknown as KubeObject
    expect(JSON.stringify(redacted(object))).not.toContain('k1')
    expect(JSON.stringify(redacted(object))).toContain('"red"')
    expect(JSON.stringify(redacted({ kind: 'Secret', data: { a: 'k1' } }))).not.toContain('k1')
    expect(objectDiff('Pod p', undefined, object)).not.toContain('k1')
  })
})

describe('objects that are made again', () => {
  test('leave out what scheduler and admission put in, and keep the node that a person chose', () => {
    const pod = (fields: object) =>
      ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p', uid: 'u', managedFields: [{ fieldsV1: { 'f:spec': fields } }] },
        spec: {
          nodeName: 'n1',
          volumes: [{ name: 'kube-api-access-x7k2p', projected: {} }, { name: 'data' }],
          containers: [{ name: 'a', volumeMounts: [{ name: 'kube-api-access-x7k2p', mountPath: '/t' }] }],
        },
        status: { phase: 'Running' },
      }) as unknown as KubeObject
    expect(recreatable(pod({}))).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { volumes: [{ name: 'data' }], containers: [{ name: 'a' }] },
    })
    expect(recreatable(pod({ 'f:nodeName': {} }))).toMatchObject({ spec: { nodeName: 'n1' } })
  })
  test('are told apart by what we made, not by what others add', () => {
    expect(holds({ a: 1, b: { c: [1, 2], d: 3 } }, { b: { c: [1, 2] } })).toBe(true)
    expect(holds({ a: 1 }, { a: 1, hostPID: false })).toBe(true)
    expect(holds({ rules: null }, { rules: [] })).toBe(true)
    expect(holds({ rules: null }, { rules: [{ verbs: ['get'] }] })).toBe(false)
    expect(holds({ a: 1, hostPID: true }, { a: 1, hostPID: false })).toBe(false)
    expect(holds({ b: { c: [1, 2, 3] } }, { b: { c: [1, 2] } })).toBe(false)
  })
})
