/** With a node of one's own, pods are drawn to it (E17, E18): the tokens that they hold are then on it. */

import { type Edge, waysTo } from './rbac-graph-gains.ts'
import type { PartName } from './rbac-graph-parts.ts'
import { inText, type Power, type Powered, scopeOf, type Way } from './rbac-graph-subjects.ts'

/** `node`: how the node is come by. */
export function ontoNode({ parts }: Powered, node: Way): readonly Edge[] {
  const found: Edge[] = []
  const held = (part: PartName): readonly Power[] => parts.get(part) ?? []
  const add = (to: string, id: string, can: string, power: Power) => {
    for (const { steps, roots } of waysTo([power]))
      found.push({ to, id, can, uses: [power], before: [...new Set([...node.steps, ...steps])], roots: [...roots, ...node.roots] })
  }
  // A taint that nothing tolerates on every other node; with names, those that are left are as good.
  for (const power of held('changeNode')) if (power.names === undefined) add('moved:', 'E18', 'drive all pods to that node', power)
  for (const power of held('deleteNode')) if (power.names === undefined) add('moved:', 'E18', 'delete every other node', power)
  for (const [part, can] of [
    ['movePod', 'delete pods until they start on that node'],
    ['evictPod', 'evict pods until they start on that node'],
  ] as const)
    for (const power of held(part))
      for (const name of power.names ?? [''])
        add(`moved:${scopeOf(power)}${name === '' ? '' : `/${name}`}`, 'E18', can + inText(scopeOf(power)), power)
  // Only a pod that waits for a node can be given one: what makes it again is the same right as above.
  for (const power of held('bindPod'))
    if (power.names === undefined) add(`moved:${scopeOf(power)}`, 'E17', `place pods on that node${inText(scopeOf(power))}`, power)
  return found
}
