import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ExecRequest, execInPod } from '../../src/apiserver/exec.ts'
import { ExecServer, exitCode, type Program, refusing, success } from '../helpers/exec-server.ts'

const echo: Program = (say, got) => {
  say.out(got)
  say.status(success)
}
const hostile = ['cat', "/etc/it's & <here> %2F", '$(reboot)', 'a=b', '--', '']
const stdin = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index & 255))

describe('running a program in a pod', () => {
  let server: ExecServer
  const run = (more: Partial<ExecRequest> = {}, client = server.client()) =>
    execInPod(client, { namespace: 'kube-system', pod: 'web', container: 'app', argv: ['id'], timeoutMs: 20_000, limit: 1e6, ...more })
  beforeEach(async () => {
    server = await ExecServer.start()
  })
  afterEach(() => server.stop())

  test('arguments arrive as they are, bytes and exit code come back', async () => {
    server.program = (say) => {
      say.out(Buffer.of(0, 255, 10))
      say.err('not all')
      say.out(Buffer.of(13))
      say.status(exitCode(7))
    }
    const answer = await run({ argv: hostile }, server.client('t0ken'))
    expect(answer).toEqual({ ok: true, exitCode: 7, stdout: Buffer.of(0, 255, 10, 13), stderr: Buffer.from('not all') })
    const [asked] = server.asked
    expect(asked).toMatchObject({ path: '/api/v1/namespaces/kube-system/pods/web/exec', argv: hostile, authorization: 'Bearer t0ken' })
    expect(asked?.query.get('stdin')).toBe('false')
  })

  test('standard input arrives whole, and its end is said', async () => {
    server.program = echo
    expect(await run({ argv: ['cat'], stdin })).toEqual({ ok: true, exitCode: 0, stdout: stdin, stderr: Buffer.alloc(0) })
    expect(await run({ argv: ['cat'], stdin: Buffer.alloc(0) })).toMatchObject({ ok: true, stdout: Buffer.alloc(0) })
    expect(server.asked[0]?.argv).toEqual(['sh', '-c', '"$@"; exit $?', 'sh', 'cat'])
    expect(server.asked.map(({ offered }) => offered)).toEqual([['v5.channel.k8s.io'], ['v5.channel.k8s.io']])
  })

  test('where only v4 is spoken the bytes are counted, and v5 is asked for once', async () => {
    server.speaks = ['v4.channel.k8s.io']
    server.program = echo
    const client = server.client()
    for (let time = 0; time < 2; time++) expect(await run({ argv: hostile, stdin }, client)).toMatchObject({ ok: true, stdout: stdin })
    expect(server.asked.map(({ offered }) => offered[0])).toEqual(['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.channel.k8s.io'])
    expect(server.asked[1]?.argv).toEqual(['sh', '-c', 'n=$1; shift; head -c "$n" | "$@"; exit $?', 'sh', '200000', ...hostile])
    expect(await run({}, client)).toMatchObject({ ok: true, exitCode: 0 })
  })

  test('a connection that ends without an exit code is never a success', async () => {
    server.program = (say) => {
      say.out('half')
      say.cut()
    }
    expect(await run()).toMatchObject({
      ok: false,
      begun: true,
      refusal: { kind: 'unreachable', message: expect.stringContaining('was cut') },
    })
    server.program = (say) =>
      say.status({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: '0' }] } })
    expect(await run()).toMatchObject({ ok: false, begun: true })
    server.program = (say) => say.status({ status: 'Failure', reason: 'InternalError', code: 500, message: 'exec failed: "id" not found' })
    expect(await run()).toMatchObject({ ok: false, begun: true, refusal: { kind: 'server', said: 'exec failed: "id" not found' } })
    server.program = (say) => say.status([] as object)
    expect(await run()).toMatchObject({ ok: false })
  })

  test.each([
    [403, 'Forbidden', 'forbidden', 'pods "web" is forbidden: User "eve" cannot create resource "pods/exec"'],
    [404, 'NotFound', 'not-found', 'pods "web" not found'],
    [400, 'BadRequest', 'invalid', 'container app is not valid for pod web'],
    [500, 'InternalError', 'server', 'container not found ("app")'],
  ])('a refusal %d of the API server keeps its words', async (code, reason, kind, words) => {
    server.refuse = refusing(code, reason, words)
    const answer = await run({ stdin })
    expect(answer).toMatchObject({ ok: false, begun: false, refusal: { kind, reason, status: code, said: words } })
    expect(server.asked).toHaveLength(1)
  })

  test('a proxy that turns websockets down is named as such', async () => {
    server.refuse = 'HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n<html>no</html>'
    const answer = await run()
    expect(answer).toMatchObject({ ok: false, begun: false, refusal: { message: expect.stringContaining('turns websockets down (502)') } })
  })

  test('time, size and the caller set limits', async () => {
    server.program = () => {}
    expect(await run({ timeoutMs: 100 })).toMatchObject({ ok: false, begun: true, refusal: { kind: 'timeout' } })
    const aborted = run({ signal: AbortSignal.timeout(50) })
    await expect(aborted).rejects.toMatchObject({ name: 'TimeoutError' })
    server.program = (say) => echo(say, Buffer.alloc(2000))
    expect(await run({ limit: 1000 })).toMatchObject({ ok: false, begun: true, refusal: { reason: 'TooLarge' } })
    server.silent = true
    expect(await run({ timeoutMs: 100 })).toMatchObject({ ok: false, begun: false, refusal: { kind: 'timeout' } })
    const client = server.client()
    await server.stop()
    expect(await run({}, client)).toMatchObject({ ok: false, begun: false, refusal: { kind: 'unreachable' } })
  })
})
