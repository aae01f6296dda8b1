/** What one finding wants of encryption at rest, and the stages of another do on their way anyhow: it is mended by those. */
import type { EncryptionAction, RewriteAction } from '../model/index.ts'
import type { Draft } from './step.ts'

/**
 * Everything stored anew with the provider of now, beside stages that store it anew with another one: the first would be stopped by what
 * the stages have changed, or undo them. Likewise a file's mode beside stages that write the file, always 0600 and root's.
 */
export function giveWay(drafts: Map<string, Draft>): void {
  for (const key of [...drafts.keys()]) {
    const draft = drafts.get(key)!
    const other = standsIn(drafts, key, draft)
    if (other === undefined) continue
    const [at, { findings, serves, summaries, ...rest }] = other
    drafts.delete(key)
    drafts.set(at, {
      ...rest,
      findings: [...findings, ...draft.findings],
      serves: [...serves, ...draft.serves],
      summaries: [...new Set([...summaries, ...draft.summaries])],
    })
    for (const [name, one] of [...drafts])
      if (one.after.has(key)) drafts.set(name, { ...one, after: new Set([...one.after].filter((id) => id !== key)) })
  }
}

/** The last one that does it too: what comes before may still have to be changed by it. */
function standsIn(drafts: ReadonlyMap<string, Draft>, key: string, draft: Draft): readonly [string, Draft] | undefined {
  const own = actionIn(draft)
  const isStage = (name: string, { after }: Draft) => after.size > 0 || [...drafts.values()].some((one) => one.after.has(name))
  const others = [...drafts].filter(([name]) => name !== key)
  if (own?.do === 'rewrite' && !isStage(key, draft))
    return others.findLast(([name, one]) => {
      const action = actionIn(one)
      return action?.do === 'rewrite' && isStage(name, one) && own.resources.every((resource) => action.resources.includes(resource))
    })
  if (own?.do !== 'encryption' || !key.endsWith('/encryption mode')) return undefined
  return others.findLast(([name, one]) => {
    const action = actionIn(one)
    return action?.do === 'encryption' && !name.endsWith('/encryption mode') && action.node === own.node && action.path === own.path
  })
}

function actionIn({ target }: Draft): EncryptionAction | RewriteAction | undefined {
  if (target.is !== 'host') return undefined
  const { action } = target.change
  return action.do === 'encryption' || (action.do === 'rewrite' && action.onlyUndo !== true) ? action : undefined
}
