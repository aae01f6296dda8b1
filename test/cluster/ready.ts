/** Before all tests: what they run on is there, or it is said why not. Built here, a cold build takes nothing from a test's time limit. */
import { findBinaries } from './binaries.ts'
import { policyProgram } from './nodes/policies.ts'
import { installBuildNeeds, nodePrograms, whyNoNode } from './nodes/programs.ts'

const report = (line: string) => console.log(line)
const found = await findBinaries(report)
if ('skip' in found) console.warn(`tests on a real API server will be SKIPPED: ${found.skip}`)

await installBuildNeeds((line) => console.warn(line))
const noNode = whyNoNode()
if (noNode) console.warn(`tests on a real node will be SKIPPED: ${noNode}`)
else {
  await nodePrograms(report)
  await policyProgram(report)
}
