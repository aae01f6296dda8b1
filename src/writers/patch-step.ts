/** One step as files: the change and the way back, each saying what it is for. */
import type { Change, Finding, FindingId, ObjectRef, Step } from '../model/index.ts'
import { printable } from '../objects/display.ts'
import { valuesHint } from '../objects/helm.ts'
import { refOf, refText } from '../objects/ref.ts'
import { documentText } from '../objects/yaml-layout.ts'
import { isOtherChoice } from '../plan/step-words.ts'
import { editsInWords, isBuiltIn, isFileOnly, type Patch, patchOf } from './patch-text.ts'

export interface StepFile {
  readonly name: string
  readonly text: string
  readonly mode: number
  readonly secretKeys: number
  /** The file of the same output whose keys it has too. */
  readonly keysOf?: string
}
export interface StepFiles {
  readonly step: Step
  readonly files: readonly StepFile[]
  /** Entries of a kustomization. */
  readonly patches: readonly {
    readonly path: string
    /** The kustomization that it is for; absent: any that has the object. */
    readonly build?: string
    readonly target?: {
      readonly group?: string
      readonly version: string
      readonly kind: string
      readonly name: string
      readonly namespace?: string
    }
  }[]
  readonly resources: readonly string[]
  readonly apply: readonly Instruction[]
  readonly undo: readonly Instruction[]
}
/** A whole command to copy; or a sentence, in which commands stand between backticks. */
export type Instruction = { readonly command: string } | { readonly words: string }

export type FindingsById = ReadonlyMap<FindingId, Finding>

/** `number`: place in the plan, which names then begin with. */
export function filesOfStep(step: Step, findings: FindingsById, number?: number): StepFiles {
  const made: Made = { files: [], patches: [], resources: [], apply: [], undo: [] }
  for (const [index, change] of step.changes.entries()) {
    const word = [
      ...(number === undefined ? [] : [String(number).padStart(3, '0')]),
      ...(step.changes.length > 1 ? [String(index + 1)] : []),
    ].join('-')
    take(made, change, step, findings, word)
  }
  return { step, ...made }
}

interface Made {
  readonly files: StepFile[]
  readonly patches: StepFiles['patches'][number][]
  readonly resources: string[]
  readonly apply: Instruction[]
  readonly undo: Instruction[]
}
const command = (text: string): Instruction => ({ command: text })
const words = (text: string): Instruction => ({ words: printable(text) })

function take(made: Made, change: Change, step: Step, findings: FindingsById, word: string): void {
  switch (change.type) {
    case 'edit':
      takeEdit(made, change, step, findings, word)
      break
    case 'create':
      takeCreate(made, change, step, findings, word)
      break
    case 'delete':
      takeDelete(made, change, step, findings, word)
      break
    case 'file':
      takeFile(made, change)
      break
    case 'command':
      made.apply.push(command(`${change.argv.map(quoted).join(' ')}   (${printable(change.where)})`))
      if (change.undo !== undefined) made.undo.push(command(change.undo.map(quoted).join(' ')))
  }
}

function takeEdit(made: Made, change: Extract<Change, { type: 'edit' }>, step: Step, findings: FindingsById, word: string): void {
  // A patch comes before the namespace that a kustomization sets.
  const { namespace: _set, ...unplaced } = change.target
  const inBuild = change.target.build === undefined ? change : { ...change, target: unplaced }
  const { target } = change
  const back = step.inverse.find((inverse) => inverse.type === 'edit' && isSame(inverse.target, target))
  const backEdits = back?.type === 'edit' ? back.edits : []
  const patch = patchOf(inBuild, backEdits)
  const name = nameOf(word, target)
  if (patch.is === 'words') {
    const file = `by-hand/${name}.md`
    made.files.push(
      plainFile(
        file,
        `# ${printable(step.title)}\n\n${whereToEdit(target)}\n\n${patch.lines.map((line) => `- ${printable(line)}`).join('\n')}\n\nTo take it back:\n\n${editsInWords(
          backEdits,
        )
          .map((line) => `- ${printable(line)}`)
          .join('\n')}\n`,
      ),
    )
    made.apply.push(command(`follow ${file}`))
    made.undo.push(command(`follow ${file}`))
    return
  }
  const undo = back?.type === 'edit' ? patchOf(back, change.edits) : undefined
  const { build } = target
  const [file, undoFile] = [`${build === undefined ? '' : `${folderOf(build)}/`}patches/${name}.yaml`, `undo/${name}.yaml`]
  const commands = {
    apply: patchCommand(target, patch, file),
    undo: undo === undefined ? 'apply your own manifest again' : patchCommand(target, undo, undoFile),
  }
  made.files.push(plainFile(file, header(step, findings, commands) + documentText(patch.value)))
  if (undo !== undefined && undo.is !== 'words')
    made.files.push(plainFile(undoFile, `# Takes back ${file}: ${printable(step.title)}\n${documentText(undo.value)}`))
  if (kustomizeTakes(target, patch.value))
    made.patches.push({ path: file, target: targetOf(inBuild.target), ...(build !== undefined && { build }) })
  made.apply.push(instruction(commands.apply))
  made.undo.push(instruction(commands.undo))
}

function takeCreate(made: Made, { object }: Extract<Change, { type: 'create' }>, step: Step, findings: FindingsById, word: string): void {
  const target = refOf(object)
  const file = `resources/${nameOf(word, target)}.yaml`
  const commands = { apply: `kubectl create -f ${quoted(file)}`, undo: `kubectl delete ${kubectlName(target)}` }
  made.files.push(plainFile(file, header(step, findings, commands) + documentText(object)))
  if (kustomizeTakes(target, object)) made.resources.push(file)
  made.apply.push(instruction(commands.apply))
  made.undo.push(instruction(commands.undo))
}

function takeDelete(made: Made, { target }: Extract<Change, { type: 'delete' }>, step: Step, findings: FindingsById, word: string): void {
  const name = nameOf(word, target)
  const back = step.inverse.find((inverse) => inverse.type === 'create' && isSame(refOf(inverse.object), target))
  const [file, undoFile] = [`patches/${name}.yaml`, `undo/${name}.yaml`]
  // The values of a Secret are never read, so it cannot be written down.
  const restores = back?.type === 'create' && target.kind !== 'Secret'
  const commands = {
    apply: `kubectl delete ${kubectlName(target)}`,
    undo: restores ? `kubectl create -f ${quoted(undoFile)}` : 'apply your own copy again: keep one before you delete it',
  }
  const { apiVersion, kind, namespace, name: objectName } = target
  made.files.push(
    plainFile(
      file,
      header(step, findings, commands) +
        documentText({ $patch: 'delete', apiVersion, kind, metadata: { name: objectName, ...(namespace !== undefined && { namespace }) } }),
    ),
  )
  if (restores) made.files.push(plainFile(undoFile, `# Takes back ${file}: ${printable(step.title)}\n${documentText(back.object)}`))
  if (kustomizeTakes(target)) made.patches.push({ path: file, target: targetOf(target) })
  made.apply.push(instruction(commands.apply))
  made.undo.push(instruction(commands.undo))
}

function takeFile(made: Made, { name, text, mode, later, runbook, rollback }: Extract<Change, { type: 'file' }>): void {
  const safe = safeName(name)
  const secretKeys = text.secretKeys ?? 0
  made.files.push({ name: `files/${safe}`, text: text.text, mode: secretKeys > 0 ? 0o600 : mode & 0o777, secretKeys })
  if (later !== undefined)
    made.files.push({
      name: `files/${safeName(later.name)}`,
      text: later.text,
      mode: made.files.at(-1)!.mode,
      secretKeys,
      keysOf: `files/${safe}`,
    })
  made.apply.push(...(runbook.length === 0 ? [`put files/${safe} in its place`] : runbook).map(words))
  made.undo.push(...rollback.map(words))
}

const safeName = (name: string): string =>
  name
    .split('/')
    .map(fileWord)
    .filter((part) => part !== '')
    .join('/')

/** Where no command does it, a sentence says what to do instead. */
const instruction = (text: string): Instruction => (/^(a pod|apply your own) /.test(text) ? words(text) : command(text))

const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/
/** No API server has an object with control characters in it, but a file may; kustomize would refuse all the others with it. */
function kustomizeTakes(...values: readonly unknown[]): boolean {
  let takes = true
  JSON.stringify(values, (key, value: unknown) => {
    if (CONTROL.test(key) || (typeof value === 'string' && CONTROL.test(value))) takes = false
    return value
  })
  return takes
}

const plainFile = (name: string, text: string): StepFile => ({ name, text, mode: 0o644, secretKeys: 0 })
const isSame = (a: ObjectRef, b: ObjectRef): boolean =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '')

function header(step: Step, findings: FindingsById, commands: { readonly apply: string; readonly undo: string }): string {
  const seen = step.mends.map((id) => findings.get(id)).filter((finding) => finding !== undefined)
  const why =
    seen.length === 0
      ? step.controls.map((control) => `Mends: ${control}`)
      : seen.map(({ id, control, reason, detail }) => `Mends: ${control}: ${reason}${detail === undefined ? '' : ` (${detail})`} [${id}]`)
  const lines = [
    step.title,
    ...why,
    `Risk: ${step.risk}`,
    ...step.mayBreak.map((line) => `${isOtherChoice(line) ? 'Otherwise' : 'May break'}: ${line}`),
    `Apply: ${commands.apply}`,
    `Undo: ${commands.undo}`,
    ...(step.managedBy === '' ? [] : [`Owner: ${step.managedBy}. Take this into its source; a change in the cluster would be reverted.`]),
    ...helmLines(step),
  ]
  return lines.map((line) => `# ${printable(line)}\n`).join('')
}

/** Where in the chart the change belongs. */
export function helmLines(step: Step): string[] {
  if (step.managedBy !== 'helm') return []
  return [
    ...(step.release === undefined ? [] : [`Helm release: ${step.release}`]),
    ...step.changes.flatMap((change) =>
      change.type === 'edit' ? valuesHint(change.edits, change.target.helm).map((line) => `Helm: ${line}`) : [],
    ),
  ]
}

function patchCommand(target: ObjectRef, patch: Patch, file: string): string {
  if (target.kind === 'Pod')
    return 'a pod is made anew: change the manifest it comes from (a static pod: its file on the node), as this patch says'
  const type = patch.is === 'json' ? 'json' : isBuiltIn(target) ? 'strategic' : 'merge'
  return `kubectl patch ${kubectlName(target)} --type ${type} --patch-file ${quoted(file)}`
}

/** `deployment.apps/cart -n shop`, as kubectl takes it. */
function kubectlName({ apiVersion, kind, namespace, name }: ObjectRef): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : ''
  return [quoted(`${kind.toLowerCase()}${group}`), quoted(name), ...(namespace === undefined ? [] : ['-n', quoted(namespace)])].join(' ')
}

const whereToEdit = (target: ObjectRef): string =>
  isFileOnly(target)
    ? `${printable(refText(target))} is a file${target.file === undefined ? '' : ` (${printable(target.file)})`}, not an object of the API. In it:`
    : `No patch can say this of ${printable(refText(target))}. In its manifest:`

function targetOf({ apiVersion, kind, namespace, name }: ObjectRef): NonNullable<StepFiles['patches'][number]['target']> {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : [undefined, apiVersion]
  // kustomize takes names for regular expressions.
  return {
    ...(group !== undefined && { group }),
    version: version!,
    kind,
    name: name.replaceAll(/[.\\+*?^$()[\]{}|]/g, '\\$&'),
    ...(namespace !== undefined && { namespace }),
  }
}

/** Each build has patches of its own: those of another would fit it as well. */
export const folderOf = (build: string): string => `for-${fileWord(build.replaceAll('/', '-')) || 'root'}`

const nameOf = (word: string, { kind, namespace, name }: ObjectRef): string =>
  [word, kind, namespace, name]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => fileWord(part!))
    .join('-')
    .slice(0, 200)
const fileWord = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[.-]+|[.-]+$/g, '')

/** For a POSIX shell. */
const quoted = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${printable(argument).replaceAll("'", `'\\''`)}'`
