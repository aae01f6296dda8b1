/** Admission policies that are gone are heeded for about a second longer: each API server keeps a copy of its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObjectRef } from '../model/index.ts'
import { WriteRefused } from '../plan/writer.ts'

const LONGEST_MS = 15_000
const REFUSAL = /ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)'/

/** Writes again for as long as what refuses it is a policy, or a binding, that is not there any more. */
export async function outlasting(write: () => Promise<void>, isThere: (ref: ObjectRef) => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LONGEST_MS
  for (;;) {
    try {
      await write()
      return
    } catch (error) {
      const [, policy, binding] = error instanceof WriteRefused ? (REFUSAL.exec(error.message) ?? []) : []
      if (policy === undefined || binding === undefined || performance.now() > deadline) throw error
      const apiVersion = 'admissionregistration.k8s.io/v1'
      const both = await Promise.all([
        isThere({ apiVersion, kind: 'ValidatingAdmissionPolicy', name: policy }),
        isThere({ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', name: binding }),
      ])
      if (both.every(Boolean)) throw error
    }
    await sleep(250)
  }
}
