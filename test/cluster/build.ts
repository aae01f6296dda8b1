/** Builds the test control plane into the cache: `node test/cluster/build.ts`. */
import { buildIntoCache } from './binaries.ts'
import { goIsThere } from './go-build.ts'

if (goIsThere()) {
  const started = Date.now()
  await buildIntoCache((line) => console.log(line))
  console.log(`test control plane ready after ${Math.round((Date.now() - started) / 1000)} s`)
} else {
  console.error('there is no Go toolchain to build the test control plane with')
  process.exitCode = 1
}
