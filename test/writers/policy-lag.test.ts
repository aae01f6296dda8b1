import { expect, test } from 'vitest'
import { WriteRefused } from '../../src/plan/writer.ts'
import { outlasting } from '../../src/writers/policy-lag.ts'

const refusal = () => new WriteRefused('the API server', "forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no")
const failing = (times: number, error: () => Error) => {
  let asked = 0
  const write = async () => {
    asked++
    if (asked <= times) throw error()
  }
  return { write, asked: () => asked }
}

test('a policy that is gone is waited for', async () => {
  const { write, asked } = failing(2, refusal)
  await outlasting(write, async ({ kind }) => kind === 'ValidatingAdmissionPolicy')
  expect(asked()).toBe(3)
})
test('one that is there has its say at once, and so has any other refusal', async () => {
  for (const [error, isThere] of [
    [refusal, true],
    [() => new WriteRefused('the API server', 'spec.ports: required'), false],
    [() => new Error("ValidatingAdmissionPolicy 'p' with binding 'b'"), false],
  ] as const) {
    const { write, asked } = failing(1, error)
    await expect(outlasting(write, async () => isThere)).rejects.toThrow()
    expect(asked()).toBe(1)
  }
})
