/** Questions on a plain line, for `apply` and `undo` without the full screen: they work on a dumb terminal and with a screen reader. */
import inquirer from 'inquirer'
import type { WaitingStream } from './waiting-line.ts'

export interface Choice<T extends string = string> {
  readonly value: T
  readonly label: string
}
/** What commands ask through; tests answer instead of a person. */
export interface Prompts {
  /** No default: an answer must be chosen. */
  choose<T extends string>(question: string, choices: readonly Choice<T>[]): Promise<T>
  /** A line of text, as typed. */
  type(question: string): Promise<string>
}
export interface Io {
  readonly stdout: WaitingStream
  readonly stderr: { write(text: string): unknown }
  /** Somebody can see questions and answer them. */
  readonly isTTY: boolean
  readonly prompts: Prompts
}

/** The operator went away from a question (Ctrl-C): nothing more is done. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

export const terminalPrompts: Prompts = {
  async choose(message, choices) {
    const question = {
      type: 'rawlist' as const,
      name: 'answer' as const,
      message,
      choices: choices.map(({ value, label }) => ({ value, name: label })),
    }
    return (await asked(() => inquirer.prompt([question]))).answer as never
  },
  async type(message) {
    return (await asked(() => inquirer.prompt([{ type: 'input' as const, name: 'answer' as const, message }]))).answer as string
  },
}

async function asked<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (error) {
    if (error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError'))
      throw new Interrupted('interrupted at a question')
    throw error
  }
}

export const terminalIo = (): Io => ({
  stdout: process.stdout,
  stderr: process.stderr,
  isTTY: process.stdin.isTTY === true && process.stdout.isTTY === true,
  prompts: terminalPrompts,
})
