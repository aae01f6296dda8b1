/** Every screen at three sizes: exactly as large as the terminal, and as it was last read by a person. */
import stringWidth from 'string-width'
import { afterEach, describe, expect, test } from 'vitest'
import { misfits, type WizardTerminal, wizardIn } from '../helpers/terminal.tsx'
import { FakeDesk } from '../session/fake-desk.ts'

let terminal: WizardTerminal | undefined
afterEach(() => terminal?.close())

/** Walks from one end to the other, and says when a screen is to be looked at. */
async function walk(wizard: WizardTerminal, look: (name: string) => void): Promise<void> {
  const { press, until, clock, store } = wizard
  const idle = async (): Promise<void> => {
    await store.settled()
    await press()
  }
  look('connect')
  await press('end', 'up', 'enter')
  look('path field')
  await press('esc', 'home', 'enter')
  await until('live, 6 objects')
  look('overview')
  await press('down', 'down', 'down', 'down', 'down', 'down')
  await press('enter')
  look('gaps')
  await press('esc', '4')
  look('practice')
  await press('end', 'enter', 'up')
  look('practice, the platform opened')
  await press('b')
  look('practice by object')
  await press('b')
  look('practice by owner')
  await press('b', '/', ...'cart')
  look('filter')
  await press('enter', 'down', 'down')
  await press('enter')
  await idle()
  look('finding')
  await press('end')
  look('finding, the end')
  await press('esc', 'esc', '2', 'enter')
  look('check not answered')
  await press('?')
  look('help')
  await press('end')
  look('help, the end')
  await press('esc', 'esc', 'esc', 'A')
  await idle()
  await until('Steps, in this order')
  look('plan')
  await press('enter')
  await idle()
  look('step')
  await press('esc', 'end', 'up', 'enter')
  await until('Who owns')
  look('choices')
  await press('enter', ...'team-a')
  look('value field')
  await press('esc', 'esc')
  await until('Plan: nothing is written')
  await press('home', 'a')
  await until('Write this change')
  look('apply')
  clock.pass(400)
  await press('right', 'enter')
  await until('step 2 of')
  await until('Write this change')
  clock.pass(400)
  await press('enter')
  await until('To apply it type')
  clock.pass(400)
  await press('x')
  look('apply, typed')
  await press('esc', 'tab', 'q')
  look('stop?')
  clock.pass(400)
  await press('right', 'enter')
  await until('Result')
  await idle()
  look('outcome')
  await press('u')
  await until('approved by')
  look('run')
  await press('u')
  look('undo?')
  clock.pass(400)
  await press('right', 'enter')
  await until('Undo: result')
  look('undone')
  await press('esc', 'esc', 'o', 'u')
  await idle()
  look('history')
}

describe.each([
  [60, 16],
  [80, 24],
  [120, 40],
  [160, 45],
])('at %ix%i', (columns, rows) => {
  test('every screen fits exactly and reads as approved', async () => {
    terminal = await wizardIn(new FakeDesk(), { columns, rows })
    const wizard = terminal
    const frames: string[] = []
    await walk(wizard, (name) => {
      expect(misfits(wizard, columns, rows, stringWidth), name).toEqual([])
      frames.push(
        `===== ${name}\n${wizard
          .frame()
          .split('\n')
          .map((line) => line.trimEnd())
          .join('\n')}`,
      )
    })
    await expect(`${frames.join('\n')}\n`).toMatchFileSnapshot(`./frames/${columns}x${rows}.txt`)
  })
})

test('a terminal that is too small says so, and comes back when it grows', async () => {
  terminal = await wizardIn(new FakeDesk(), { columns: 80, rows: 24 })
  await terminal.resize(50, 12)
  expect(terminal.frame()).toContain('Too small: needs 60x16, has 50x12')
  expect(misfits(terminal, 50, 12, stringWidth)).toEqual([])
  await terminal.resize(80, 24)
  expect(terminal.frame()).toContain('What do you want to harden?')
  await terminal.resize(50, 12)
  await terminal.press('q')
  expect(await terminal.exited).toBe(0)
})

test('any size in between fits, too', async () => {
  terminal = await wizardIn(new FakeDesk(), { columns: 80, rows: 24 })
  await terminal.press('enter')
  await terminal.until('Worst of')
  await terminal.press('4')
  for (let columns = 60; columns < 180; columns += 7) {
    for (const rows of [16, 17, 29, 30, 50]) {
      await terminal.resize(columns, rows)
      expect(misfits(terminal, columns, rows, stringWidth), `${columns}x${rows}`).toEqual([])
    }
  }
})
