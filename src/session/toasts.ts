/** Short notices on the status line. */
export interface Toast {
  readonly text: string
  readonly tone: 'info' | 'good' | 'bad' /** Epoch milliseconds. */
  readonly until: number
}

/** Bad news stays longer: it has to be read. */
export const toast = (text: string, now: number, tone: Toast['tone'] = 'info'): Toast => ({
  text,
  tone,
  until: now + (tone === 'bad' ? 12_000 : 5_000),
})
