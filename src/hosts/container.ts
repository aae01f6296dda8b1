/** The `exec` of a container program: nodes of kind and minikube, and any node that runs in a container of this machine. */
import { HostRefused, HostUnreachable } from './host.ts'
import { lastLine, type Ran, type Runner, type RunOptions, runProgram } from './runner.ts'
import { type ContainerProgram, isContainerName } from './spec.ts'

export class ContainerRunner implements Runner {
  readonly carrier = 'container'
  readonly words: string
  readonly #program: ContainerProgram
  readonly #container: string

  constructor(program: ContainerProgram, container: string) {
    if (!isContainerName(container)) throw new Error(`${JSON.stringify(container)} is no name of a container`)
    this.words = `${program} exec ${container}`
    this.#program = program
    this.#container = container
  }

  async run(argv: readonly string[], options: RunOptions): Promise<Ran> {
    const args = ['exec', ...(options.stdin === undefined ? [] : ['-i']), '-u', '0', this.#container, ...argv]
    const ran = await runProgram(this.#program, args, options).catch((error: Error) => {
      throw new HostUnreachable(`${this.words}: ${error.message}`)
    })
    if (ran.exitCode === 0) return ran
    // The program is not in the container; the runtime says so in the place of the program.
    if ((ran.exitCode === 126 || ran.exitCode === 127) && STARTING.test(ran.stderr + ran.stdout.toString('utf8')))
      throw new HostRefused(`${this.words}: ${argv[0]} does not run there`)
    const own = ran.stderr.split('\n').find((line) => OWN.test(line))
    if (own !== undefined) throw new HostUnreachable(`${this.words}: ${lastLine(own)}`)
    return ran
  }

  async close(): Promise<void> {}
}

const STARTING = /exec failed|executable file not found|OCI runtime|crun:|runc/
/** What docker, podman and nerdctl say of themselves; programs put their own name in front. */
const OWN =
  /^(Error response from daemon|Error: |Error from |Cannot connect to the Docker daemon|error during connect|Got permission denied while|permission denied while trying to connect|failed to connect to the docker API|docker: |podman: |nerdctl: |time="[^"]*" level=(fatal|error)|(FATA|ERRO)\[\d+\])/i
