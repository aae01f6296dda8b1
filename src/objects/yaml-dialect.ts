/**
 * YAML as Kubernetes reads it. kubectl, the API server and the kubelet turn YAML into JSON with sigs.k8s.io/yaml, whose scalars
 * are those of go-yaml v2: `yes` and `on` are booleans, `0644` is octal, `1_000` is a number, `12:30` and dates are strings.
 */
import {
  binaryTag,
  boolYaml11Tag,
  constructFromEvents,
  defineScalarTag,
  type Event,
  FAILSAFE_SCHEMA,
  floatCoreTag,
  intYaml11Tag,
  mapTag,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
  parseEvents,
  Schema,
  YAMLException,
} from 'js-yaml'
import { parseLenient } from './yaml-lenient.ts'
import { mergesAsWritten } from './yaml-merge.ts'

const DIGITS = [...'+-0123456789']
const BOOLEANS = new Map<string, boolean>([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
])
const WHOLE = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/
const DECIMAL = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/

function wholeNumber(source: string): number | undefined {
  const match = WHOLE.exec(source.replaceAll('_', ''))
  if (match === null) return undefined
  const [, sign, hexadecimal, binary, octal, decimal] = match
  const digits = hexadecimal ?? binary ?? octal ?? decimal!
  const value = Number.parseInt(digits, hexadecimal !== undefined ? 16 : binary !== undefined ? 2 : octal !== undefined ? 8 : 10)
  return sign === '-' && value !== 0 ? -value : value
}

const boolTag = defineScalarTag<boolean>('tag:yaml.org,2002:bool', {
  ...boolYaml11Tag,
  resolve: (source) => BOOLEANS.get(source) ?? NOT_RESOLVED,
})
const intTag = defineScalarTag<number>('tag:yaml.org,2002:int', {
  ...intYaml11Tag,
  implicitFirstChars: DIGITS,
  resolve: (source) => wholeNumber(source) ?? NOT_RESOLVED,
})
const floatTag = defineScalarTag<number>('tag:yaml.org,2002:float', {
  ...floatCoreTag,
  implicitFirstChars: [...DIGITS, '.'],
  resolve(source) {
    const plain = source.startsWith('.') ? source : source.replaceAll('_', '')
    const value = DECIMAL.test(plain) ? Number(plain) : Number.NaN
    return Number.isFinite(value) ? value : NOT_RESOLVED
  },
})
/** go-yaml hands a timestamp on as the text it was. */
const timestampTag = defineScalarTag<string>('tag:yaml.org,2002:timestamp', { resolve: (source) => source, identify: () => false })
const textOfBinaryTag = defineScalarTag<string>('tag:yaml.org,2002:binary', {
  resolve(source) {
    const bytes = binaryTag.resolve(source, true, binaryTag.tagName)
    return bytes === NOT_RESOLVED ? NOT_RESOLVED : new TextDecoder('latin1').decode(bytes as Uint8Array)
  },
  identify: () => false,
})

export const KUBERNETES_YAML = new Schema([
  ...FAILSAFE_SCHEMA.tags.filter((tag) => tag !== mapTag),
  mergesAsWritten,
  nullYaml11Tag,
  boolTag,
  intTag,
  floatTag,
  timestampTag,
  mergeTag,
  textOfBinaryTag,
])

/** Deeper than any Kubernetes object; shallow enough for every walker of ours. */
export const MAX_DEPTH = 100
/** How many values a document may hold once its aliases are followed; what is written out in full is bounded by its size alone. */
const MAX_EXPANDED = 200_000

/** Text that is no YAML we accept; `offset` counts UTF-16 units from the start of the text that was parsed. */
export class YamlProblem extends Error {
  override readonly name = 'YamlProblem'
  readonly offset: number
  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

/** Events carry offsets into `text`: a reader of values and a reader of positions need but one parse. */
export const eventsOf = (text: string): Event[] =>
  explained(() => parseLenient(text, (source) => parseEvents(source, { maxDepth: MAX_DEPTH })))

/**
 * The values of the documents in `text`. As for the API server, the last of two equal keys counts. Aliased values are shared, not
 * copied; a document that would grow beyond bounds when they are followed, or that contains itself, is refused.
 */
export function valuesOf(text: string, events: Event[] = eventsOf(text)): unknown[] {
  const values = explained(() => constructFromEvents(events, { source: text, schema: KUBERNETES_YAML, json: true }))
  if (events.some((event) => event.type === ALIAS)) for (const value of values) refuseBomb(value)
  return values
}
const ALIAS = 5

/** The value of a text that holds one document, or null. */
export const yamlValue = (text: string): unknown => valuesOf(text)[0] ?? null

function explained<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof YAMLException) throw new YamlProblem(error.reason, error.mark?.position ?? 0)
    if (error instanceof Error) throw new YamlProblem('an alias refers to a value that is not complete', 0)
    throw error
  }
}

/** Size and depth with every alias followed, counted once per shared value. */
export function refuseBomb(root: unknown): void {
  const known = new Map<object, { size: number; depth: number } | undefined>()
  const tooDeep = (): never => {
    throw new YamlProblem(`nested deeper than ${MAX_DEPTH} levels`, 0)
  }
  const measure = (value: unknown, level: number): { size: number; depth: number } => {
    if (value === null || typeof value !== 'object') return { size: 1, depth: 0 }
    if (level > MAX_DEPTH) tooDeep()
    if (known.has(value)) {
      const before = known.get(value)
      if (before === undefined) throw new YamlProblem('an alias makes the document contain itself', 0)
      return before
    }
    known.set(value, undefined)
    let size = 1
    let depth = 0
    for (const child of Array.isArray(value) ? value : Object.values(value)) {
      const inner = measure(child, level + 1)
      size += inner.size
      depth = Math.max(depth, inner.depth + 1)
      if (depth > MAX_DEPTH) tooDeep()
    }
    const result = { size, depth }
    known.set(value, result)
    return result
  }
  const { size } = measure(root, 0)
  if (size > MAX_EXPANDED && size > 10 * known.size) throw new YamlProblem(`its aliases stand for ${size} values: refused`, 0)
}
