/**
 * One runbook of two. What both say is said once, in its place: what either says before it stays before it, and what either says after it
 * stays after it. So a copy is made before every change, and one waits only when all of them are made.
 */
export function mergeRunbooks(ours: readonly string[], theirs: readonly string[]): string[] {
  const merged: string[] = []
  let [own, other] = [0, 0]
  for (const [place, line] of ours.entries()) {
    const found = theirs.indexOf(line, other)
    if (found < 0) continue
    merged.push(...ours.slice(own, place), ...theirs.slice(other, found), line)
    ;[own, other] = [place + 1, found + 1]
  }
  return [...new Set([...merged, ...ours.slice(own), ...theirs.slice(other)])]
}
