/** `apply` in a plain terminal, over a directory of manifests: the questions, the answers, and what a crash left open. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { type ApplyOptions, applyCommand } from '../../src/cli/commands/apply.ts'
import { historyCommand } from '../../src/cli/commands/history.ts'
import { undoCommand } from '../../src/cli/commands/undo.ts'
import { Interrupted, type Io } from '../../src/cli/confirm.ts'
import { UsageError } from '../../src/cli/errors.ts'
import { openSource } from '../../src/cli/open-source.ts'
import { openWriters, targetOf } from '../../src/cli/open-writer.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { linesIn, newRunId, readRuns } from '../../src/writers/journal.ts'

vi.setConfig({ testTimeout: 30_000 })
const MANIFEST = `# the shop
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
        - name: app # the app
          image: example.test/app:1
          securityContext:
            privileged: true # why?
`
async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'k8s-harden-apply-'))
  await writeFile(join(path, 'cart.yaml'), MANIFEST)
  return path
}
interface Answers {
  readonly choose?: readonly (string | Error)[]
  readonly type?: readonly string[]
  readonly isTTY?: boolean
}

async function place(manifests: string, state?: string) {
  const stateDirectory = state ?? (await mkdtemp(join(tmpdir(), 'k8s-harden-state-')))
  const opened = await openSource({ manifests })
  const writers = await openWriters(opened, { out: join(stateDirectory, 'files'), run: newRunId(new Date()) })
  return {
    opened,
    writers,
    stateDirectory,
    controls: controls.filter((control) => control.id === 'pod-privileged'),
    signal: new AbortController().signal,
    run: newRunId(new Date()),
    settleMs: 0,
  }
}
function terminal({ choose = [], type = [], isTTY = true }: Answers) {
  const [choices, texts] = [[...choose], [...type]]
  const said = { out: '', err: '', questions: [] as { question: string; choices: readonly string[] }[] }
  const io: Io = {
    stdout: {
      write: (text) => {
        said.out += text
      },
    },
    stderr: {
      write: (text) => {
        said.err += text
      },
    },
    isTTY,
    prompts: {
      choose: async (question, offered) => {
        said.questions.push({ question, choices: offered.map((one) => one.value) })
        const answer = choices.shift()
        if (answer === undefined) throw new Error(`no answer to ${question}`)
        if (answer instanceof Error) throw answer
        return answer as never
      },
      type: async (question) => {
        said.questions.push({ question, choices: [] })
        return texts.shift() ?? ''
      },
    },
  }
  return { io, said }
}
const apply = async (manifests: string, answers: Answers, options: ApplyOptions = {}, state?: string) => {
  const context = await place(manifests, state)
  const { io, said } = terminal(answers)
  return { code: await applyCommand(io, context, options), ...said, context }
}
const text = (path: string) => readFile(join(path, 'cart.yaml'), 'utf8')

test('a change that may break something is made after its name was typed, and comments stay', async () => {
  const path = await directory()
  const { code, out, questions } = await apply(path, { choose: ['apply'], type: ['cart'] })
  expect(questions.map((one) => one.choices)).toEqual([['skip', 'apply', 'stop'], []])
  expect(questions[1]?.question).toContain('Type cart')
  expect([code, out]).toEqual([0, expect.stringMatching(/risk: may break something[\s\S]*-.*privileged: true[\s\S]*mended/)])
  expect(await text(path)).toBe(MANIFEST.replace('privileged: true', 'privileged: false'))
})
test.each([
  [['skip'], []],
  [['stop'], []],
  [['apply'], ['no']],
  [['apply'], ['']],
  [['apply'], ['yes']],
] as const)('%j and %j change nothing', async (choose, type) => {
  const path = await directory()
  const { code } = await apply(path, { choose, type })
  expect([code, await text(path)]).toEqual([0, MANIFEST])
})
test('Ctrl-C at a question changes nothing and is exit code 130', async () => {
  const path = await directory()
  const { code } = await apply(path, { choose: [new Interrupted('x')] })
  expect([code, await text(path)]).toEqual([130, MANIFEST])
})
test('without a terminal it declines', async () => {
  const path = await directory()
  await expect(apply(path, { isTTY: false })).rejects.toThrow(UsageError)
  expect(await text(path)).toBe(MANIFEST)
})
test('--yes takes what is safe only, and says what it left out', async () => {
  const path = await directory()
  const { code, out, questions } = await apply(path, { isTTY: false }, { yes: true })
  expect([code, questions, await text(path)]).toEqual([0, [], MANIFEST])
  expect(out).toContain('only changes up to "safe" are accepted')
})
test('two at once: the second is told who is at it', async () => {
  const path = await directory()
  const first = await place(path)
  let second: unknown
  const { io } = terminal({})
  const asking: Io = {
    ...io,
    prompts: {
      ...io.prompts,
      choose: async () => {
        second = await apply(path, {}, {}, first.stateDirectory).catch((error: Error) => error.message)
        return 'skip' as never
      },
    },
  }
  expect(await applyCommand(asking, first, {})).toBe(0)
  expect(second).toContain(`process ${process.pid}`)
})

/** A run that was killed: its journal ends after the intent. */
async function crashed(written: boolean) {
  const path = await directory()
  const { context } = await apply(path, { choose: ['apply'], type: ['cart'] })
  const file = join(context.stateDirectory, 'runs', `${context.run}.jsonl`)
  const lines = linesIn(await readFile(file, 'utf8'))
  await writeFile(
    file,
    `${lines
      .slice(0, 2)
      .map((line) => JSON.stringify(line))
      .join('\n')}\n{"is":"writ`,
  )
  if (!written) await writeFile(join(path, 'cart.yaml'), MANIFEST)
  return { path, state: context.stateDirectory, run: context.run }
}
test('a step that was interrupted before it was written is named and forgotten', async () => {
  const { path, state, run } = await crashed(false)
  const { err, code } = await apply(path, { choose: ['skip'] }, {}, state)
  expect([code, err]).toEqual([0, expect.stringMatching(new RegExp(`run ${run} was interrupted in ".*": nothing was written`))])
  expect((await readRuns(state)).find((one) => one.header.run === run)?.steps[0]?.status).toBe('not-written')
})
test('one that was written is offered to be taken back or kept', async () => {
  for (const [answer, status, after] of [
    ['undo', 'undone', MANIFEST],
    ['keep', 'written', MANIFEST.replace('privileged: true', 'privileged: false')],
  ] as const) {
    const { path, state, run } = await crashed(true)
    const { questions, err } = await apply(path, { choose: [answer, 'skip'] }, {}, state)
    expect([questions[0]?.choices, err]).toEqual([['stop', 'undo', 'keep'], expect.stringContaining('it was written')])
    expect((await readRuns(state)).find((one) => one.header.run === run)?.steps[0]?.status).toBe(status)
    expect(await text(path)).toBe(after)
  }
})
test('one that was written is kept where nobody can be asked, and the way back is named', async () => {
  const { path, state, run } = await crashed(true)
  const { err } = await apply(path, { isTTY: false }, { yes: true }, state)
  expect(err).toContain(`nobody saw whether all works after it: look yourself, or take the run back: k8s-harden undo ${run}`)
})
test('one that cannot be told stops the next apply, and names the way out', async () => {
  const { path, state, run } = await crashed(true)
  await writeFile(join(path, 'cart.yaml'), MANIFEST.replace('privileged: true', 'privileged: null'))
  const { code, err } = await apply(path, { isTTY: false }, { yes: true }, state)
  expect([code, err]).toEqual([4, expect.stringContaining(`k8s-harden undo ${run} --step`)])
})
test('history names an interrupted run first, and undo takes it back', async () => {
  const { path, state, run } = await crashed(true)
  const { io, said } = terminal({ choose: ['yes'] })
  await historyCommand(io, state, {})
  expect(said.out).toContain(`interrupted in "Deployment shop/cart`)
  const opened = await openSource({ manifests: path })
  const recorded = (await readRuns(state)).find((one) => one.header.run === run)!
  const code = await undoCommand(
    io,
    {
      recorded,
      writers: await openWriters(opened, { out: state, run: newRunId(new Date()) }),
      stateDirectory: state,
      target: targetOf(opened),
      signal: new AbortController().signal,
    },
    {},
  )
  expect([code, await text(path)]).toEqual([0, MANIFEST])
})
test('an answer of no leaves everything as it is', async () => {
  const { path, state, run } = await crashed(true)
  const copy = await mkdtemp(join(tmpdir(), 'copy-'))
  await cp(path, copy, { recursive: true })
  const opened = await openSource({ manifests: path })
  const recorded = (await readRuns(state)).find((one) => one.header.run === run)!
  const { io } = terminal({ choose: ['no'] })
  await undoCommand(
    io,
    {
      recorded,
      writers: await openWriters(opened, { out: state, run: newRunId(new Date()) }),
      stateDirectory: state,
      target: targetOf(opened),
      signal: new AbortController().signal,
    },
    {},
  )
  expect(await text(path)).toBe(await text(copy))
})
