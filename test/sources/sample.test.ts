import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { controls } from '../../src/controls/index.gen.ts'
import { wantedBy } from '../../src/engine/evaluator.ts'
import type { Outcome, Practice } from '../../src/model/index.ts'
import { FILES } from '../../src/sample-cluster/files.gen.ts'
import { LiveScan, type ScanState } from '../../src/session/live-scan.ts'
import { resetSample, SAMPLE_MARKER, SAMPLE_VERSION, sampleSource } from '../../src/sources/sample.ts'

let folder: string
let copy: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8s-harden-sample-'))
  copy = join(folder, 'state', 'sample')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function scan(): Promise<ScanState> {
  const live = new LiveScan({ source: await sampleSource(copy), controls, follow: false })
  await live.run(new AbortController().signal, wantedBy(controls))
  return live.state
}
const failing = (outcomes: readonly Outcome[], practice: Practice): string[] =>
  outcomes
    .filter(({ control, status }) => status === 'fail' && controls.find(({ id }) => id === control)?.practice === practice)
    .map(({ control }) => control)

describe('the sample as a cluster', () => {
  test('every file is sound YAML of named objects', () => {
    for (const [file, text] of Object.entries(FILES)) {
      for (const document of parseAllDocuments(text)) {
        expect(document.errors, file).toEqual([])
        expect(document.toJS(), file).toMatchObject({ apiVersion: expect.any(String), kind: expect.any(String) })
      }
    }
  })

  test('no object is there twice', () => {
    const names = Object.values(FILES)
      .flatMap((text) =>
        parseAllDocuments(text).map((document) => document.toJS() as { kind: string; metadata?: { namespace?: string; name: string } }),
      )
      .filter(({ metadata }) => metadata !== undefined)
      .map(({ kind, metadata }) => `${kind} ${metadata!.namespace ?? ''}/${metadata!.name}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  test('all is understood: no problem in any file, and no control fails to judge', async () => {
    const { problems, outcomes, snapshot, synced } = await scan()
    expect(problems).toEqual([])
    expect(synced).toBe(true)
    expect(
      outcomes
        .values()
        .filter(({ status }) => status === 'error')
        .toArray(),
    ).toEqual([])
    expect(snapshot.source).toMatchObject({ kind: 'sample', name: 'sample', kubernetes: 'v1.37.2' })
    expect(snapshot.objects).toBeGreaterThanOrEqual(100)
    expect(snapshot.objects).toBeLessThanOrEqual(130)
  })

  test('every practice has something to mend, and something that is right', async () => {
    const outcomes = [...(await scan()).outcomes.values()]
    for (const practice of new Set(controls.map((control) => control.practice)))
      expect(failing(outcomes, practice), practice).not.toEqual([])
    // Where these pass, it is the control plane that is as kubeadm makes it.
    expect(outcomes.filter(({ status }) => status === 'pass').map(({ control }) => control)).toEqual(
      expect.arrayContaining(['rbac-authorizer-mode', 'sec-apiserver-tls']),
    )
  })

  test('each application namespace has one workload with which nothing of Pod Security is wrong', async () => {
    const { outcomes } = await scan()
    const faulty = new Set(
      outcomes
        .values()
        .flatMap(({ findings }) => findings)
        .filter(({ control }) => control.startsWith('pod-') || control.startsWith('img-'))
        .map(({ subject }) => `${subject.namespace}/${subject.name}`),
    )
    for (const hardened of ['shop/cart', 'payments/api', 'blog/pages']) expect(faulty).not.toContain(hardened)
    for (const weak of ['shop/web', 'payments/ledger', 'blog/wordpress', 'ci/runner', 'default/toolbox']) expect(faulty).toContain(weak)
  })

  test('what only a running cluster can tell is unknown, not passed', async () => {
    const { outcomes } = await scan()
    expect(outcomes.get('api-endpoint-public')?.status).toBe('unknown')
  })
})

describe('the working copy', () => {
  const file = () => join(copy, 'apps/shop.yaml')
  const append = async (text: string) => writeFile(file(), `${await readFile(file(), 'utf8')}${text}`)

  test('is made where there is none, for its owner only, with all files and nothing besides', async () => {
    await sampleSource(copy)
    expect((await stat(copy)).mode & 0o777).toBe(0o700)
    expect((await stat(file())).mode & 0o777).toBe(0o600)
    for (const [path, text] of Object.entries(FILES)) expect(await readFile(join(copy, path), 'utf8')).toBe(text)
    expect((await readFile(join(copy, SAMPLE_MARKER), 'utf8')).trim()).toBe(SAMPLE_VERSION)
    expect(await readdir(join(folder, 'state'))).toEqual(['sample'])
  })

  test('is kept with its changes', async () => {
    await sampleSource(copy)
    await append('# changed\n')
    await sampleSource(copy)
    expect(await readFile(file(), 'utf8')).toContain('# changed')
  })

  /** As a version before this one would have left it: of one file, and unchanged. */
  async function olderCopy(): Promise<void> {
    await mkdir(join(copy, 'apps'), { recursive: true })
    await writeFile(join(copy, 'apps/old.yaml'), 'kind: Old\n')
    await writeFile(join(copy, SAMPLE_MARKER), `${createHash('sha256').update('apps/old.yaml\0kind: Old\n\0').digest('hex')}\n`)
  }

  test('of another version is made anew while nobody has changed it', async () => {
    await olderCopy()
    await sampleSource(copy)
    expect(await readdir(join(copy, 'apps'))).toEqual(['blog.yaml', 'payments.yaml', 'shop.yaml'])
    expect(await readdir(join(folder, 'state'))).toEqual(['sample'])
  })

  test.each([
    ['a file was changed', async () => writeFile(join(copy, 'apps/old.yaml'), 'kind: Older\n')],
    [
      'a change wrote a file of its own',
      async () => {
        await mkdir(join(copy, 'k8s-harden'))
        await writeFile(join(copy, 'k8s-harden/policy.yaml'), 'kind: New\n')
      },
    ],
    ['a file was removed', async () => rm(join(copy, 'apps/old.yaml'))],
  ])('of another version is kept where %s', async (_what, change) => {
    await olderCopy()
    await change()
    const before = await readdir(copy, { recursive: true })
    await sampleSource(copy)
    expect(await readdir(copy, { recursive: true })).toEqual(before)
  })

  test('is made anew by a reset, whatever was changed', async () => {
    await sampleSource(copy)
    await append('# changed\n')
    await mkdir(join(copy, 'k8s-harden'))
    await writeFile(join(copy, 'k8s-harden/policy.yaml'), 'kind: New\n')
    await resetSample(copy)
    expect(await readFile(file(), 'utf8')).toBe(FILES['apps/shop.yaml'])
    expect(await readdir(copy)).not.toContain('k8s-harden')
    expect(await readdir(join(folder, 'state'))).toEqual(['sample'])
  })

  test('a reset makes one where there is none', async () => {
    await resetSample(copy)
    expect(await readFile(file(), 'utf8')).toBe(FILES['apps/shop.yaml'])
  })

  test('two that start at once share one', async () => {
    await Promise.all([sampleSource(copy), sampleSource(copy), sampleSource(copy)])
    expect(await readdir(join(folder, 'state'))).toEqual(['sample'])
    expect(await readFile(file(), 'utf8')).toBe(FILES['apps/shop.yaml'])
  })

  test('a directory of somebody else is never touched', async () => {
    await mkdir(copy, { recursive: true })
    await writeFile(join(copy, 'mine.yaml'), 'kind: Mine\n')
    await expect(sampleSource(copy)).rejects.toMatchObject({
      name: 'SourceProblem',
      message: expect.stringContaining('is not a working copy of the sample'),
    })
    await expect(resetSample(copy)).rejects.toMatchObject({ name: 'SourceProblem' })
    expect(await readdir(copy)).toEqual(['mine.yaml'])
  })

  test('where it cannot be kept, the operator is told', async () => {
    await writeFile(join(folder, 'state'), '')
    await expect(sampleSource(copy)).rejects.toMatchObject({
      name: 'SourceProblem',
      message: expect.stringContaining('part of that path is a file'),
    })
  })

  test('a file in its place is not taken for a directory', async () => {
    await mkdir(join(folder, 'state'))
    await writeFile(copy, '')
    await expect(sampleSource(copy)).rejects.toMatchObject({ name: 'SourceProblem' })
  })
})
