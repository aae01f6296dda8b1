/** Against a stand-in for docker on PATH, which runs `docker exec` on this machine and answers as the real one does. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HostRefused, HostUnreachable } from '../../src/hosts/host.ts'
import { openHost, parseHostSpec } from '../../src/hosts/open.ts'
import { freshDirectory, hostContract, mine, sha } from './contract.ts'

const FAKE = (applets: string) => `#!/bin/sh
printf '%s\\n' "$*" >> "$(dirname "$0")/calls"
[ "$1" = exec ] || { echo "docker: '$1' is not a docker command." >&2; exit 1; }
shift
input=no
while :; do case "$1" in -i) input=yes; shift;; -u) shift 2;; *) break;; esac; done
name=$1
shift
case $name in
  gone) echo 'Error response from daemon: No such container: gone' >&2; exit 1;;
  older-gone) echo 'Error: No such container: older-gone' >&2; exit 1;;
  stopped) echo 'Error response from daemon: container 3f2a is not running' >&2; exit 1;;
  down) echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1;;
  podman-gone) echo 'Error: no container with name or ID "x" found: no such container' >&2; exit 125;;
  killed) exit 137;;
  bare) echo "OCI runtime exec failed: exec failed: unable to start container process: exec: \\"$1\\": executable file not found in \\$PATH: unknown" >&2; exit 127;;
  slow) exec sleep 600;;
  busybox) PATH=${applets}; export PATH;;
esac
[ $input = yes ] || exec < /dev/null
if [ "$name$3" = cutdd ]; then head -c 5 | "$@"; exit; fi
exec "$@"
`
const busybox = (() => {
  try {
    return execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
})()

let bin: string
const path = process.env['PATH']
beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), 'k8s-harden-docker-'))
  const applets = join(bin, 'applets')
  if (busybox !== undefined) execFileSync('sh', ['-c', 'mkdir "$1" && "$0" --install -s "$1"', busybox, applets])
  await writeFile(join(bin, 'docker'), FAKE(applets))
  await chmod(join(bin, 'docker'), 0o755)
  process.env['PATH'] = `${bin}${delimiter}${path}`
})
afterAll(() => {
  process.env['PATH'] = path
})
const open = (container: string) => openHost('node', parseHostSpec(`node=docker:${container}`)!)
const placeIn = (container: string) => async () => {
  const here = await freshDirectory(tmpdir())
  return { spec: `docker:${container}`, open: () => open(container), on: here, here }
}

describe('a container with GNU coreutils', () => hostContract(placeIn('node-1')))
describe.skipIf(busybox === undefined)('a container with busybox (skipped where this machine has none)', () =>
  hostContract(placeIn('busybox')),
)

describe('what the container program says of itself', () => {
  test.each(['gone', 'older-gone', 'stopped', 'down', 'podman-gone', 'killed'])(
    '%s: nobody knows, and nothing counts as missing',
    async (container) => {
      const host = open(container)
      const look = { name: 'look', argv: ['true'], timeoutMs: 5000 }
      for (const ask of [() => host.stat('/etc/hosts'), () => host.read('/etc/hosts'), () => host.list('/etc')])
        await expect(ask()).rejects.toThrow(HostUnreachable)
      await expect(host.write('/etc/none', '', { mode: 0o600, expected: null })).rejects.toThrow(HostUnreachable)
      await expect(host.remove('/etc/none', sha(''))).rejects.toThrow(HostUnreachable)
      if (container !== 'killed') await expect(host.run(look)).rejects.toThrow(new RegExp(`^docker exec ${container}: `))
    },
  )

  test('a container without the programs refuses', async () => {
    await expect(open('bare').read('/etc/hosts')).rejects.toThrow(HostRefused)
    await expect(open('bare').read('/etc/hosts')).rejects.toThrow(/env does not run there/)
  })

  test('an answer that does not come is waited for so long and no longer', async () => {
    await expect(open('slow').run({ name: 'wait', argv: ['true'], timeoutMs: 500 })).rejects.toThrow(/no answer within 0.5 s/)
  })

  test('no docker on this machine is said', async () => {
    process.env['PATH'] = join(bin, 'none')
    try {
      await expect(open('node-1').stat('/etc/hosts')).rejects.toThrow(/there is no program docker on this machine/)
    } finally {
      process.env['PATH'] = `${bin}${delimiter}${path}`
    }
  })
})

test('a text that arrives cut off replaces nothing', async () => {
  const here = await freshDirectory(tmpdir())
  await writeFile(join(here, 'file'), 'old')
  await expect(open('cut').write(join(here, 'file'), 'a longer text', { mode: 0o600, expected: sha('old') })).rejects.toThrow(
    /did not arrive whole/,
  )
  expect(await readFile(join(here, 'file'), 'utf8')).toBe('old')
  expect(await readdir(here)).toEqual(['file'])
})

test('what is written is never among the words of a program', async () => {
  const here = await freshDirectory(tmpdir())
  await open('node-1').write(join(here, 'file'), 'k3y-material', { mode: 0o600, expected: null, ...mine })
  const calls = await readFile(join(bin, 'calls'), 'utf8')
  expect(calls).toContain(`exec -i -u 0 node-1 env LC_ALL=C dd of=${here}`)
  expect(calls).not.toContain('k3y')
})
