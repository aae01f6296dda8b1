/** `kill -9` of the command while it encrypts, brings a new key, turns off: then apply again, or undo. No Secret is lost. */
import { appendFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { type Done, Ring } from './node-encryption-ring.ts'

vi.setConfig({ hookTimeout: 240_000 })

const LONG = { timeout: 900_000 }
const PLAIN = /^plain$/
const BOXED = /^k8s:enc:secretbox:v1:/
/** Instants of dies-at.mjs, by hand; without them those few that stand for the rest, since each restart and reload takes up to a minute. */
const all = process.env['KILL_POINTS']?.split(',')

describeNode('encryption, killed', {}, (cluster) => {
  let server: StaticApiServer
  let ring: Ring
  beforeAll(async () => {
    server = await cluster().nodes[0]!.runApiServer()
    ring = new Ring(cluster(), server)
    await ring.fill(5)
  })
  afterAll(async () => {
    await server?.remove()
  })
  const note = (words: string) => (process.env['KILL_TABLE'] ? appendFileSync(process.env['KILL_TABLE'], `${words}\n`) : undefined)
  const brief = (done: Done) => `${done.code ?? done.signal} (${done.seconds} s)`

  for (const point of all ?? ['half manifests#1', 'after kube-apiserver.yaml#1']) {
    test(`enabling, killed at ${point}: undone`, LONG, async () => {
      const killed = await ring.enable({ diesAt: point })
      const soon = await ring.faults()
      const id = await ring.last()
      const undone = id === undefined ? undefined : await ring.undo(id)
      const end = await ring.faults(PLAIN)
      const clean = ring.isUntouched()
      note(
        `enable | ${point} | ${brief(killed)} | undo ${undone ? brief(undone) : 'none'} | ${[...soon, ...end, ...(clean ? [] : ['manifest differs'])].join('; ') || 'ok'}`,
      )
      if (killed.signal !== 'SIGKILL' || (undone && undone.code !== 0)) note(`${killed.said}\n---\n${undone?.said}`)
      expect([killed.signal, undone?.code ?? 0, soon, end, clean], `${killed.said}\n${undone?.said}`).toEqual(['SIGKILL', 0, [], [], true])
    })
  }
  test('killed on the way, and run again: enabled; by hand also a new key, and turned off', LONG, async () => {
    const steps = [
      ['enable', 'after encryption-config.yaml#2', BOXED],
      ['rotate', 'before verified#2', BOXED],
      ['disable', 'after encryption-config.yaml#1', PLAIN],
    ] as const
    for (const [what, point, form] of all === undefined ? steps.slice(0, 1) : steps) {
      const killed = await ring[what]({ diesAt: point })
      const soon = await ring.faults()
      const again = await ring[what]()
      const end = await ring.faults(form)
      note(`${what} | ${point} | ${brief(killed)} | again ${brief(again)} | ${[...soon, ...end].join('; ') || 'ok'}`)
      if (again.code !== 0) note(`${killed.said}\n---\n${again.said}`)
      expect([killed.signal, again.code, soon, end], `${killed.said}\n---\n${again.said}`).toEqual(['SIGKILL', 0, [], []])
    }
  })
})
