/** Run by encryption-stages.test.ts: carries out one step and is killed while it waits for the API server. */
import type { EncryptionAction } from '../../src/model/index.ts'
import { perform, worldOf } from './encryption-nodes.ts'

const [, , kubeconfig, roots, action] = process.argv
await perform(JSON.parse(action!) as EncryptionAction, worldOf(kubeconfig!, JSON.parse(roots!) as Record<string, string>, 'run-killed'))
