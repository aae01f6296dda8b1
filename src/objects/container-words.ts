/** What the containers of a pod are told in so many words: commands, arguments, values of variables, and what probes and hooks run. */
import type { ContainerSpec, PodSpec } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { remembered } from './derived.ts'
import { list, mapping } from './spec-fields.ts'

/** A line each, as written; where a variable stands in one, a second time with its value in place. Values from Secrets are in none. */
export const wordsOfSpec = remembered((spec: PodSpec): string =>
  eachContainer(spec)
    .flatMap(({ container }) => wordsOf(container, new Map()))
    .join('\n'),
)
/** The same where variables get values from elsewhere: of a ConfigMap. */
export const wordsGiven = (spec: PodSpec, given: (container: ContainerSpec) => Values): string =>
  eachContainer(spec)
    .flatMap(({ container }) => wordsOf(container, given(container)))
    .join('\n')
type Values = ReadonlyMap<string, string>

function wordsOf(container: ContainerSpec, given: Values): readonly string[] {
  const env = list(container.env).map(mapping)
  const own = env.flatMap(({ name, value }) => (typeof name === 'string' && typeof value === 'string' ? [[name, value] as const] : []))
  const values: Values = new Map([...given, ...own])
  const words = [
    ...list(container.command),
    ...list(container.args),
    ...env.map(({ value }) => value ?? ''),
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((probe) => commandOf(container[probe as 'livenessProbe'])),
    ...['postStart', 'preStop'].flatMap((hook) => commandOf(mapping(container.lifecycle)[hook])),
  ].map(String)
  const filled = words.filter((word) => word.includes('$')).flatMap((word) => whole(word, values))
  return [...words, ...filled]
}
const commandOf = (handler: unknown): readonly unknown[] => list(mapping(mapping(handler)['exec'])['command'])

/** `$(DB)` as the kubelet fills it in, `${DB}`, `${DB:-x}` and `$DB` as a shell does. Values may hold variables themselves. */
function whole(word: string, values: Values): readonly string[] {
  let now = word
  for (let depth = 0; depth < 4; depth++) {
    const next = now.replace(VARIABLE, (as, kubelet, braced, instead, bare) => values.get(kubelet ?? braced ?? bare) ?? instead ?? as)
    if (next === now || next.length > LONGEST) break
    now = next
  }
  return now === word ? [] : [now]
}
const VARIABLE = /\$(?:\(([A-Za-z_]\w*)\)|\{([A-Za-z_]\w*)(?::?-([^{}$]*))?\}|([A-Za-z_]\w*))/g
/** Variables that name themselves twice would grow without end. */
const LONGEST = 100_000
