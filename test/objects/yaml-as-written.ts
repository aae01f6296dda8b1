/** Manifests as people write them: any indentation, comments anywhere, brackets, anchors, block scalars, line ends. Made from one number. */
export type Random = (below: number) => number

/** Mulberry32: small, and the same everywhere. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

export type Data = string | number | boolean | null | readonly Data[] | { readonly [key: string]: Data }

const TEXTS = [
  'app',
  'nginx:1.27',
  'yes',
  '012',
  '',
  ' ',
  'a: b',
  'c # d',
  '- x',
  '*',
  '&a',
  'null',
  '12:30',
  "it's",
  '"q"',
  '~',
  'tab\tin',
  'größe ✓ 日本',
  '{',
  '[x',
  '@at',
  '%p',
  '!t',
  'a,b',
  '--flag=x',
  'x: ',
  '{{ $labels.x }}',
  'https://x.y/z?a=b#c',
]
const LONG = `${'word '.repeat(60)}end`
const KEYS = ['app', 'app.kubernetes.io/name', 'on', '1', 'x y', 'a/b', 'tier', "o'k", 'null']

const one = <T>(random: Random, values: readonly T[]): T => values[random(values.length)]!
const chance = (random: Random, percent: number): boolean => random(100) < percent

function textOf(random: Random): Data {
  const kind = random(20)
  if (kind === 0) return LONG
  if (kind === 1) return 'two\nlines\n'
  if (kind === 2) return 'no end\n\nof line'
  if (kind === 3) return '#!/bin/sh\nset -e\n\t# not a comment\necho "key: value"\n'
  if (kind === 4) return 'kept\n\n\n'
  if (kind === 5) return '  leads\nwith spaces\n'
  return one(random, TEXTS)
}

function labels(random: Random): Data {
  return Object.fromEntries(Array.from({ length: random(4) }, () => [one(random, KEYS), textOf(random)]))
}

function securityContext(random: Random): Data {
  const fields: [string, Data][] = []
  if (chance(random, 50)) fields.push(['privileged', chance(random, 70)])
  if (chance(random, 40)) fields.push(['runAsUser', random(2000)])
  if (chance(random, 50))
    fields.push([
      'capabilities',
      one<Data>(random, [
        null,
        {},
        { add: [] },
        { add: ['NET_ADMIN', 'SYS_TIME'] },
        { drop: ['ALL'] },
        { add: ['NET_RAW'], drop: ['KILL', 'MKNOD'] },
        { drop: null },
      ]),
    ])
  if (chance(random, 30)) fields.push(['seccompProfile', one<Data>(random, [null, { type: 'Unconfined' }, {}])])
  return Object.fromEntries(shuffled(random, fields))
}

const shuffled = <T>(random: Random, values: readonly T[]): T[] => {
  const left = [...values]
  return Array.from({ length: left.length }, () => left.splice(random(left.length), 1)[0]!)
}

function container(random: Random, name: string): Data {
  const fields: [string, Data][] = [['image', textOf(random)]]
  if (chance(random, 65))
    fields.push([
      'securityContext',
      one<() => Data>(random, [
        () => null,
        () => ({}),
        () => securityContext(random),
        () => securityContext(random),
        () => securityContext(random),
      ])(),
    ])
  if (chance(random, 40)) fields.push(['args', Array.from({ length: random(4) }, () => textOf(random))])
  if (chance(random, 40))
    fields.push([
      'env',
      Array.from({ length: random(4) }, (_none, n) => ({ name: `E${n}`, ...(chance(random, 80) && { value: textOf(random) }) })),
    ])
  if (chance(random, 30))
    fields.push([
      'resources',
      one<Data>(random, [null, {}, { limits: { cpu: '1', memory: '64Mi' } }, { limits: {}, requests: { cpu: 1 } }]),
    ])
  if (chance(random, 30))
    fields.push([
      'volumeMounts',
      [{ name: 'tmp', mountPath: '/tmp' } as Data, { mountPath: '/data', name: 'data', readOnly: true }].slice(random(2)),
    ])
  if (chance(random, 20)) fields.push(['ports', [{ containerPort: 80, hostPort: 80 }]])
  const rest = shuffled(random, fields)
  rest.splice(chance(random, 80) ? 0 : random(rest.length + 1), 0, ['name', name])
  return Object.fromEntries(rest)
}

function podSpec(random: Random): Data {
  const fields: [string, Data][] = [['containers', Array.from({ length: 1 + random(3) }, (_none, n) => container(random, `c${n}`))]]
  if (chance(random, 30)) fields.push(['initContainers', [container(random, 'init')]])
  if (chance(random, 50))
    fields.push([
      'securityContext',
      one<() => Data>(random, [() => null, () => ({}), () => ({ fsGroup: 1, sysctls: [] }), () => ({ runAsNonRoot: false })])(),
    ])
  if (chance(random, 40))
    fields.push([
      'volumes',
      shuffled<Data>(random, [
        { name: 'tmp', emptyDir: {} },
        { name: 'data', hostPath: { path: '/x', type: '' } },
        { hostPath: { path: '/' }, name: 'root' },
      ]).slice(random(3)),
    ])
  if (chance(random, 30)) fields.push(['hostNetwork', true])
  if (chance(random, 30)) fields.push(['automountServiceAccountToken', true])
  if (chance(random, 20)) fields.push(['nodeSelector', labels(random)])
  return Object.fromEntries(shuffled(random, fields))
}

export interface Written {
  readonly object: Data
  /** Of the pod spec. */
  readonly at: readonly string[]
}
function workload(random: Random, name: string): Written {
  const metadata = {
    name,
    ...(chance(random, 60) && { labels: labels(random) }),
    ...(chance(random, 40) && { annotations: labels(random) }),
  }
  const kind = random(4)
  const template = (): Data => ({ ...(chance(random, 60) && { metadata: { labels: labels(random) } }), spec: podSpec(random) })
  if (kind === 0) return { object: inAnyOrder(random, { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(random) }), at: ['spec'] }
  if (kind === 1)
    return {
      object: inAnyOrder(random, {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata,
        spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template() } } },
      }),
      at: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
    }
  return {
    object: inAnyOrder(random, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: inAnyOrder(random, { replicas: 1, selector: { matchLabels: labels(random) }, template: template() }),
    }),
    at: ['spec', 'template', 'spec'],
  }
}
const inAnyOrder = (random: Random, value: { readonly [key: string]: Data }): Data =>
  chance(random, 80) ? value : Object.fromEntries(shuffled(random, Object.entries(value)))

/** One file: its text, and where each of its workloads is. */
export interface HumanFile {
  readonly text: string
  readonly workloads: readonly { readonly document: number; readonly item?: number; readonly at: readonly string[]; readonly value: Data }[]
}

export function humanFile(seed: number): HumanFile {
  const random = randomFrom(seed)
  const pen = new Pen(random)
  const workloads: HumanFile['workloads'][number][] = []
  const json = chance(random, 8)
  let text = ''
  const count = json ? 1 : 1 + random(3)
  if (!json && chance(random, 10)) text += '\ufeff'
  if (!json && chance(random, 30)) text += `# ${pen.comment()}\n`
  const directive = !json && chance(random, 8)
  if (directive) text += '%YAML 1.1\n'
  let document = 0
  for (let n = 0; n < count; n++) {
    const opens = n > 0 || directive || chance(random, 35)
    if (opens) text += `---${chance(random, 15) ? ` # ${pen.comment()}` : chance(random, 10) ? ' ' : ''}\n`
    if (opens && chance(random, 8) && n < count - 1) {
      document++
      continue
    }
    const kind = random(10)
    let object: Data
    if (kind < 2) {
      const items = Array.from({ length: 1 + random(3) }, (_none, item) => workload(random, `w${n}-${item}`))
      for (const [item, { at, object: value }] of items.entries()) workloads.push({ document, item, at, value })
      object = { apiVersion: 'v1', kind: 'List', items: items.map((one) => one.object) }
    } else if (kind === 2 && count > 1) object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: labels(random) }
    else {
      const { at, object: value } = workload(random, `w${n}`)
      workloads.push({ document, at, value })
      object = value
    }
    text += json
      ? JSON.stringify(object, null, one<string | number>(random, [0, 2, 4, '\t'])) + (chance(random, 50) ? '\n' : '')
      : pen.document(object)
    if (!json && chance(random, 20)) text += one(random, ['\n', '\n\n', '# foot\n', '\n# foot\n', '  # foot, indented\n'])
    if (!json && chance(random, 8)) text += `...${chance(random, 30) ? ' # end' : ''}\n`
    document++
  }
  if (!json && chance(random, 20)) text = text.replace(/\n$/, '')
  if (chance(random, 20)) text = text.replaceAll('\n', '\r\n')
  return { text, workloads }
}

/** Writes values in a hand of its own. */
class Pen {
  readonly #random: Random
  readonly #step: () => number
  readonly #listStep: () => number
  readonly #flow: number
  readonly #talk: number
  readonly #anchoring: boolean
  readonly #spaces: number
  #comments = 0
  #anchors: { readonly name: string; readonly value: Data }[] = []
  #anchorCount = 0

  constructor(random: Random) {
    this.#random = random
    const step = one(random, [2, 2, 2, 4, 3, 1])
    const list = one(random, [0, 0, 2, 4, 1])
    const mixed = chance(random, 25)
    this.#step = () => (mixed ? 1 + random(5) : step)
    this.#listStep = () => (mixed ? random(5) : list)
    this.#flow = one(random, [0, 0, 12, 30])
    this.#talk = one(random, [0, 10, 25])
    this.#spaces = one(random, [0, 0, 10])
    this.#anchoring = chance(random, 30)
  }

  comment(): string {
    return `note ${++this.#comments}!`
  }

  document(value: Data): string {
    this.#anchors = []
    const lines = this.#block(value, 0)
    return `${lines.join('\n')}\n`
  }

  #tail(): string {
    const space = chance(this.#random, this.#spaces) ? one(this.#random, [' ', '  ', '\t']) : ''
    return chance(this.#random, this.#talk) ? `${one(this.#random, [' ', '  ', '   '])}# ${this.comment()}${space}` : space
  }

  /** Lines that say nothing. */
  #aside(column: number): string[] {
    if (!chance(this.#random, this.#talk)) return chance(this.#random, 4) ? [one(this.#random, ['', '', '   '])] : []
    return [
      `${' '.repeat(chance(this.#random, 70) ? column : this.#random(column + 1))}# ${this.comment()}`,
      ...(chance(this.#random, 15) ? [''] : []),
    ]
  }

  #block(value: Data, column: number): string[] {
    const isList = Array.isArray(value)
    const entries: readonly (readonly [string, Data])[] = isList
      ? (value as readonly Data[]).map((item) => ['', item] as const)
      : Object.entries(value as object)
    const listGap = one(this.#random, [1, 1, 1, 1, 3])
    const merged = isList ? undefined : this.#mergeable(value)
    const lines = entries.flatMap(([key, item], index) => {
      if (merged?.keys.has(key))
        return index === 0 || key === [...merged.keys][0] ? [`${' '.repeat(column)}<<: *${merged.name}${this.#tail()}`] : []
      const before = this.#aside(column)
      const lines = isList ? this.#item(item, column, listGap) : this.#pair(key, item, column)
      return [...before, ...lines]
    })
    if (chance(this.#random, this.#talk / 3)) lines.push(`${' '.repeat(column)}# ${this.comment()}`)
    return lines
  }

  /** A mapping of which a part was written down before, under an anchor. */
  #mergeable(value: Data): { readonly name: string; readonly keys: ReadonlySet<string> } | undefined {
    if (!this.#anchoring) return undefined
    const map = value as { readonly [key: string]: Data }
    const found = this.#anchors.find(
      ({ value: other }) =>
        other !== null &&
        typeof other === 'object' &&
        !Array.isArray(other) &&
        Object.keys(other).length > 0 &&
        Object.entries(other).every(([key, item]) => Object.hasOwn(map, key) && JSON.stringify(map[key]) === JSON.stringify(item)),
    )
    return found === undefined ? undefined : { name: found.name, keys: new Set(Object.keys(found.value as object)) }
  }

  #pair(key: string, value: Data, column: number): string[] {
    const indent = ' '.repeat(column)
    if (chance(this.#random, 1) && (value === null || typeof value !== 'object'))
      return [`${indent}? ${this.#key(key)}`, `${indent}: ${this.#flowOf(value)}`]
    const head = `${indent}${this.#key(key)}:`
    const isBlock = isFull(value) && !chance(this.#random, this.#flow)
    if (!isBlock) return this.#leaf(head, value, column)
    const alias = this.#alias(value)
    if (alias !== undefined) return [`${head} ${alias}${this.#tail()}`]
    const anchor = this.#anchor()
    const step = Array.isArray(value) ? this.#listStep() : this.#step()
    const inner = this.#block(value, column + step)
    if (anchor !== undefined) this.#anchors.push({ name: anchor, value })
    return [`${head}${anchor === undefined ? '' : ` &${anchor}`}${this.#tail()}`, ...inner]
  }

  #alias(value: Data): string | undefined {
    if (!this.#anchoring) return undefined
    const known = this.#anchors.find((other) => JSON.stringify(other.value) === JSON.stringify(value))
    return known === undefined ? undefined : `*${known.name}`
  }
  /** To be known only when its value is written, so that nothing contains itself. */
  #anchor(): string | undefined {
    return this.#anchoring && chance(this.#random, 25) ? `a${++this.#anchorCount}` : undefined
  }

  #item(value: Data, column: number, gap: number): string[] {
    const indent = ' '.repeat(column)
    const behind = column + 1 + gap
    const isBlock = isFull(value) && !chance(this.#random, this.#flow)
    if (!isBlock) return this.#leaf(`${indent}-`, value, column, gap)
    if (chance(this.#random, 10)) return [`${indent}-${this.#tail()}`, ...this.#block(value, column + 1 + this.#random(3))]
    const lines = this.#block(value, behind)
    const first = lines[0]!
    if (first.trim() === '' || first.trimStart().startsWith('#')) return [`${indent}-${this.#tail()}`, ...lines]
    return [`${indent}-${' '.repeat(gap)}${first.slice(behind)}`, ...lines.slice(1)]
  }

  /** A value that begins in the line of its key or dash. */
  #leaf(head: string, value: Data, column: number, gap = 1): string[] {
    const space = ' '.repeat(gap)
    if (value === null && chance(this.#random, 60)) return [`${head}${this.#tail()}`]
    if (typeof value === 'string') {
      const lines = this.#scalarLines(value, column)
      if (lines !== undefined) return [`${head}${space}${lines[0]}`, ...lines.slice(1)]
    }
    const alias = isFull(value) ? this.#alias(value) : undefined
    if (alias !== undefined) return [`${head}${space}${alias}${this.#tail()}`]
    if (isFull(value) && chance(this.#random, 40)) return this.#flowLines(`${head}${space}`, value, column)
    return [`${head}${space}${this.#flowOf(value)}${this.#tail()}`]
  }

  #scalarLines(value: string, column: number): string[] | undefined {
    const isLines = value.includes('\n') && !/[^\S\n]$/m.test(value)
    if (isLines && chance(this.#random, 80)) {
      const chomp = value.endsWith('\n\n') ? '+' : value.endsWith('\n') ? one(this.#random, ['', '']) : '-'
      const body = value.replace(/\n$/, '').split('\n')
      const leads = /^\s/.test(value)
      const step = 1 + this.#random(4)
      const indicator = leads || chance(this.#random, 15) ? String(step) : ''
      const comment = chance(this.#random, this.#talk) ? ` # ${this.comment()}` : ''
      return [`|${indicator}${chomp}${comment}`, ...body.map((line) => (line === '' ? '' : ' '.repeat(column + step) + line))]
    }
    if (value === LONG && chance(this.#random, 70)) {
      const words = value.split(' ')
      const folded = [words.slice(0, 20).join(' '), words.slice(20, 40).join(' '), words.slice(40).join(' ')]
      const indent = ' '.repeat(column + 1 + this.#random(4))
      const style = this.#random(4)
      if (style === 0) return [folded[0]!, ...folded.slice(1).map((line) => indent + line)]
      if (style === 1) return [`"${folded[0]}`, `${indent}${folded[1]}`, `${indent}${folded[2]}"`]
      if (style === 2) return ['>-', ...folded.map((line) => indent + line)]
      return ['', ...folded.map((line) => indent + line)]
    }
    return undefined
  }

  #key(key: string): string {
    if (chance(this.#random, 8)) return `'${key.replaceAll("'", "''")}'`
    if (chance(this.#random, 8) || !/^[a-zA-Z][\w./-]*$/.test(key) || ['on', 'null', 'y', 'n', 'yes', 'no'].includes(key))
      return JSON.stringify(key)
    return key
  }

  #flowOf(value: Data): string {
    if (Array.isArray(value))
      return `[${this.#pad()}${value.map((item) => this.#flowOf(item)).join(one(this.#random, [', ', ',', ' , ']))}${this.#pad()}]`.replace(
        /^\[ +\]$/,
        '[]',
      )
    if (value !== null && typeof value === 'object')
      return `{${this.#pad()}${Object.entries(value)
        .map(([key, item]) => `${this.#key(key)}: ${this.#flowOf(item as Data)}`)
        .join(', ')}${this.#pad()}}`
    if (typeof value !== 'string') return JSON.stringify(value)
    if (
      /^[a-z][a-z/-]*(?::[\d.]+)?$/.test(value) &&
      !['yes', 'no', 'on', 'off', 'null', 'true', 'false', 'y', 'n'].includes(value) &&
      chance(this.#random, 70)
    )
      return value
    if (!/[\n\t]/.test(value) && chance(this.#random, 40)) return `'${value.replaceAll("'", "''")}'`
    return JSON.stringify(value)
  }
  #pad(): string {
    return one(this.#random, ['', '', ' '])
  }

  /** Brackets over several lines, the closing one in any column that YAML allows. */
  #flowLines(head: string, value: Data, column: number): string[] {
    const indent = ' '.repeat(column + 1 + this.#random(4))
    const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
    const entries = Array.isArray(value)
      ? value.map((item) => this.#flowOf(item))
      : Object.entries(value as object).map(([key, item]) => `${this.#key(key)}: ${this.#flowOf(item as Data)}`)
    const comma = chance(this.#random, 20)
    const lines = entries.map((entry, index) => `${indent}${entry}${index < entries.length - 1 || comma ? ',' : ''}${this.#tail()}`)
    return chance(this.#random, 70)
      ? [
          `${head}${open}${this.#tail()}`,
          ...lines,
          `${' '.repeat(column + (chance(this.#random, 50) ? 1 : 0) + this.#random(2))}${close}${this.#tail()}`,
        ]
      : [`${head}${open}${entries.join(', ')}`, `${indent}${close}`]
  }
}

const isFull = (value: Data): value is readonly Data[] | { readonly [key: string]: Data } =>
  value !== null && typeof value === 'object' && Object.keys(value).length > 0
