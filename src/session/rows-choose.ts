import type { ControlId } from '../model/index.ts'
import { optionsOf } from './rows-finding.ts'
import { blank, choice, inColumns, prose, type Row, row } from './rows-line.ts'
import { RISK_TONE, RISK_WORD } from './rows-words.ts'
import { type State, shownValue, valueText } from './store-state.ts'

/** The options of one check's remedy: ready-made choices to pick from, or a value to type. */
export function chooseRows(state: State, id: ControlId, width: number): Row[] {
  const control = state.scan?.controls.find((one) => one.id === id)
  const options = Object.entries(optionsOf(control))
  if (options.length === 0) return [row({ text: 'This fix has no choices.', tone: 'dim' })]
  return options.flatMap(([name, option]) => {
    const value = state.values[id]?.[name] ?? option.default
    const isReady = option.choices?.some((one) => one.value === value) ?? false
    return [
      ...prose(option.describe, width, { indent: 0, tone: 'title' }),
      ...(option.choices ?? []).map((one) =>
        choice(`choice:${name}=${one.value}`, (w) =>
          inColumns(w, [
            { text: one.value === value ? '(*)' : '( )', tone: 'key' },
            { text: one.label, grow: true },
            ...(one.risk === undefined ? [] : [{ text: RISK_WORD[one.risk], width: 13, tone: RISK_TONE[one.risk] }]),
          ]),
        ),
      ),
      ...(option.choices !== undefined && !isReady && value !== undefined ? [row({ text: `    now: ${valueText(value)}` })] : []),
      ...(option.choices === undefined
        ? [
            choice(`type:${name}`, (w) =>
              inColumns(w, [
                { text: value === undefined ? '(nothing yet: enter to type it)' : shownValue(value), grow: true, tone: 'key' },
                { text: 'enter changes', tone: 'dim' },
              ]),
            ),
          ]
        : []),
      ...(option.default === undefined || value === option.default
        ? []
        : prose(`Unless you choose: ${shownValue(option.default)}`, width, { indent: 4, tone: 'dim' })),
      blank,
    ]
  })
}
