/** `kubectl proxy` in a pod: it answers plain HTTP with the rights of the pod's service account. */
import type { Path, PodSpec } from '../model/index.ts'
import { addressClass } from './address.ts'
import { eachContainer } from './containers.ts'
import { remembered } from './derived.ts'
import { parseFlags } from './flag-parse.ts'

export interface OpenProxy {
  readonly container: string
  /** Of the list that holds its arguments, relative to the pod spec. */
  readonly at: Path
  /** The flags that open it. */
  readonly flags: string
}

/** Proxies that listen to more than their own pod. Their check of the Host header stops nobody. */
export const openProxies = (spec: PodSpec): readonly OpenProxy[] => (eachContainer(spec).length === 0 ? [] : proxiesIn(spec))
const proxiesIn = remembered((spec: PodSpec): readonly OpenProxy[] => [...visit(spec)])

function* visit(spec: PodSpec): Iterable<OpenProxy> {
  for (const { container, at } of eachContainer(spec)) {
    const args = container.args ?? []
    const words = [...(container.command ?? []), ...args].flatMap((word) =>
      /\bkubectl\b.*\bproxy\b/s.test(word) ? word.split(/\s+/) : [word],
    )
    const proxy = words.indexOf('proxy')
    const isKubectl =
      words.slice(0, Math.max(proxy, 0)).some((word) => /(^|\/)kubectl$/.test(word)) || /(^|\/)kubectl(:|@|$)/.test(container.image ?? '')
    if (proxy < 0 || !isKubectl) continue
    const flags = parseFlags(words.slice(proxy + 1))
    const address = flags.get('address') ?? '127.0.0.1'
    if (address === 'localhost' || addressClass(address) === 'loopback') continue
    const hosts = flags.get('accept-hosts')
    yield {
      container: container.name,
      at: [...at, args.length > 0 ? 'args' : 'command'],
      flags: `--address=${address}${hosts === undefined ? '' : ` --accept-hosts=${hosts}`}`,
    }
  }
}
