import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { SCAN } from '../../bin/scan-schema.ts'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { execInPod } from '../../src/apiserver/exec.ts'
import { restartKubelet } from '../../src/hosts/commands.ts'
import { HelperPodHost } from '../../src/hosts/helper-pod-host.ts'
import { helperPrograms, machineImage } from '../cluster/nodes/machine-image.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { cli } from '../helpers/cli.ts'

const image = 'k8s-harden.test/programs:1'
const namespaces = '/api/v1/namespaces'
const pods = `${namespaces}/k8s-harden-nodes/pods`

describeNode('a node reached through a helper pod', {}, (cluster) => {
  let client: ApiClient
  const open: HelperPodHost[] = []
  const node = () => cluster().nodes[0]!
  const host = (options = {}) => {
    const one = new HelperPodHost(client, 'node-0', { image, patienceMs: 30_000, ...options })
    open.push(one)
    return one
  }
  const podsThere = async () => (await cluster().api.get<{ items: { metadata: { name: string }; spec: object }[] }>(pods)).items
  const namespaceIs = async () => (await cluster().api.request('GET', `${namespaces}/k8s-harden-nodes`)).status

  beforeAll(async () => {
    await node().addImages([machineImage(image, helperPrograms)])
    client = new ApiClient(pickContext({ kubeconfig: cluster().kubeconfig }))
  })
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close()
    await expect.poll(namespaceIs, { timeout: 30_000 }).toBe(404)
  })
  afterAll(() => client?.close())

  test('what runs in a pod has its input whole, and its exit code comes back', async () => {
    await host().stat('/etc/kubernetes')
    const [pod] = await podsThere()
    const run = (argv: readonly string[], stdin?: Buffer) =>
      execInPod(client, {
        namespace: 'k8s-harden-nodes',
        pod: pod!.metadata.name,
        container: 'node',
        argv,
        timeoutMs: 20_000,
        limit: 5e6,
        ...(stdin && { stdin }),
      })
    const bytes = randomBytes(3_000_000)
    const answer = await run(['cat'], bytes)
    expect(answer).toMatchObject({ ok: true, exitCode: 0 })
    expect(answer.ok && answer.stdout.equals(bytes)).toBe(true)
    // It closes its output at once, on which containerd takes the input away.
    expect(await run(['dd', 'of=/dev/shm/x', 'bs=4096'], bytes)).toMatchObject({ ok: true, exitCode: 0 })
    expect(await run(['stat', '-c', '%s', '/dev/shm/x'])).toMatchObject({ ok: true, stdout: Buffer.from('3000000\n') })
    expect(await run(['sh', '-c', 'echo no >&2; exit 7'])).toMatchObject({ ok: true, exitCode: 7, stderr: Buffer.from('no\n') })
    expect(await run(['no-such'])).toMatchObject({ ok: false, refusal: { said: expect.stringContaining('not found') } })
  })

  test('a look makes one pod that can write nothing, and leaves nothing behind', async () => {
    const path = '/etc/kubernetes/only-root.key'
    writeFileSync(node().path(path), 'secret', { mode: 0o600 })
    const one = host()
    expect(await namespaceIs()).toBe(404)
    expect(await one.read(path)).toMatchObject({ text: 'secret', stat: { is: 'file', mode: 0o600, uid: 0, gid: 0, owner: 'root' } })
    expect(await one.stat('/etc/kubernetes/none')).toBeUndefined()
    expect(await one.read('/var/lib/k8s-harden/none')).toBeUndefined()
    expect(await one.list('/etc/kubernetes')).toContain('manifests')
    await expect(one.read('/etc/passwd')).rejects.toThrow('not among what a helper pod may open')
    await expect(one.run(restartKubelet())).rejects.toThrow('runs none of its programs')
    const [pod, ...others] = await podsThere()
    expect(others).toEqual([])
    expect(pod?.spec).toMatchObject({ nodeName: 'node-0', automountServiceAccountToken: false, activeDeadlineSeconds: 1800 })
    expect(JSON.stringify(pod?.spec)).not.toMatch(/"(hostPID|hostNetwork|hostIPC)":true|"privileged":true/)
    await one.close()
    await expect.poll(namespaceIs, { timeout: 30_000 }).toBe(404)
    // Nothing was made in looking for it.
    expect(() => lstatSync(node().path('/var/lib/k8s-harden'))).toThrow('ENOENT')
  })

  test('writes whole or not at all, guarded, and puts back', async () => {
    const path = '/etc/kubernetes/enc/it is & here.yaml'
    const one = host()
    const first = 'a: 1\n'.repeat(200_000)
    await one.write(path, first, { mode: 0o640, uid: 0, gid: 7, expected: null })
    const stat = lstatSync(node().path(path))
    expect([readFileSync(node().path(path), 'utf8') === first, stat.mode & 0o777, stat.gid]).toEqual([true, 0o640, 7])
    expect(lstatSync(node().path('/etc/kubernetes/enc')).mode & 0o777).toBe(0o700)
    await expect(one.write(path, 'b', { mode: 0o600, expected: null })).rejects.toMatchObject({ name: 'HostConflict' })
    const read = await one.read(path)
    const backup = '/var/lib/k8s-harden/run-1/step-1/backup'
    await one.copy(path, backup)
    await one.write(path, 'b', { mode: 0o600, expected: read!.sha256 })
    await one.copy(backup, '/etc/kubernetes/enc/restored')
    expect(lstatSync(node().path('/etc/kubernetes/enc/restored'))).toMatchObject({ gid: 7 })
    expect(readFileSync(node().path('/etc/kubernetes/enc/restored'), 'utf8')).toBe(first)
    await one.remove(path, (await one.read(path))!.sha256)
    expect(await one.list('/etc/kubernetes/enc')).toEqual(['restored'])
  })

  test('a link that leaves the folders is followed on the node, never into the image', async () => {
    await mkdir(node().path('/var/lib/elsewhere'), { recursive: true })
    writeFileSync(node().path('/var/lib/elsewhere/ca.crt'), 'of the node')
    symlinkSync('/var/lib/elsewhere', node().path('/etc/kubernetes/linked'))
    symlinkSync('/etc/passwd', node().path('/etc/kubernetes/out'))
    const one = host()
    expect(await one.read('/etc/kubernetes/linked/ca.crt')).toMatchObject({ text: 'of the node' })
    expect(await one.read('/etc/kubernetes/linked/none')).toBeUndefined()
    expect(await one.stat('/etc/kubernetes/linked')).toMatchObject({ is: 'link' })
    await expect(one.read('/etc/kubernetes/out')).rejects.toThrow('not among what a helper pod may open')
    await expect(one.write('/etc/kubernetes/linked/x', 'x', { mode: 0o600, expected: null })).rejects.toThrow('over a link')
  })

  test('a pod that somebody deleted in between is made once more', async () => {
    const one = host()
    await one.list('/etc/kubernetes')
    const [pod] = await podsThere()
    await cluster().kubectl(['delete', 'pod', '--namespace', 'k8s-harden-nodes', pod!.metadata.name, '--wait'])
    expect(await one.list('/etc/kubernetes')).toContain('manifests')
    expect((await podsThere()).map(({ metadata }) => metadata.name)).not.toContain(pod!.metadata.name)
  })

  test('a run that was killed in the middle of a write leaves a whole file, and its pod goes with the next run', async () => {
    const path = '/etc/kubernetes/killed'
    writeFileSync(node().path(path), 'a'.repeat(1_000_000))
    const script = join(import.meta.dirname, 'helper-pod-killed.ts')
    const child = spawn(process.execPath, [script, cluster().kubeconfig, image, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    await sleep(700)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(new Set(readFileSync(node().path(path), 'utf8')).size).toBe(1)
    expect(lstatSync(node().path(path)).size).toBe(1_000_000)
    const [left] = await podsThere()
    const next = new ApiClient(pickContext({ kubeconfig: cluster().kubeconfig }))
    const one = new HelperPodHost(next, 'node-0', { image })
    expect(await one.stat(path)).toMatchObject({ is: 'file' })
    expect((await podsThere()).map(({ metadata }) => metadata.name)).not.toContain(left!.metadata.name)
    expect(await podsThere()).toHaveLength(1)
    await one.close()
    next.close()
  })

  test('an image that is not to be had is a refusal in words, and nothing stays', async () => {
    const one = host({ image: '127.0.0.1:1/none:1', patienceMs: 60_000 })
    await expect(one.stat('/etc/kubernetes')).rejects.toThrow(/does not run on node-0: ImagePullBackOff.*127\.0\.0\.1:1\/none:1/)
    await expect.poll(namespaceIs, { timeout: 30_000 }).toBe(404)
    const other = host({ image: 'k8s-harden.test/pause:1' })
    await expect(other.stat('/etc/kubernetes')).rejects.toThrow(/does not run on node-0/)
    await expect(host().stat('/etc/kubernetes')).resolves.toMatchObject({ is: 'directory' })
  })

  test('a scan through helper pods looks at files, does not report itself, and leaves nothing behind', {
    timeout: 240_000,
  }, async () => {
    const mark = await cluster().auditMark()
    const args = ['scan', '--kubeconfig', cluster().kubeconfig, '--host', `*=pod:${image}`, '-o', 'json']
    const { stdout, stderr } = await cli(args, { timeout: 200_000 })
    expect(stderr).toContain('--host has helper pods made on node-0, in namespace k8s-harden-nodes; they are deleted at the end')
    const { results } = SCAN.parse(JSON.parse(stdout))
    expect(JSON.stringify(results)).not.toContain('k8s-harden-nodes')
    expect(results.filter(({ status }) => status === 'error')).toEqual([])
    const events = (await cluster().auditSince(mark)).filter(({ user }) => user.username === 'kubernetes-admin')
    const ran = events.map(({ requestURI }) => decodeURIComponent(requestURI)).filter((uri) => uri.includes('/exec?'))
    // The first file that is read and the last folder that is listed.
    expect(ran.filter((uri) => /command=head.*command=\/var\/lib\/kubelet\/config\.yaml/.test(uri))).not.toEqual([])
    expect(ran.filter((uri) => uri.includes('command=/etc/cni/net.d'))).not.toEqual([])
    const writes = events.filter(
      ({ verb, requestURI }) => !['get', 'list', 'watch'].includes(verb) && !/selfsubject|\/exec\?/.test(requestURI),
    )
    expect(
      new Set(writes.map(({ verb, requestURI }) => `${verb} ${requestURI.replace(/helper-\w+/, 'NAME').replace(/\?.*/, '')}`)),
    ).toEqual(new Set([`create ${namespaces}`, `create ${pods}`, `delete ${pods}/NAME`, `delete ${namespaces}/k8s-harden-nodes`]))
  })

  test('where Pod Security forbids it the refusal has its words, and the namespace of others stays', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
    await cluster().api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'k8s-harden-nodes', labels } })
    const one = host()
    await expect(one.stat('/etc/kubernetes')).rejects.toThrow(/does not let a helper pod onto node-0: .*violates PodSecurity "restricted/)
    expect([await namespaceIs(), await podsThere()]).toEqual([200, []])
    await cluster().kubectl(['delete', 'namespace', 'k8s-harden-nodes', '--wait'])
  })
})
