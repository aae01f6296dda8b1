/** The pods of one snapshot among the classes that network-classes.ts keeps from one snapshot to the next. */
import { Bits } from './network-bits.ts'
import type { Classes, EndClass } from './network-classes.ts'
import type { NodeEnd, PodEnd } from './network-ends.ts'
import { numberAt } from './network-rows.ts'
import type { Connection } from './network-verdict.ts'

/** Pods of this snapshot that no policy can tell apart. */
export interface EndGroup {
  readonly ends: readonly PodEnd[]
}
/** Groups that all may do the same. */
export interface Reaching {
  readonly from: readonly EndGroup[]
  readonly connection: Connection
}
export interface Placed {
  readonly groups: readonly EndGroup[]
  groupOf(pod: PodEnd): EndGroup
  into(group: EndGroup): readonly Reaching[]
  between(from: EndGroup, to: EndGroup): Connection
  totals(): { readonly pairs: number; readonly open: number }
}
export type Places = WeakMap<PodEnd, { readonly node: NodeEnd | undefined; readonly place: EndClass }>

/** The class of an end, in this snapshot or beside it. */
export function placeOf(classes: Classes, places: Places, end: PodEnd, nodeNamed: (name: string) => NodeEnd | undefined): EndClass {
  // Only of a pod on the host network the node has a part in it.
  const node = end.hostNetwork && end.node !== undefined ? nodeNamed(end.node) : undefined
  const known = places.get(end)
  if (known !== undefined && known.node === node) return known.place
  const place = classes.classOf(end, nodeNamed)
  places.set(end, { node, place })
  return place
}

export function placedIn(
  classes: Classes,
  places: Places,
  ends: readonly PodEnd[],
  nodeNamed: (name: string) => NodeEnd | undefined,
): Placed {
  const placed = (end: PodEnd) => placeOf(classes, places, end, nodeNamed)
  const byIndex = new Map<number, { readonly index: number; readonly ends: PodEnd[] }>()
  for (const end of ends) {
    const { index } = placed(end)
    const group = byIndex.get(index)
    if (group === undefined) byIndex.set(index, { index, ends: [end] })
    else group.ends.push(end)
  }
  const indexOf = new Map([...byIndex.values()].map((group): [EndGroup, number] => [group, group.index]))
  return {
    groups: [...byIndex.values()],
    groupOf: (pod) => byIndex.get(placed(pod).index)!,
    into: (group) =>
      [...classes.into(classes.at(indexOf.get(group)!)).row]
        .map(([number, set]) => ({
          connection: classes.connection(number),
          from: [...set].map((index) => byIndex.get(index)).filter((one) => one !== undefined),
        }))
        .filter(({ from }) => from.length > 0),
    between: (from, to) => classes.connection(numberAt(classes.into(classes.at(indexOf.get(to)!)).row, indexOf.get(from)!)!),
    totals() {
      const weights = slices(byIndex.values())
      let open = 0
      for (const { index, ends: here } of byIndex.values())
        open += here.length * weights.reduce((sum, bits, at) => sum + classes.into(classes.at(index)).open.sizeAmong(bits) * 2 ** at, 0)
      return { pairs: ends.length ** 2, open }
    },
  }
}

/** How many ends each group has, as binary numbers: the n-th set holds the groups whose number has the n-th digit. */
function slices(groups: Iterable<{ readonly index: number; readonly ends: readonly PodEnd[] }>): readonly Bits[] {
  const made: Bits[] = []
  for (const { index, ends } of groups)
    for (let [rest, at] = [ends.length, 0]; rest > 0; rest >>>= 1, at++) if ((rest & 1) === 1) (made[at] ??= new Bits()).add(index)
  return Array.from(made, (bits) => bits ?? new Bits())
}
