/** ssh: one connection that is kept open, over which each program is run; as root, or through sudo. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { HostRefused, HostUnreachable } from './host.ts'
import { carrierEnvironment, lastLine, type Ran, type Runner, type RunOptions, runProgram } from './runner.ts'
import { parseSshAddress } from './spec.ts'

const CONNECT_S = 10
/** sshd hands the words to the login shell as one text: each is quoted so that any POSIX shell gives it back as it was. */
export const shellText = (argv: readonly string[]): string =>
  argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')

export class SshRunner implements Runner {
  readonly carrier = 'ssh'
  readonly words: string
  readonly #destination: readonly string[]
  readonly #before: readonly string[]
  readonly #user: string | undefined
  #line: Promise<Line> | undefined

  /** Throws a plain Error where `where` is no address (parseHostSpec has looked before). */
  constructor(where: string) {
    const parsed = parseSshAddress(where)
    if (parsed === undefined) throw new Error(`${JSON.stringify(where)} is no [USER@]ADDRESS[:PORT]`)
    const { user, address, port } = parsed
    this.words = `ssh ${where}`
    this.#user = user
    this.#destination = [...(port === undefined ? [] : ['-p', port]), ...(user === undefined ? [] : ['-l', user]), '--', address]
    this.#before = user === 'root' ? [] : ['sudo', '-n', '--']
  }

  async run(argv: readonly string[], options: RunOptions): Promise<Ran> {
    if (argv.some((word) => word.includes('\0'))) throw new Error('a word with a NUL in it')
    const line = await (this.#line ??= this.#connect())
    const started = Date.now()
    const command = shellText([...this.#before, ...argv])
    const ran = await runProgram(
      'ssh',
      [...OPTIONS, '-o', 'ControlMaster=no', '-o', `ControlPath=${line.socket}`, ...this.#destination, command],
      options,
    ).catch((error: Error) => {
      throw new HostUnreachable(`${this.words}: ${error.message}`)
    })
    if (ran.exitCode !== 255) return this.#withSudo(ran)
    // The connection is gone: the next call makes a new one.
    if (line.ended()) this.#line = undefined
    throw this.#failed(ran.stderr, Date.now() - started)
  }

  async close(): Promise<void> {
    const line = await this.#line?.catch(() => undefined)
    this.#line = undefined
    await line?.end()
  }

  /** It lives as long as its standard input, so that it ends with us, however we end. */
  async #connect(): Promise<Line> {
    const directory = await mkdtemp(join(tmpdir(), 'k8s-harden-'))
    const socket = join(directory, 's')
    const master = execa('ssh', [...OPTIONS, '-o', 'ControlMaster=yes', '-o', `ControlPath=${socket}`, ...this.#destination, 'cat'], {
      reject: false,
      extendEnv: false,
      env: carrierEnvironment(),
      stdin: 'pipe',
      forceKillAfterDelay: 1000,
      // As in runProgram: a Ctrl-C must not cut the line.
      detached: true,
    })
    let failed: string | undefined
    const ended = master.then(({ stderr, exitCode, shortMessage }) => {
      failed = exitCode === undefined && stderr === '' ? shortMessage : stderr
    })
    const end = async () => {
      master.stdin.end()
      await Promise.race([ended, sleep(500)])
      master.kill()
      await ended
      await rm(directory, { recursive: true, force: true })
    }
    master.stdin.on('error', () => {})
    const until = Date.now() + 2 * CONNECT_S * 1000
    while (failed === undefined && !existsSync(socket) && Date.now() < until) await sleep(20)
    if (existsSync(socket) && failed === undefined) return { socket, ended: () => failed !== undefined, end }
    await end()
    this.#line = undefined
    throw this.#failed(failed ?? 'no connection in time', 0)
  }

  #failed(stderr: string, _ms: number): HostUnreachable {
    const said =
      stderr.split('\n').findLast((line) => /denied|refused|timed out|verification failed|resolve|route|closed|reset/i.test(line)) ??
      lastLine(stderr)
    const hint = /host key verification failed/i.test(said)
      ? ': connect once by hand and see that its key is the right one'
      : /permission denied/i.test(said)
        ? ': an agent or key that needs no typing must let you in'
        : ''
    return new HostUnreachable(`${this.words}: ${said.trim()}${hint}`)
  }

  #withSudo(ran: Ran): Ran {
    if (this.#before.length === 0 || ran.exitCode === 0) return ran
    const said = ran.stderr
      .split('\n')
      .find((line) =>
        /^sudo: (a password is required|a terminal is required|sorry|.*not (allowed|in the sudoers))|is not (allowed|in the sudoers)/i.test(
          line,
        ),
      )
    const who = this.#user ?? 'the user'
    if (said !== undefined)
      throw new HostRefused(`${this.words}: sudo wants a password for ${who}: let it run without one there (NOPASSWD), or log in as root`)
    if (/\bsudo: (command )?not found/.test(ran.stderr))
      throw new HostRefused(`${this.words}: ${who} is not root there, and there is no sudo: log in as root`)
    return ran
  }
}

interface Line {
  readonly socket: string
  ended(): boolean
  end(): Promise<void>
}

/** Keys of hosts and of users are the operator's configuration; nothing may wait for somebody to type. */
const OPTIONS = [
  '-T',
  ...Object.entries({
    BatchMode: 'yes',
    ConnectTimeout: String(CONNECT_S),
    ServerAliveInterval: '5',
    ServerAliveCountMax: '3',
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    LogLevel: 'ERROR',
  }).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
]
