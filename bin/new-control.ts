/** `npm run new -- rbac/rbac-csr-approve`: a control and its two fixtures, ready to be filled in. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PRACTICES } from '../src/engine/score.ts'

const root = join(import.meta.dirname, '..')
const [practice = '', id = ''] = (process.argv[2] ?? '').split('/')
const source = join(root, 'src/controls', practice, `${id}.ts`)
if (!(PRACTICES as readonly string[]).includes(practice) || !/^[a-z][a-z0-9-]+$/.test(id)) {
  process.stderr.write(`usage: npm run new -- PRACTICE/ID   (practices: ${PRACTICES.join(', ')}; ids in kebab-case)\n`)
  process.exit(2)
}
if (existsSync(source)) {
  process.stderr.write(`src/controls/${practice}/${id}.ts exists already\n`)
  process.exit(2)
}

const CONTROL = `import { control } from '../../model/define.ts'
import { refOf } from '../../objects/ref.ts'

export default control({
  title: 'What must, or must not, be',
  severity: 'medium',
  why: 'What an attacker gains otherwise.',
  references: [{ standard: 'CIS', section: '' }],
  reads: ['ServiceAccount'],
  *evaluate(view) {
    for (const account of view.all('ServiceAccount')) {
      if (account.automountServiceAccountToken !== false) {
        yield { subject: refOf(account), at: ['automountServiceAccountToken'], reason: 'completes the sentence "ServiceAccount x …"', evidence: null }
      }
    }
  },
  remedy: { byHand: 'The sentence that tells a human what to do.' },
})
`
const FIXTURE = `# The smallest valid objects that show it; one tweak between pass and fail.
apiVersion: v1
kind: ServiceAccount
metadata: {name: app, namespace: shop}
`
const folder = join(root, 'test/controls', practice, id)
await mkdir(folder, { recursive: true })
await writeFile(source, CONTROL)
await writeFile(join(folder, 'fail.yaml'), FIXTURE)
await writeFile(join(folder, 'pass.yaml'), `${FIXTURE}automountServiceAccountToken: false\n`)
process.stdout.write(`wrote src/controls/${practice}/${id}.ts and test/controls/${practice}/${id}/{pass,fail}.yaml
next: fill them in, then  npm run gen  ·  UPDATE=1 npx vitest run test/laws -t ${id}  ·  npm run check\n`)
