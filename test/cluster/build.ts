/** Builds the test control plane and the programs of a node into the cache: `node test/cluster/build.ts`. */
import { buildIntoCache } from './binaries.ts'
import { goIsThere } from './go-build.ts'
import { policyProgram } from './nodes/policies.ts'
import { installBuildNeeds, nodePrograms, whyNoNode } from './nodes/programs.ts'

const report = (line: string) => console.log(line)

if (goIsThere()) {
  const started = Date.now()
  await buildIntoCache(report)
  report(`test control plane ready after ${Math.round((Date.now() - started) / 1000)} s`)
  await installBuildNeeds((line) => console.warn(line))
  const noNode = whyNoNode()
  if (noNode) console.warn(`no programs of a node: ${noNode}`)
  else {
    await nodePrograms(report)
    await policyProgram(report)
  }
  report(`all ready after ${Math.round((Date.now() - started) / 1000)} s`)
} else {
  console.error('there is no Go toolchain to build the test control plane with')
  process.exitCode = 1
}
