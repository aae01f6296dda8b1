/** The floor of reading JSON lines: a bare Node process that parses every line and keeps nothing. Usage: json-lines-floor.ts FILE */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

let objects = 0
for await (const line of createInterface({ input: createReadStream(process.argv[2]!, { highWaterMark: 2 ** 20 }), crlfDelay: Infinity })) {
  if (JSON.parse(line) !== null) objects++
}
process.stdout.write(`${objects}\n`)
