/** Helm: what rendered manifests and released objects say of where they come from, and where in a chart's values a change belongs. */
import type { Edit, HelmTemplate, Json, KubeObject, Path } from '../model/index.ts'
import { formatPath } from './path.ts'

/** `shop/charts/redis/templates/master.yaml`, from the comment that `helm template` puts above every document. */
export const templateOf = (document: string): string | undefined =>
  /^# Source: (\S+\/(?:templates|crds)\/\S+)[ \t]*\r?$/m.exec(document.slice(0, 2_000))?.[1]

/** Name of the chart, and names of the charts it is a dependency of, outermost first. */
export const chartsOf = (template: string): readonly string[] => template.replace(/\/(?:templates|crds)\/.*$/, '').split('/charts/')

/** `cart in namespace shop`. */
export function releaseOf({ metadata: { annotations = {}, labels = {} } }: KubeObject): string | undefined {
  const name = annotations['meta.helm.sh/release-name'] ?? labels['app.kubernetes.io/instance'] ?? labels['release']
  const namespace = annotations['meta.helm.sh/release-namespace']
  return name === undefined ? undefined : `${name}${namespace === undefined ? '' : ` in namespace ${namespace}`}`
}

/**
 * What to set where, in words: by the keys that `helm create` writes and most charts follow. With `helm.keys` (the values of the
 * chart itself) only keys that it has are named; what has none is a change of the template.
 */
export function valuesHint(edits: readonly Edit[], helm?: HelmTemplate): readonly string[] {
  const values: Record<string, Json> = {}
  const inTemplate: string[] = []
  for (const edit of edits) {
    const path = keyFor('set' in edit ? edit.set : edit.unset, helm?.keys)
    if (path === undefined || !('set' in edit))
      inTemplate.push('set' in edit ? `${formatPath(edit.set)} to ${JSON.stringify(edit.to)}` : `no ${formatPath(edit.unset)}`)
    else put(values, path, edit.to)
  }
  const nested = chartsOf(helm?.template ?? '')
    .slice(1)
    .reduceRight<Record<string, Json>>((inner, chart) => ({ [chart]: inner }), values)
  const known = helm?.keys !== undefined
  return [
    ...(Object.keys(values).length === 0
      ? []
      : [`${known ? `set in ${helm.values}` : 'values to set, where the chart follows the usual names'}: ${JSON.stringify(nested)}`]),
    ...(inTemplate.length === 0 ? [] : [`in ${helm?.template ?? 'the template of the chart'}: ${inTemplate.join('; ')}`]),
  ]
}

function keyFor(path: Path, keys: readonly string[] | undefined): readonly string[] | undefined {
  const at = path.lastIndexOf('spec')
  const [field, item, ...rest] = path.slice(at + 1)
  const known = (...names: readonly string[]): string | undefined =>
    keys === undefined ? names[0] : names.find((name) => keys.includes(name))
  const below = (key: string | undefined, inner: Path): readonly string[] | undefined =>
    key !== undefined && inner.every((element) => typeof element === 'string') ? [key, ...inner] : undefined
  if (at < 0) return undefined
  if (field === 'securityContext') return below(known('podSecurityContext'), path.slice(at + 2))
  if (field === 'automountServiceAccountToken' && known('serviceAccount') !== undefined) return ['serviceAccount', 'automount']
  if (field !== 'containers' || typeof item !== 'object') return undefined
  if (rest[0] === 'securityContext') return below(known('securityContext', 'containerSecurityContext'), rest.slice(1))
  if (rest[0] === 'resources') return below(known('resources'), rest.slice(1))
  return undefined
}

function put(values: Record<string, Json>, [key, ...rest]: readonly string[], to: Json): void {
  if (key === undefined) return
  if (rest.length === 0) values[key] = to
  else {
    const inner = values[key]
    const next = inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? { ...(inner as Record<string, Json>) } : {}
    put(next, rest, to)
    values[key] = next
  }
}
