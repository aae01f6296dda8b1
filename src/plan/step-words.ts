/** What is said of a step: what its findings say, without saying anything twice. */

/**
 * Sentences that differ only in the container they name are one, of all of them: `drop all capabilities of containers app, proxy`.
 * One that another one begins with and goes on from is left out.
 */
export function saidOnce(texts: readonly string[]): string[] {
  const alike = Map.groupBy(new Set(texts), (text) => text.replace(CONTAINER, 'containers'))
  const merged = [...alike.values()].map((group) => {
    const names = group.map((text) => CONTAINER.exec(text)?.[1])
    return group.length === 1 ? group[0]! : group[0]!.replace(CONTAINER, `containers ${names.join(', ')}`)
  })
  return merged.filter((text) => !merged.some((other) => other.startsWith(`${text}: `)))
}
const CONTAINER = /\bcontainer ([a-z0-9][a-z0-9.-]*[a-z0-9]|[a-z0-9])(?=$|[\s,;:)])/

/** Among what a step may break stand the sentences that name another choice. */
export const isOtherChoice = (words: string): boolean => words.includes('--set ')

/** `leave the API token out of Deployment shop/web` is said of Deployment shop/web: `leave the API token out`. */
export const withoutSubject = (summary: string, subject: string): string =>
  summary
    .replace(`${subject}: `, '')
    .replace(new RegExp(`(?: (?:to|for|in|of|from))? ${escaped(subject)}(?![\\w/.-])`, 'i'), '')
    .trim()
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
