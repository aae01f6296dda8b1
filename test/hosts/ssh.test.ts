/** Against a stand-in for ssh that hands its command to a shell as sshd does, and against a real sshd on loopback where there is one. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HostRefused, HostUnreachable } from '../../src/hosts/host.ts'
import { openHost, parseHostSpec } from '../../src/hosts/open.ts'
import { parseSshAddress } from '../../src/hosts/spec.ts'
import { shellText } from '../../src/hosts/ssh.ts'
import { freshDirectory, hostContract, mine, sha } from './contract.ts'

const FAKE_SSH = `#!/bin/sh
printf '%s\\n' "$*" >> "$(dirname "$0")/calls"
socket= master=no
while :; do case "$1" in
  -o) case "$2" in ControlPath=*) socket=\${2#ControlPath=};; ControlMaster=yes) master=yes;; esac; shift 2;;
  -T) shift;;
  -p|-l) shift 2;;
  --) shift; break;;
  *) echo "unexpected $1" >&2; exit 255;;
esac; done
address=$1
shift
case $address in
  refused) echo 'ssh: connect to host refused port 22: Connection refused' >&2; exit 255;;
  badkey) printf '%s\\n' 'No ED25519 host key is known for badkey and you have requested strict checking.' 'Host key verification failed.' >&2; exit 255;;
  denied) echo 'me@denied: Permission denied (publickey).' >&2; exit 255;;
esac
if [ $master = yes ]; then : > "$socket"; trap 'rm -f "$socket"' EXIT; fi
if [ $address = drops ] && [ $master = no ]; then echo 'client_loop: send disconnect: Broken pipe' >&2; exit 255; fi
SUDO=$address; export SUDO
if [ $master = yes ]; then sh -c "$*"; else exec sh -c "$*"; fi
`
const FAKE_SUDO = `#!/bin/sh
case $SUDO in
  asks) echo 'sudo: a password is required' >&2; exit 1;;
  forbids) echo 'Sorry, user me is not allowed to execute /usr/bin/env on forbids.' >&2; exit 1;;
esac
[ "$1 $2" = '-n --' ] || exit 1
echo 'sudo: unable to resolve host x: Name or service not known' >&2
shift 2
exec "$@"
`
const path = process.env['PATH']
async function onPath(programs: Readonly<Record<string, string>>): Promise<string> {
  const bin = await mkdtemp(join(tmpdir(), 'k8s-harden-ssh-'))
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), script)
    await chmod(join(bin, name), 0o755)
  }
  process.env['PATH'] = `${bin}${delimiter}${path}`
  return bin
}
afterAll(() => {
  process.env['PATH'] = path
})
const open = (where: string) => openHost('node', parseHostSpec(`node=ssh:${where}`)!)
const placeAt = (where: () => string) => async () => {
  const here = await freshDirectory(tmpdir())
  return { spec: `ssh:${where()}`, open: () => open(where()), on: here, here }
}

test('addresses', () => {
  expect(parseSshAddress('root@10.0.0.1:2222')).toEqual({ user: 'root', address: '10.0.0.1', port: '2222' })
  expect(parseSshAddress('node-1.example')).toEqual({ address: 'node-1.example' })
  expect(parseSshAddress('core@[fd00::1]:22')).toEqual({ user: 'core', address: 'fd00::1', port: '22' })
  expect(parseSshAddress('fd00::1')).toEqual({ address: 'fd00::1' })
  for (const bad of ['-oProxyCommand=id', 'root@-x', 'a b', 'a;b', '', 'root@', 'a:b', '@a', 'a:999999'])
    expect(parseSshAddress(bad), bad).toBeUndefined()
})

test('every word comes out of a shell as it went in', () => {
  const words = ['', ' ', "'", "''", '"', '\\', '\n', '$(id)', '`id`', '!', '-x', 'ü', '*', '\t', 'a=b', '~', '#', '{a,b}', '&&']
  expect(execFileSync('sh', ['-c', shellText(['printf', '%s\\0', ...words])], { encoding: 'utf8' })).toBe(`${words.join('\0')}\0`)
})

describe('a stand-in for ssh, as root', () => {
  beforeAll(() => onPath({ ssh: FAKE_SSH }))
  hostContract(placeAt(() => 'root@127.0.0.1:2222'))
})

describe('a stand-in for ssh, by sudo', () => {
  let bin: string
  beforeAll(async () => {
    bin = await onPath({ ssh: FAKE_SSH, sudo: FAKE_SUDO })
  })

  test('a user who is not root goes through sudo, whose own words are not taken for the answer', async () => {
    const here = await freshDirectory(tmpdir())
    const host = open('me@node-1')
    await host.write(join(here, 'file'), 'k3y-material', { mode: 0o600, expected: null, ...mine })
    expect((await host.read(join(here, 'file')))?.sha256).toBe(sha('k3y-material'))
    expect(await host.read(join(here, 'none'))).toBeUndefined()
    await host.close()
    const calls = (await readFile(join(bin, 'calls'), 'utf8')).split('\n')
    expect(
      calls.some((call) => call.endsWith(` -l me -- node-1 sudo -n -- env LC_ALL=C sha256sum ${here}/none`) || call.includes('stat -L')),
    ).toBe(true)
    expect(calls.filter((call) => call.includes('ControlMaster=yes'))).toHaveLength(1)
    expect(calls.join()).not.toContain('k3y')
    for (const call of calls.filter((one) => one !== '')) expect(call).toContain('BatchMode=yes')
  })

  test('nothing of a connection is left behind', async () => {
    const host = open('me@node-1')
    await host.stat('/etc')
    const socket = /ControlPath=(\S+)/.exec(
      await readFile(join(bin, 'calls'), 'utf8').then((calls) => calls.trim().split('\n').at(-1)!),
    )![1]!
    expect(existsSync(socket)).toBe(true)
    await host.close()
    expect(existsSync(join(socket, '..'))).toBe(false)
  })

  test.each([
    ['me@asks', HostRefused, /sudo wants a password for me: let it run without one there \(NOPASSWD\), or log in as root/],
    ['me@forbids', HostRefused, /sudo wants a password/],
    ['root@refused', HostUnreachable, /^ssh root@refused: .*Connection refused/],
    ['root@badkey', HostUnreachable, /verification failed.*connect once by hand/],
    ['root@denied', HostUnreachable, /Permission denied.*an agent or key/],
    ['root@drops', HostUnreachable, /Broken pipe/],
  ])('%s is neither missing nor empty', async (where, error, words) => {
    const host = open(where)
    for (const ask of [
      () => host.stat('/etc'),
      () => host.read('/etc/hosts'),
      () => host.list('/etc'),
      () => host.run({ name: 'x', argv: ['true'], timeoutMs: 5000 }),
    ]) {
      await expect(ask()).rejects.toThrow(error)
      await expect(ask()).rejects.toThrow(words)
    }
    await host.close()
  })

  test('without sudo there, it is said', async () => {
    await onPath({ ssh: FAKE_SSH.replace('else exec sh', 'else PATH=/nowhere exec /bin/sh') })
    await expect(open('me@node-1').stat('/etc')).rejects.toThrow(/me is not root there, and there is no sudo: log in as root/)
  })
})

const sshd = [process.env['K8S_HARDEN_SSHD'], '/usr/sbin/sshd', '/usr/local/sbin/sshd'].find(
  (file) => file !== undefined && existsSync(file),
)
const settings = sshd === undefined ? undefined : configure()
const why = sshd === undefined ? 'no sshd on this machine' : settings?.problem

describe.skipIf(why !== undefined)(`a real sshd on loopback${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  let server: ChildProcess
  let port = 0
  const me = userInfo().username
  beforeAll(async () => {
    port = await freePort()
    server = spawn(sshd!, ['-D', '-e', '-f', settings!.file, '-p', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] })
    await new Promise<void>((resolve, reject) => {
      let said = ''
      server.stderr!.on('data', (text: Buffer) => (said += text.toString()).includes('Server listening') && resolve())
      server.once('exit', () => reject(new Error(said)))
    })
    await onPath({ ssh: `#!/bin/sh\nPATH=${path}\nexec ssh -F ${settings!.client} "$@"\n` })
  })
  afterAll(() => {
    server.kill()
  })
  hostContract(placeAt(() => `${me}@127.0.0.1:${port}`))

  test('a server that goes away in between is nobody knows, and one that comes back is reached again', async () => {
    const host = open(`${me}@127.0.0.1:${port}`)
    expect(await host.stat('/etc')).toMatchObject({ is: 'directory' })
    execFileSync('pkill', ['-P', String(server.pid)])
    server.kill()
    await new Promise((resolve) => server.once('exit', resolve))
    await sleep(300)
    await expect(host.read('/etc/hosts')).rejects.toThrow(HostUnreachable)
    server = spawn(sshd!, ['-D', '-e', '-f', settings!.file, '-p', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] })
    await new Promise<void>((resolve) => server.stderr!.on('data', (text: Buffer) => text.includes('Server listening') && resolve()))
    expect((await host.read('/etc/hosts'))?.stat.is).toBe('file')
    await host.close()
    expect(await readdir(tmpdir())).not.toContain('s')
  })
})

/** Keys and settings of its own; `problem` is what sshd itself says against them on this machine. */
function configure(): { readonly file: string; readonly client: string; readonly problem?: string } {
  const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-sshd-'))
  for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)])
  // Who is no root goes through sudo, and over there it must be the one that changes nothing.
  mkdirSync(join(dir, 'bin'))
  writeFileSync(join(dir, 'bin/sudo'), FAKE_SUDO.replace(/^echo .*\n/m, ''), { mode: 0o755 })
  const [file, client] = [join(dir, 'sshd_config'), join(dir, 'ssh_config')]
  writeFileSync(
    file,
    `ListenAddress 127.0.0.1\nHostKey ${dir}/host\nAuthorizedKeysFile ${dir}/user.pub\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\nSetEnv "PATH=${dir}/bin${delimiter}${path}"\n`,
  )
  writeFileSync(
    client,
    `Host *\n  IdentityFile ${dir}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile ${dir}/known\n  StrictHostKeyChecking accept-new\n`,
  )
  try {
    execFileSync(sshd!, ['-t', '-f', file], { encoding: 'utf8', stdio: 'pipe' })
    return { file, client }
  } catch (error) {
    return {
      file,
      client,
      problem: `sshd does not start: ${String((error as { stderr?: string }).stderr)
        .trim()
        .split('\n')
        .at(-1)}`,
    }
  }
}
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
