/** A run that died in the middle of a step, and the next one in the wizard: it is settled, and that is told. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { wizardDesk } from '../../src/cli/wizard-desk.ts'
import { grant } from '../../src/session/approve.ts'
import type { OpenedSource, RunEvent } from '../../src/session/ports.ts'

afterEach(() => vi.unstubAllEnvs())

const namespace = (name: string) => `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${name}\n`

/** Applies the fix for one namespace, and returns what was told of the run. */
async function harden(source: OpenedSource, name: string): Promise<readonly RunEvent[]> {
  const [finding] = source.scan.state.outcomes.get('psa-enforced')!.findings.filter(({ subject }) => subject.name === name)
  const plan = await source.plan([finding!.id], {})
  const steps = plan.steps.map(({ id }) => id)
  const ask = async () => ({ is: 'apply' as const, approval: grant(plan, steps, 'test') })
  const events: RunEvent[] = []
  for await (const event of source.run(plan, steps, ask, new AbortController().signal)) events.push(event)
  return events
}

test('what became of the step is told before anything else is done, and the journal knows it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'k8s-harden-settle-'))
  vi.stubEnv('XDG_STATE_HOME', join(directory, 'state'))
  const files = join(directory, 'files.yaml')
  writeFileSync(files, `${namespace('shop')}---\n${namespace('blog')}`)
  const desk = wizardDesk({})
  const open = () => desk.open({ kind: 'manifests', path: files })

  const first = await open()
  expect((await harden(first, 'shop')).map(({ is }) => is)).not.toContain('told')
  first.close()
  const runs = join(directory, 'state', 'k8s-harden', 'runs')
  const journal = join(runs, readdirSync(runs)[0]!)
  const lines = readFileSync(journal, 'utf8').split('\n')
  // As if it had been killed between the write and the next line.
  writeFileSync(journal, `${lines.slice(0, lines.findIndex((line) => line.includes('"is":"intent"')) + 1).join('\n')}\n`)
  expect((await desk.history())[0]?.interrupted).toBe(true)

  const second = await open()
  const told = (await harden(second, 'blog')).flatMap((event) =>
    event.is === 'told' ? [event.text] : event.is === 'step' ? ['a step'] : [],
  )
  second.close()
  expect(told.slice(0, 3)).toEqual([
    expect.stringMatching(/^run \S+ was interrupted in ".*shop.*": it was written$/),
    expect.stringContaining('nobody saw whether all works after it'),
    'a step',
  ])
  expect((await desk.history()).map(({ interrupted }) => interrupted)).toEqual([false, false])
})
