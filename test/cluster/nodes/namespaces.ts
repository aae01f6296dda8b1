import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import type { Running, Supervisor } from '../supervisor.ts'
import { makeCgroups, removeCgroups } from './cgroups.ts'

/**
 * The namespaces that one node lives in: network, mounts and processes.
 *
 * One program holds them, the node's process 1. When it is killed the kernel kills every process of the node, containers
 * and their shims included, and then all mounts and the network are gone: nothing needs to be undone one by one.
 */
export interface Namespaces {
  /** Also the names of its cgroups and of the link on this machine. */
  readonly name: string
  /** This machine's end of the link to the node. */
  readonly hostAddress: string
  readonly address: string
  readonly podSubnet: string
  /** This machine's path of a file of the node under /etc, /var/lib or /var/log. */
  path(file: string): string
  /** What goes before a command of this machine so that it runs on the node, with its input and output as they are. */
  readonly enter: readonly string[]
  /** Runs a command on the node and returns what it printed. */
  run(command: readonly string[]): Promise<string>
  /** Starts a program on the node, or once more after `end`. */
  start(program: string, command: readonly string[]): Running
  /** Tells the program to end, and waits for that. */
  end(program: string): Promise<void>
  /** Kills the node and takes back what is left of it on this machine. */
  stop(): Promise<void>
}

// The kubelet wants these values and would set them for the whole machine, where they would stay.
const kernelTunables = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
}

// Folders that the node has of its own, so that its programs can use their usual paths.
const ownFolders = ['/etc', '/var/lib', '/var/log']
const machineFiles = ['passwd', 'group', 'nsswitch.conf', 'os-release', 'machine-id', 'ld.so.cache', 'resolv.conf']

/** Makes the namespaces of a node, its folders in `dir` and the link to it. */
export async function makeNamespaces(dir: string, supervisor: Supervisor): Promise<Namespaces> {
  const root = join(dir, 'root')
  for (const folder of ownFolders) await mkdir(join(root, folder), { recursive: true })
  for (const file of machineFiles) {
    if (existsSync(join('/etc', file))) await copyFile(join('/etc', file), join(root, 'etc', file))
  }
  const holder = dir.split('/').pop() ?? dir
  const unshare = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', processOne(root)]
  const held = supervisor.start(holder, 'unshare', unshare)
  const pid = await childOf(held)
  const { name, third } = await makeLink(pid)
  const cgroups = makeCgroups(name)
  supervisor.owns(cgroups)
  const inside = ['-t', String(pid), '--net', '--mount', '--pid']
  const run = async (command: readonly string[]) => (await execa('nsenter', [...inside, '--', ...command])).stdout
  const [hostAddress, address, podSubnet] = [`${third}.1`, `${third}.2`, `${third}.128/25`]

  await execa('sh', [
    '-ec',
    `ip address add ${hostAddress}/30 dev ${name}; ip link set ${name} up; ip route add ${podSubnet} via ${address}`,
  ])
  await run([
    'sh',
    '-ec',
    `ip link set lo up; ip address add ${address}/30 dev eth0; ip link set eth0 up; ip route add default via ${hostAddress}`,
  ])
  await waitUntil(
    'the folders of the node',
    async () => (await run(['sh', '-c', 'test -e /run/ready && echo yes || true'])) === 'yes',
    held,
  )

  const programs = new Map<string, Running>()
  return {
    name,
    hostAddress,
    address,
    podSubnet,
    path: (file) => join(root, file),
    enter: ['nsenter', ...inside, '--'],
    run,
    start(program, command) {
      const running = supervisor.start(`${holder}-${program}`, 'nsenter', [...inside, '--', ...command])
      programs.set(program, running)
      return running
    },
    async end(program) {
      const running = programs.get(program)
      // nsenter hands no signal on to what it started.
      if (running && running.ended() === undefined) process.kill(await childOf(running), 'SIGTERM')
      await running?.finished
    },
    async stop() {
      if (held.ended() === undefined) process.kill(held.pid, 'SIGKILL')
      await held.finished
      await removeCgroups(cgroups)
      supervisor.disowns(cgroups)
      // It goes with the network namespace, but the kernel takes its time.
      await execa('ip', ['link', 'delete', name], { reject: false })
      for (const program of programs.values()) await program.finished
    },
  }
}

/** The script of the node's first process: mounts of its own, then it takes in the orphans. */
function processOne(root: string): string {
  const tunables = Object.entries(kernelTunables).map(
    ([file, value]) => `echo ${value} > /run/tunables/${file}; mount --bind /run/tunables/${file} /proc/sys/${file}`,
  )
  return [
    'set -e',
    'mount --make-rshared /',
    'mount -t tmpfs tmpfs /run',
    `mkdir -p ${Object.keys(kernelTunables)
      .map((file) => `/run/tunables/${dirname(file)}`)
      .join(' ')}`,
    ...tunables,
    ...ownFolders.map((folder) => `mount --bind ${join(root, folder)} ${folder}`),
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'touch /run/ready',
    'while :; do sleep 1; done',
  ].join('\n')
}

/**
 * Links this machine to the network namespace of `pid` under a name that nobody else has; the same number makes its
 * addresses, from the range set aside for tests of networks (RFC 2544).
 */
async function makeLink(pid: number): Promise<{ name: string; third: string }> {
  for (let tries = 0; tries < 100; tries++) {
    const number = Math.floor(Math.random() * 512)
    const name = `k8sh-node-${number}`
    const added = await execa('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)], { reject: false })
    if (!added.failed) return { name, third: `198.${18 + (number >> 8)}.${number & 255}` }
    if (!added.stderr.includes('exists')) throw new Error(`no link to the node: ${added.stderr}`)
  }
  throw new Error('all networks of nodes are taken: are there links k8sh-node-* left over?')
}

async function childOf(parent: Running): Promise<number> {
  let child: number | undefined
  await waitUntil('the process in the namespaces', async () => (child = findChild(parent.pid)) !== undefined, parent)
  return child as number
}

function findChild(parent: number): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      // The name in parentheses may hold anything; the parent is the second word after it.
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) return Number(entry)
    } catch {
      // It ended in the meantime.
    }
  }
  return undefined
}

async function waitUntil(what: string, ready: () => Promise<boolean>, program: Running): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await ready())) {
    const last = program.ended()
    if (last !== undefined) throw new Error(`${what}: ended while starting:\n${last}`)
    if (Date.now() > deadline) throw new Error(`${what}: not there after 20 s`)
    await sleep(20)
  }
}
