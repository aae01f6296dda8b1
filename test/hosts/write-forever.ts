/** For contract.ts, which kills it: writes the file anew, one content after the other. Arguments: a carrier's specification, a path. */
import { openHost, parseHostSpec } from '../../src/hosts/open.ts'

const [spec = '', path = ''] = process.argv.slice(2)
const host = openHost('node', parseHostSpec(`node=${spec}`)!)
const contents = ['b'.repeat(2_000_000), 'a'.repeat(3_000_000)]
let before = await host.read(path)
process.stdout.write('started\n')
for (let turn = before?.text.startsWith('b') ? 1 : 0; ; turn++) {
  await host.write(path, contents[turn % 2]!, { mode: 0o600, expected: before!.sha256 })
  before = await host.read(path)
}
