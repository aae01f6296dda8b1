import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Approval, Change, FindingId, KubeObject, ObjectRef, Rehearsal, Step, StepId, Written } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { WriteConflict } from '../../src/plan/writer.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { ManifestsWriter } from '../../src/writers/manifests.ts'
import { directoryOf, scan } from '../sources/manifests-helper.ts'

const stepOf = (...changes: Change[]): Step => ({
  id: 's1' as StepId,
  title: 'Deployment shop/cart: set it',
  practices: [],
  controls: ['pod-privileged'],
  risk: 'safe',
  mayBreak: [],
  changes,
  inverse: [],
  mends: ['f1' as FindingId],
  after: [],
  managedBy: '',
  carriedOut: 'live',
})
const approved = { digest: 'd', steps: new Set(['s1' as StepId]), by: 'test' } as unknown as Approval

async function rehearsed(writer: ManifestsWriter, ...changes: Change[]): Promise<Rehearsal> {
  const result = await writer.rehearse(stepOf(...changes))
  if (!result.ok) throw new Error(result.because)
  return result.rehearsal
}
/** As the plan does it; what went through the journal comes back as JSON. */
async function carryOut(
  writer: ManifestsWriter,
  ...changes: Change[]
): Promise<{
  readonly written: readonly Written[]
  readonly journal: string
  readonly diff: string
  readonly files: readonly string[] | undefined
}> {
  const rehearsal = await rehearsed(writer, ...changes)
  const journal = JSON.stringify(await writer.intent(rehearsal))
  const written = JSON.parse(journal) as Written[]
  for (const one of written) expect(await writer.state(one)).toBe('before')
  const { files } = await writer.commit(rehearsal, written, approved)
  for (const one of written) expect(await writer.state(one)).toBe('after')
  return { written, journal, diff: rehearsal.diff, files }
}

const cart = `# The cart. Ask team shop before you change it.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart   # see also: checkout
  namespace: shop
spec:
  template:
    spec:
      containers:
      - name: app
        image: "shop/cart:1.0"
        securityContext:
          privileged: true # for the old mount
`
const cartRef: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'cart', file: 'cart.yaml', document: 0 }
const at = (name: string): (string | { name: string })[] => [
  'spec',
  'template',
  'spec',
  'containers',
  { name: 'app' },
  'securityContext',
  name,
]
const edit: Change = {
  type: 'edit',
  target: cartRef,
  edits: [
    { set: at('privileged'), to: false },
    { set: at('runAsNonRoot'), to: true },
  ],
}
const policy = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'default-deny', namespace: 'shop' },
  spec: { podSelector: {}, policyTypes: ['Ingress'] },
} as KubeObject
const text = (directory: { readonly path: string }, file: string): string => readFileSync(`${directory.path}/${file}`, 'utf8')

describe('edits in place', () => {
  test('only the lines that must change do; undo gives the bytes and the mode back', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    chmodSync(`${directory.path}/cart.yaml`, 0o640)
    const writer = new ManifestsWriter(directory.path)
    const { written, diff } = await carryOut(writer, edit)
    expect(text(directory, 'cart.yaml')).toBe(
      cart.replace('privileged: true # for the old mount\n', 'privileged: false # for the old mount\n          runAsNonRoot: true\n'),
    )
    expect(diff).toBe(
      `--- a/cart.yaml\n+++ b/cart.yaml\n@@ -11,4 +11,5 @@\n       - name: app\n         image: "shop/cart:1.0"\n         securityContext:\n-          privileged: true # for the old mount\n+          privileged: false # for the old mount\n+          runAsNonRoot: true\n`,
    )
    expect(written[0]!.before).toEqual({
      'spec.template.spec.containers[name=app].securityContext.privileged': true,
      'spec.template.spec.containers[name=app].securityContext.runAsNonRoot': null,
    })
    await writer.undo(written, true)
    expect(text(directory, 'cart.yaml')).not.toBe(cart)
    await writer.undo(written)
    expect(text(directory, 'cart.yaml')).toBe(cart)
    expect(statSync(`${directory.path}/cart.yaml`).mode & 0o777).toBe(0o640)
    expect(await writer.state(written[0]!)).toBe('before')
    await writer.undo(written)
    expect(readdirSync(directory.path)).toEqual(['cart.yaml'])
  })

  test('a single file as the source', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    const writer = new ManifestsWriter(`${directory.path}/cart.yaml`)
    const { written } = await carryOut(writer, edit, { type: 'create', object: policy })
    expect(readdirSync(`${directory.path}/k8s-harden`)).toEqual(['networkpolicy-shop-default-deny.yaml'])
    await writer.undo(written)
    expect(text(directory, 'cart.yaml')).toBe(cart)
    expect(readdirSync(directory.path)).toEqual(['cart.yaml'])
  })

  test('an object that has moved to another document is found by what it is', async () => {
    using directory = directoryOf({ 'cart.yaml': `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n${cart}` })
    await carryOut(new ManifestsWriter(directory.path), edit)
    expect(text(directory, 'cart.yaml')).toContain('privileged: false')
  })

  test('a file changed between rehearsal and commit: nothing is written, not even the other files', async () => {
    using directory = directoryOf({ 'cart.yaml': cart, 'b.yaml': cart.replace('name: cart', 'name: other') })
    const writer = new ManifestsWriter(directory.path)
    const rehearsal = await rehearsed(writer, edit, { ...edit, target: { ...cartRef, name: 'other', file: 'b.yaml' } })
    const written = await writer.intent(rehearsal)
    directory.write('b.yaml', `${text(directory, 'b.yaml')}# changed\n`)
    await expect(writer.commit(rehearsal, written, approved)).rejects.toThrow(WriteConflict)
    expect(text(directory, 'cart.yaml')).toBe(cart)
  })

  test('without an approval nothing is written', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    const writer = new ManifestsWriter(directory.path)
    const rehearsal = await rehearsed(writer, edit)
    const written = await writer.intent(rehearsal)
    await expect(writer.commit(rehearsal, written, { ...approved, steps: new Set() } as Approval)).rejects.toThrow('not approved')
    expect(text(directory, 'cart.yaml')).toBe(cart)
  })
})

test.each(['utf16le', 'utf16be'] as const)('%s stays what it is, and undo gives its bytes back', async (order) => {
  const bytes = Buffer.from(`\ufeff${cart}`, 'utf16le')
  if (order === 'utf16be') bytes.swap16()
  using directory = directoryOf({ 'cart.yaml': bytes })
  const writer = new ManifestsWriter(directory.path)
  const { written } = await carryOut(writer, edit)
  const after = readFileSync(`${directory.path}/cart.yaml`)
  expect(new TextDecoder(order === 'utf16le' ? 'utf-16le' : 'utf-16be', { fatal: true }).decode(after)).toContain('runAsNonRoot: true')
  expect([...after.subarray(0, 2)]).toEqual([...bytes.subarray(0, 2)])
  await writer.undo(written)
  expect(readFileSync(`${directory.path}/cart.yaml`).equals(bytes)).toBe(true)
})

describe('undo after somebody else', () => {
  test('a change elsewhere in the file stays, ours is taken back', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    const writer = new ManifestsWriter(directory.path)
    const { written } = await carryOut(writer, edit)
    directory.write('cart.yaml', `# more words\n${text(directory, 'cart.yaml').replace('cart:1.0', 'cart:1.1')}`)
    expect(await writer.state(written[0]!)).toBe('after')
    await writer.undo(written)
    expect(text(directory, 'cart.yaml')).toBe(`# more words\n${cart.replace('cart:1.0', 'cart:1.1')}`)
  })

  test('a value of ours that was changed is a conflict, and nothing at all is taken back', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    const writer = new ManifestsWriter(directory.path)
    const { written } = await carryOut(writer, edit, { type: 'create', object: policy })
    const changed = text(directory, 'cart.yaml').replace('runAsNonRoot: true', 'runAsNonRoot: false')
    directory.write('cart.yaml', changed)
    expect(await writer.state(written[0]!)).toBe('other')
    await expect(writer.undo(written)).rejects.toThrow(/was changed since/)
    expect(text(directory, 'cart.yaml')).toBe(changed)
    expect(existsSync(`${directory.path}/k8s-harden/networkpolicy-shop-default-deny.yaml`)).toBe(true)
  })

  test('two steps in one file can be taken back in either order', async () => {
    const second: Change = { type: 'edit', target: cartRef, edits: [{ set: ['spec', 'replicas'], to: 2 }] }
    for (const order of ['first', 'last'] as const) {
      using directory = directoryOf({ 'cart.yaml': cart })
      const writer = new ManifestsWriter(directory.path)
      const steps = [await carryOut(writer, edit), await carryOut(writer, second)]
      expect(await writer.state(steps[0]!.written[0]!)).toBe('after')
      for (const { written } of order === 'first' ? steps : steps.toReversed()) await writer.undo(written)
      expect(text(directory, 'cart.yaml')).toBe(cart)
    }
  })

  test('a file that has gone, a new file that was changed', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    const writer = new ManifestsWriter(directory.path)
    const { written } = await carryOut(writer, { type: 'create', object: policy })
    directory.write('k8s-harden/networkpolicy-shop-default-deny.yaml', '# mine now\n')
    await expect(writer.undo(written)).rejects.toThrow(WriteConflict)
    expect(text(directory, 'k8s-harden/networkpolicy-shop-default-deny.yaml')).toBe('# mine now\n')
  })
})

describe('new and removed objects', () => {
  test('a new object is a new file, which a scan finds; a second of the same name gets another file', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    const writer = new ManifestsWriter(directory.path)
    await carryOut(writer, { type: 'create', object: policy })
    expect(text(directory, 'k8s-harden/networkpolicy-shop-default-deny.yaml')).toContain(
      '# Deployment shop/cart: set it\napiVersion: networking.k8s.io/v1\n',
    )
    const found = (await scan(manifestsSource(directory.path))).kinds.get('NetworkPolicy')!.get('shop/default-deny')
    expect(found).toEqual(policy)
    await carryOut(writer, { type: 'create', object: policy })
    expect(readdirSync(`${directory.path}/k8s-harden`).sort()).toEqual([
      'networkpolicy-shop-default-deny-2.yaml',
      'networkpolicy-shop-default-deny.yaml',
    ])
  })

  test('a name from a cluster cannot lead out of the directory', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    await carryOut(new ManifestsWriter(directory.path), {
      type: 'create',
      object: { ...policy, metadata: { name: '../../../etc/passwd\u001b', namespace: '..' } },
    })
    expect(readdirSync(`${directory.path}/k8s-harden`)).toEqual(['networkpolicy-x-etc-passwd.yaml'])
  })

  test('a removed document leaves its place, so that the others keep their numbers', async () => {
    using directory = directoryOf({
      'all.yaml': `${cart}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ci}\n---\n${cart.replace('name: cart', 'name: two')}`,
    })
    const before = text(directory, 'all.yaml')
    const writer = new ManifestsWriter(directory.path)
    const target: ObjectRef = { apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'default', name: 'ci', file: 'all.yaml', document: 1 }
    const { written } = await carryOut(writer, { type: 'delete', target })
    const seen = await scan(manifestsSource(directory.path))
    expect(seen.kinds.get('ServiceAccount')!.size).toBe(0)
    expect(refOf(seen.kinds.get('Deployment')!.get('shop/two')!).document).toBe(2)
    await writer.undo(written)
    expect(text(directory, 'all.yaml')).toBe(before)
    const again = await carryOut(writer, { type: 'delete', target })
    directory.write('all.yaml', text(directory, 'all.yaml').replace('cart:1.0', 'cart:2.0'))
    await writer.undo(again.written)
    expect((await scan(manifestsSource(directory.path))).kinds.get('ServiceAccount')!.has('default/ci')).toBe(true)
    expect(text(directory, 'all.yaml')).toContain('cart:2.0')
  })
})

describe('secrets', () => {
  const secret = `apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\ntype: Opaque\nstringData:\n  password: hunter2-hunter2\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    abcdef\n`

  test('of a removed Secret neither diff nor journal holds the values, and undo brings them back', async () => {
    using directory = directoryOf({ 'all.yaml': `${cart}---\n${secret}` })
    const before = text(directory, 'all.yaml')
    const writer = new ManifestsWriter(directory.path)
    const { written, diff, journal } = await carryOut(writer, {
      type: 'delete',
      target: { apiVersion: 'v1', kind: 'Secret', namespace: 'shop', name: 'db', file: 'all.yaml', document: 1 },
    })
    expect(text(directory, 'all.yaml')).not.toContain('hunter2')
    expect(`${diff}${journal}`).not.toMatch(/hunter2|abcdef|BEGIN/)
    const [kept] = readdirSync(`${directory.path}/k8s-harden/.removed`)
    expect(statSync(`${directory.path}/k8s-harden/.removed/${kept}`).mode & 0o777).toBe(0o600)
    expect((await scan(manifestsSource(directory.path))).kinds.get('Secret')!.size).toBe(0)
    await writer.undo(written)
    expect(text(directory, 'all.yaml')).toBe(before)
    expect(readdirSync(directory.path)).toEqual(['all.yaml'])
  })

  test('lines of a Secret next to a change are not shown', async () => {
    using directory = directoryOf({
      'cart.yaml': `${cart}---\n${secret.replace(/type[\s\S]*/, 'stringData: {password: hunter2-hunter2}\n')}`,
    })
    const { diff, journal } = await carryOut(new ManifestsWriter(directory.path), {
      type: 'edit',
      target: { apiVersion: 'v1', kind: 'Secret', namespace: 'shop', name: 'db', file: 'cart.yaml', document: 1 },
      edits: [{ set: ['immutable'], to: true }],
    })
    expect(diff).toContain('+immutable: true')
    expect(diff).toContain('stringData: {password: ‹hidden›}')
    expect(`${diff}${journal}`).not.toContain('hunter2')
  })

  test('keys are drawn when the file is written; they are in the file and nowhere else', async () => {
    using directory = directoryOf({ 'cart.yaml': cart })
    const writer = new ManifestsWriter(directory.path)
    const file: Change = {
      type: 'file',
      name: 'encryption-config.yaml',
      text: {
        text: 'apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources: [{resources: [secrets], providers: [{secretbox: {keys: [{name: k1, secret: "{{key 1}}"}]}}]}]\n',
        secretKeys: 1,
      },
      mode: 0o644,
      runbook: ['Copy it.'],
      rollback: ['Remove it.'],
    }
    const first = await carryOut(writer, file)
    const path = `${directory.path}/k8s-harden/encryption-config.yaml`
    const key = /secret: "([^"]+)"/.exec(readFileSync(path, 'utf8'))![1]!
    expect(Buffer.from(key, 'base64').length).toBe(32)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(`${first.diff}${first.journal}`).not.toContain(key)
    expect(first.diff).toContain('‹32 random bytes, base64, drawn when the file is written›')
    expect(first.files).toBeUndefined()
    expect(text(directory, 'k8s-harden/encryption-config.yaml.runbook.md')).toContain('1. Copy it.')
    const second = await carryOut(writer, {
      ...file,
      text: { text: `${(file as { text: { text: string } }).text.text}# newer\n`, secretKeys: 1 },
    })
    expect(`${second.diff}${second.journal}`).not.toContain(key)
    await writer.undo(second.written)
    expect(readFileSync(path, 'utf8')).toContain(key)
    await writer.undo(first.written)
    expect(readdirSync(directory.path)).toEqual(['cart.yaml'])
  })

  test('what was seen of encryption keys is never written back', async () => {
    const config = `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - identity: {}\n  - secretbox: {keys: [{name: k, secret: ${Buffer.alloc(32, 9).toString('base64')}}]}\n`
    using directory = directoryOf({ 'enc.yaml': config })
    const seen = (await scan(manifestsSource(directory.path))).kinds.get('EncryptionConfiguration')!.get('enc.yaml')!
    const writer = new ManifestsWriter(directory.path)
    const resources = (seen as unknown as { resources: { providers: unknown[] }[] }).resources
    const result = await writer.rehearse(
      stepOf({ type: 'edit', target: refOf(seen), edits: [{ set: ['resources'], to: resources as never }] }),
    )
    expect(result).toMatchObject({ ok: false, because: expect.stringContaining('never read') })
    const { written, journal, diff } = await carryOut(writer, {
      type: 'edit',
      target: refOf(seen),
      edits: [{ unset: ['resources', 0, 'providers', 0] }],
    })
    expect(text(directory, 'enc.yaml')).not.toContain('identity')
    expect(`${journal}${diff}`).not.toContain(Buffer.alloc(32, 9).toString('base64').slice(0, 20))
    await writer.undo(written)
    expect(text(directory, 'enc.yaml')).toBe(config)
  })
})

describe('what is refused, with words', () => {
  test.each<[string, Record<string, string | Uint8Array>, RegExp]>([
    ['a Helm template', { 'cart.yaml': cart.replace('name: cart ', 'name: cart # {{ .Release.Name }}') }, /Helm template/],
    ['Latin-1', { 'cart.yaml': Buffer.from(`# caf\xe9\n${cart}`, 'latin1') }, /not UTF-8/],
    ['an object that is not there', { 'cart.yaml': cart.replace('name: cart', 'name: till') }, /not in cart.yaml any more/],
    ['a file that is not there', { 'other.yaml': cart }, /not there any more/],
  ])('%s', async (_name, files, because) => {
    using directory = directoryOf(files)
    expect(await new ManifestsWriter(directory.path).rehearse(stepOf(edit))).toMatchObject({
      ok: false,
      because: expect.stringMatching(because),
    })
  })

  test('paths and links out of the directory', async () => {
    using outside = directoryOf({ 'cart.yaml': cart })
    using directory = directoryOf({ 'a.yaml': cart })
    symlinkSync(`${outside.path}/cart.yaml`, `${directory.path}/cart.yaml`)
    symlinkSync(outside.path, `${directory.path}/k8s-harden`)
    const writer = new ManifestsWriter(directory.path)
    expect(await writer.rehearse(stepOf(edit))).toMatchObject({ ok: false, because: expect.stringContaining('out of the directory') })
    expect(await writer.rehearse(stepOf({ ...edit, target: { ...cartRef, file: '../x.yaml' } }))).toMatchObject({
      ok: false,
      because: expect.stringContaining('not a file in the directory'),
    })
    expect(await writer.rehearse(stepOf({ type: 'create', object: policy }))).toMatchObject({
      ok: false,
      because: expect.stringContaining('out of the directory'),
    })
    expect(readdirSync(outside.path)).toEqual(['cart.yaml'])
  })

  test('a link inside the directory stays a link', async () => {
    using directory = directoryOf({ 'base/cart.yaml': cart })
    symlinkSync('base/cart.yaml', `${directory.path}/cart.yaml`)
    await carryOut(new ManifestsWriter(directory.path), edit)
    expect(text(directory, 'base/cart.yaml')).toContain('privileged: false')
  })
})

test('undo gives every file back byte for byte, whatever its line ends', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.constantFrom('', '\ufeff', '---\n', '# head\n\n'),
      fc.subarray([0, 1, 2, 3], { minLength: 1 }),
      async (eol, end, head, which) => {
        const plain = `${head}${cart}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ci}${end ? '\n' : ''}`
        using directory = directoryOf({})
        writeFileSync(`${directory.path}/cart.yaml`, plain.replaceAll('\n', eol))
        const before = readFileSync(`${directory.path}/cart.yaml`)
        const writer = new ManifestsWriter(directory.path)
        const account: ObjectRef = {
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          namespace: 'default',
          name: 'ci',
          file: 'cart.yaml',
          document: 1,
        }
        const changes: Change[] = [
          edit,
          { type: 'edit', target: account, edits: [{ set: ['automountServiceAccountToken'], to: false }] },
          { type: 'delete', target: cartRef },
          { type: 'delete', target: account },
        ]
        const chosen = which
          .map((index) => changes[index]!)
          .filter(
            (change, index, all) =>
              !(
                change.type === 'edit' &&
                all.some((other, later) => later > index && other.type === 'delete' && other.target === change.target)
              ),
          )
        const { written } = await carryOut(writer, ...chosen)
        await writer.undo(written)
        expect(readFileSync(`${directory.path}/cart.yaml`).equals(before)).toBe(true)
      },
    ),
    { numRuns: 60 },
  )
})
