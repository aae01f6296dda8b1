/** Reads records of flows as `--flows` does, alone. Usage: flows-learn.ts FILE… Prints one JSON line: records, flows, milliseconds. */
import { sizeNursery } from '../../src/cli/nursery.ts'
import { readFlows } from '../../src/sources/flows-read.ts'

// As the program does before it opens a source.
sizeNursery()
const started = performance.now()
const { records, flows, doubts } = await readFlows(process.argv.slice(2))
process.stdout.write(`${JSON.stringify({ records, flows: flows.length, doubts, ms: performance.now() - started })}\n`)
