import { controls } from '../../controls/index.gen.ts'
import { explainControl } from '../../report/reference.ts'
import { EXIT } from '../exit-codes.ts'
import { currentId } from '../options.ts'

export async function explainCommand(id: string): Promise<number> {
  const current = currentId(controls, id)
  process.stdout.write(explainControl(controls.find((control) => control.id === current)!))
  return EXIT.clean
}
