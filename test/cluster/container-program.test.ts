import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ContainerProgram, makeContainerProgram } from './nodes/container-program.ts'
import { describeNode } from './with-cluster.ts'

describeNode('the container program of the tests', { controllerManager: false, scheduler: false, audit: false }, (cluster) => {
  let program: ContainerProgram
  const docker = (args: readonly string[], input = '') => execa(join(program.folder, 'docker'), args, { reject: false, input })
  beforeAll(async () => {
    program = await makeContainerProgram(await mkdtemp(join(cluster().dir, 'docker-')), cluster().nodes)
  })
  afterAll(() => program?.close())

  test('runs a command on the node with its input, output and exit code', async () => {
    const bytes = '\u0000\u0001 "quoted" $HOME\n'.repeat(10_000)
    const written = await docker(['exec', '-i', 'node-0', 'tee', '/etc/kubernetes/it is here'], bytes)
    expect([written.exitCode, written.stdout]).toEqual([0, bytes.trimEnd()])
    expect(readFileSync(cluster().nodes[0]?.path('/etc/kubernetes/it is here') ?? '', 'utf8')).toBe(bytes)
    expect(await docker(['exec', 'node-0', 'sh', '-c', 'echo no >&2; exit 7'])).toMatchObject({ exitCode: 7, stderr: 'no' })
  })

  test('says of a container or a program that is not there what docker says', async () => {
    expect(await docker(['exec', 'node-9', 'true'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('No such container: node-9'),
    })
    expect(await docker(['exec', 'node-0', 'no-such'])).toMatchObject({
      exitCode: 127,
      stderr: expect.stringContaining('not found in $PATH'),
    })
  })

  test('systemctl restarts the real kubelet from the files that are there, also one that does not come to run', async () => {
    const [node] = cluster().nodes
    const active = async () => (await docker(['exec', 'node-0', 'systemctl', 'is-active', 'kubelet'])).exitCode
    const config = node?.path('/var/lib/kubelet/config.yaml') ?? ''
    const good = readFileSync(config, 'utf8')
    writeFileSync(config, 'kind: Nonsense\n')
    expect(await docker(['exec', 'node-0', 'systemctl', 'restart', 'kubelet'])).toMatchObject({ exitCode: 0 })
    await expect.poll(active, { timeout: 30_000 }).toBe(3)
    writeFileSync(config, JSON.stringify({ ...JSON.parse(good), maxPods: 77 }))
    expect(await docker(['exec', 'node-0', 'timeout', '60', 'systemctl', 'restart', 'kubelet.service'])).toMatchObject({ exitCode: 0 })
    const configz = () =>
      cluster()
        .api.request('GET', '/api/v1/nodes/node-0/proxy/configz')
        .then(({ text }) => text)
    await expect.poll(configz, { timeout: 30_000 }).toContain('"maxPods":77')
    expect(await active()).toBe(0)
    expect(program.asked.filter((words) => words.includes('restart'))).toEqual(['node-0 restart kubelet', 'node-0 restart kubelet.service'])
  })
})
