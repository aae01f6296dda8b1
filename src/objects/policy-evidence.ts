/** Which evidence asked for each rule of a policy that was made here: written into an annotation, read back for titles and comments. */
import type { KubeObject } from '../model/index.ts'

export const EVIDENCE = 'k8s-harden/evidence'

/** `ingress[0]: Ingress shop routes to it; ingress[1]: …`, so that each rule can be asked why it is there. */
export const evidenceText = (direction: 'ingress' | 'egress', reasons: readonly string[]): string =>
  reasons.map((because, index) => `${direction}[${index}]: ${because}`).join('; ')

/** The reason of each rule, by its place: `ingress[0]`. A reason for the policy as a whole is under ''. */
export function reasonsOf({ metadata: { annotations } }: KubeObject): ReadonlyMap<string, string> {
  const [whole = '', ...parts] = (annotations?.[EVIDENCE] ?? '').split(/(?:^|; )((?:in|e)gress\[\d+\]): /)
  const reasons = new Map(parts.flatMap((place, at) => (at % 2 === 0 ? [[place, parts[at + 1]!] as const] : [])))
  return whole === '' ? reasons : new Map([['', whole], ...reasons])
}

/** Each rule of the document with its reason in the line above it; `lines` as `documentText` lays them out. */
export function withReasons(object: KubeObject, lines: readonly string[]): readonly string[] {
  const reasons = reasonsOf(object)
  let [direction, index] = ['', 0]
  return lines.flatMap((line) => {
    if (/^ {0,2}\S/.test(line)) [direction, index] = [/^ {2}((?:in|e)gress):$/.exec(line)?.[1] ?? '', 0]
    if (direction === '' || !line.startsWith('    - ')) return [line]
    const because = reasons.get(`${direction}[${index++}]`)
    return because === undefined ? [line] : [`    # ${because.replaceAll(/[^\x20-\x7e]/g, ' ')}`, line]
  })
}
