/** The floor of reading an audit log: a bare Node process that parses every line and keeps nothing. Usage: audit-log-floor.ts FILE */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

let events = 0
for await (const line of createInterface({ input: createReadStream(process.argv[2]!, { highWaterMark: 2 ** 20 }), crlfDelay: Infinity })) {
  if ((JSON.parse(line) as { stage?: string }).stage === 'ResponseComplete') events++
}
process.stdout.write(`${events}\n`)
