/** Ways out of a run: none of them without a question, and none that looks like another. */
import { afterEach, expect, test } from 'vitest'
import { type WizardTerminal, wizardIn } from '../helpers/terminal.tsx'
import { FakeDesk } from '../session/fake-desk.ts'

let terminal: WizardTerminal | undefined
afterEach(() => terminal?.close())

async function atTheQuestion(): Promise<WizardTerminal> {
  const wizard = await wizardIn(new FakeDesk(), { columns: 80, rows: 24, choice: { kind: 'live', context: 'prod-eu-1' } })
  await wizard.until('live, 6 objects')
  await wizard.press('A')
  await wizard.until('Steps, in this order')
  await wizard.press('home', 'a')
  await wizard.until('Write this change')
  wizard.clock.pass(400)
  return wizard
}

test('q in the help of a run asks as it does on the run itself', async () => {
  const { press, until, store, clock } = (terminal = await atTheQuestion())
  await press('?')
  await until('Help: keys of this screen')
  await press('q')
  await until('Stop here?')
  expect(store.get().running?.stopping).toBe(false)
  clock.pass(400)
  await press('esc')
  await until('Write this change')
})

test('a terminal that became too small says that the run waits, and what q does to it', async () => {
  const { resize, until, press } = (terminal = await atTheQuestion())
  await resize(56, 12)
  await until('Make it larger; q stops after this step.')
  await until('The run waits for your answer.')
  await press('q')
  expect(await terminal.exited).toBe(0)
})
