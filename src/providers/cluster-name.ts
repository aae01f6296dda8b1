/** What a cluster is called at its provider, as far as the kubeconfig says it. */

export type CloudCluster =
  | { readonly provider: 'eks'; readonly region: string; readonly name: string }
  | { readonly provider: 'gke'; readonly project: string; readonly location: string; readonly name: string }
  | { readonly provider: 'aks'; readonly group: string; readonly name: string }
  | { readonly provider: 'oke'; readonly id: string }

export interface Named {
  /** Of the context. */
  readonly name: string
  readonly userName: string
  readonly exec?: { readonly command?: string; readonly args?: readonly string[] }
}
/** No name begins with a dash: it would be an option of the CLI. */
const WORD = '[A-Za-z0-9][\\w.-]*'

/** `eks:REGION/NAME`, `gke:PROJECT/LOCATION/NAME`, `aks:GROUP/NAME`, `oke:OCID`. */
export function clusterNamed(text: string): CloudCluster | undefined {
  const [, provider, rest = ''] = /^(eks|gke|aks|oke):(.+)$/.exec(text) ?? []
  const parts = rest.split('/')
  if (!parts.every((part) => new RegExp(`^${WORD}$`).test(part))) return undefined
  const [a = '', b = '', c = ''] = parts
  if (provider === 'eks' && parts.length === 2) return { provider, region: a, name: b }
  if (provider === 'gke' && parts.length === 3) return { provider, project: a, location: b, name: c }
  if (provider === 'aks' && parts.length === 2) return { provider, group: a, name: b }
  return provider === 'oke' && parts.length === 1 && a.startsWith('ocid1.cluster.') ? { provider, id: a } : undefined
}

/** From the name of the context as the CLIs make it, its user, or what its credential plugin is told. */
export function clusterOf({ name, userName, exec }: Named): CloudCluster | undefined {
  const arn = /^arn:aws[\w-]*:eks:([\w-]+):\d+:cluster\/(.+)$/.exec(name)
  if (arn !== null) return clusterNamed(`eks:${arn[1]}/${arn[2]}`)
  const gke = /^gke_([^_]+)_([^_]+)_([^_]+)$/.exec(name)
  if (gke !== null) return clusterNamed(`gke:${gke[1]}/${gke[2]}/${gke[3]}`)
  const program = exec?.command?.split(/[\\/]/).at(-1)
  const value = (flag: string): string | undefined => {
    const args = exec?.args ?? []
    const at = args.indexOf(flag)
    return at >= 0 ? args[at + 1] : args.find((one) => one.startsWith(`${flag}=`))?.slice(flag.length + 1)
  }
  if (program === 'aws' && value('--cluster-name') && value('--region'))
    return clusterNamed(`eks:${value('--region')}/${value('--cluster-name')}`)
  if (program === 'oci' && value('--cluster-id')) return clusterNamed(`oke:${value('--cluster-id')}`)
  // az names the user clusterUser_GROUP_NAME, and the context NAME.
  const user = /^cluster(?:User|Admin)_(.+)$/.exec(userName)?.[1]
  return user?.endsWith(`_${name}`) ? clusterNamed(`aks:${user.slice(0, -name.length - 1)}/${name}`) : undefined
}
