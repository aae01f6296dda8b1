/** Helm charts among the files: their templates are no manifests before they are rendered, their values none at all. */
import { posix } from 'node:path'
import { yamlValue } from '../objects/yaml-dialect.ts'
import type { Complaint } from './kustomization.ts'

interface Chart {
  readonly directory: string
  readonly name: string
  readonly values: string
  /** Of its values; absent where they cannot be read. */
  readonly keys?: readonly string[]
}

const isChartFile = (file: string): boolean => posix.basename(file) === 'Chart.yaml'
const inside = (directory: string): string => (directory === '' ? '' : `${directory}/`)

export class Charts {
  /** Differs where any chart does. */
  readonly signature: string
  readonly #charts: readonly Chart[]
  /** Templates that were met unrendered. */
  readonly #unrendered = new Map<string, string>()

  /** `texts`: of Chart.yaml and values.yaml files. */
  constructor(texts: ReadonlyMap<string, string> = new Map()) {
    const charts = [...texts.keys()].filter(isChartFile).map((file): Chart => {
      const directory = posix.dirname(file) === '.' ? '' : posix.dirname(file)
      const values = `${inside(directory)}values.yaml`
      const name = fieldsOf(texts.get(file))?.['name']
      const keys = fieldsOf(texts.get(values))
      return { directory, name: String(name), values, ...(keys !== undefined && { keys: Object.keys(keys) }) }
    })
    this.signature = JSON.stringify(charts)
    // The innermost chart is the one a file belongs to.
    this.#charts = charts.toSorted((a, b) => b.directory.length - a.directory.length)
  }

  /** What a file is to its chart; `manifest` where there is no chart, or where it is plain YAML among the templates. */
  roleOf(file: string, text: string): 'manifest' | 'template' | 'values' {
    const chart = this.#charts.find(({ directory }) => file.startsWith(inside(directory)))
    if (chart === undefined) return 'manifest'
    const within = file.slice(inside(chart.directory).length)
    if (/^(?:templates|crds)\//.test(within)) {
      const unrendered = within.startsWith('templates/') && text.includes('{{')
      if (unrendered) this.#unrendered.set(file, chart.directory)
      else this.#unrendered.delete(file)
      return unrendered ? 'template' : 'manifest'
    }
    return /^(?:Chart\.yaml|Chart\.lock|values[^/]*|(?:ci|tests?)\/.*)$/.test(within) ? 'values' : 'manifest'
  }

  /** One complaint a chart. */
  complaints(): Complaint[] {
    return [...Map.groupBy(this.#unrendered, ([, directory]) => directory)].map(([directory, files]) => ({
      file: `${inside(directory)}Chart.yaml`,
      line: 1,
      message: `${files.length} Helm template${files.length === 1 ? ' is' : 's are'} not judged unrendered: helm template ${directory || '.'} | k8s-harden scan --manifests -`,
    }))
  }

  /** The values of a chart that is here, by the chart's name. */
  valuesOf(name: string): { readonly values: string; readonly keys: readonly string[] } | undefined {
    const found = this.#charts.filter((chart) => chart.name === name && chart.keys !== undefined)
    return found.length === 1 ? { values: found[0]!.values, keys: found[0]!.keys! } : undefined
  }
}

function fieldsOf(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = text === undefined ? undefined : yamlValue(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The charts among files; `textOf` gives undefined for what cannot be read. */
export async function chartsAmong(files: readonly string[], textOf: (file: string) => Promise<string | undefined>): Promise<Charts> {
  const texts = new Map<string, string>()
  for (const chart of files.filter(isChartFile))
    for (const file of [chart, chart.replace(/Chart\.yaml$/, 'values.yaml')]) {
      const text = files.includes(file) ? await textOf(file) : undefined
      if (text !== undefined) texts.set(file, text)
    }
  return new Charts(texts)
}
