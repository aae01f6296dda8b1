import { controls } from '../../controls/index.gen.ts'
import { explainControl } from '../../report/reference.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { currentId, type SourceOptions } from '../options.ts'

export async function explainMain(
  id: string | undefined,
  options: SourceOptions & { readonly subject?: string; readonly output?: 'table' | 'json' },
): Promise<number> {
  if ((id === undefined) === (options.subject === undefined))
    throw new UsageError('explain takes the id of a control, or --subject and a subject: one of the two', [
      'k8s-harden explain rbac-secrets-read',
      'k8s-harden explain --subject ServiceAccount:ci:deployer',
    ])
  if (id !== undefined) return explainCommand(id)
  return (await import('./explain-subject.ts')).explainSubjectCommand({ ...options, subject: options.subject! })
}

export async function explainCommand(id: string): Promise<number> {
  const current = currentId(controls, id)
  process.stdout.write(explainControl(controls.find((control) => control.id === current)!))
  return EXIT.clean
}
