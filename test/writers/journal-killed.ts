/** Run by journal.test.ts: writes so many lines of a journal (or takes a lock), says so, and waits to be killed. */
import { FileJournal } from '../../src/writers/journal.ts'
import { lockTarget } from '../../src/writers/journal-lock.ts'

const [, , state, what] = process.argv
if (what === 'lock') {
  await lockTarget(state!, 'target')
  process.send!(0)
} else {
  const { header, lines } = JSON.parse(process.env['JOURNAL']!)
  const journal = await FileJournal.begin(state!, header)
  for (const line of lines.slice(0, Number(what))) await journal.append(line)
  process.send!(Number(what))
}
setInterval(() => {}, 1000)
