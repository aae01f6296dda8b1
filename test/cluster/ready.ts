/** Before all tests: the test control plane is there, or it is said why not. Built here, a cold build takes nothing from a test's time limit. */
import { findBinaries } from './binaries.ts'

const found = await findBinaries((line) => console.log(line))
if ('skip' in found) console.warn(`tests on a real API server will be SKIPPED: ${found.skip}`)
