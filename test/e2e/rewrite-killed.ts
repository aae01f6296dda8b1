/** Run by encryption-rewrite.test.ts: stores Secrets anew, slowly, and is killed meanwhile. */
import { rewriter } from './rewrite-harness.ts'

const [, , kubeconfig, prefix] = process.argv
process.send!('begun')
await rewriter(kubeconfig!, { prefix: prefix! }, { pace: { perSecond: 40, atOnce: 2 } }).run()
process.send!('through')
