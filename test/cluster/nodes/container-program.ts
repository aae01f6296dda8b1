import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { RealNode } from './node.ts'

/** A program that behaves like `docker exec` towards real nodes, each of them a container of its own name. */
export interface ContainerProgram {
  /** Its folder, to be put first on the PATH. */
  readonly folder: string
  /** What was asked of systemd, in order: `node-0 restart kubelet`. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

const client = fileURLToPath(new URL('./systemctl.mjs', import.meta.url))
// Of the node alone: whatever runs there finds it before the machine's own.
const programs = '/var/lib/node-programs'

/**
 * Makes an executable `name` in `dir`: `docker exec [-i] [-u USER] NODE COMMAND...` runs a command of this machine in the namespaces of the
 * node, with input, output and exit code as they are. There `systemctl` restarts the real kubelet and tells whether it runs; a kubelet
 * that ends by itself stays down, as one of systemd does between two attempts.
 */
export async function makeContainerProgram(dir: string, nodes: readonly RealNode[], name = 'docker'): Promise<ContainerProgram> {
  const asked: string[] = []
  const socket = join(dir, `${name}.sock`)
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const server = createServer({ allowHalfOpen: true }, async (connection) => {
    let request = ''
    for await (const chunk of connection.setEncoding('utf8')) request += chunk
    const [node = '', ...args] = JSON.parse(request) as string[]
    asked.push([node, ...args].join(' '))
    connection.end(JSON.stringify(await systemctl(byName.get(node), args).catch((error) => ({ code: 1, said: `${error}\n` }))))
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))

  for (const node of nodes) {
    await mkdir(node.path(programs), { recursive: true })
    await executable(node.path(`${programs}/systemctl`), `exec '${process.execPath}' '${client}' '${socket}' '${node.name}' "$@"`)
  }
  const folder = join(dir, `${name}-bin`)
  await mkdir(folder)
  const nsenter = (await execa('which', ['nsenter'])).stdout
  await executable(join(folder, name), script(nodes, nsenter))
  return {
    folder,
    asked,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** The words and exit codes of the real docker, 29.x, and of systemctl. */
function script(nodes: readonly RealNode[], nsenter: string): string {
  const containers = nodes.map(({ name, enter: [, ...inside] }) => `  ${name}) set -- ${inside.join(' ')} "$@" ;;`)
  return `
[ "$1" = exec ] || { echo "docker: '$1' is not a docker command." >&2; exit 1; }
shift
while :; do
  case "$1" in
    -i | --interactive | --privileged | --user=* | --workdir=*) shift ;;
    -u | --user | -w | --workdir) shift 2 ;;
    -e | --env) export "$2"; shift 2 ;;
    -*) echo "unknown flag: $1" >&2; exit 125 ;;
    *) break ;;
  esac
done
container="$1"
shift
command="$1"
case "$container" in
${containers.join('\n')}
  *) echo "Error response from daemon: No such container: $container" >&2; exit 1 ;;
esac
PATH="${programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export PATH
case "$command" in
  */*) [ -x "$command" ] || missing=1 ;;
  *) [ "$command" = systemctl ] || command -v "$command" >/dev/null || missing=1 ;;
esac
if [ -n "$missing" ]; then
  echo "OCI runtime exec failed: exec failed: unable to start container process: exec: \\"$command\\": executable file not found in \\$PATH: unknown" >&2
  exit 127
fi
exec '${nsenter}' "$@"`
}

async function systemctl(node: RealNode | undefined, args: readonly string[]): Promise<{ code: number; said: string }> {
  const [verb = '', unit = ''] = args.filter((word) => !word.startsWith('-'))
  if (verb === 'daemon-reload') return { code: 0, said: '' }
  if (node === undefined || unit.replace(/\.service$/, '') !== 'kubelet') return { code: 5, said: `Unit ${unit}.service not found.\n` }
  if (verb === 'is-active') return node.kubeletRuns() ? { code: 0, said: 'active\n' } : { code: 3, said: 'activating\n' }
  if (verb !== 'restart') return { code: 1, said: `Unknown command verb '${verb}'.\n` }
  await node.serviceRestart()
  return { code: 0, said: '' }
}

async function executable(path: string, body: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o755)
}
