import type { ContainerSpec, Path } from '../model/index.ts'

/** What is run, each with its place in the container: the container itself, and what the kubelet runs in it (probes, hooks). */
export function* commandsOf(container: ContainerSpec): Iterable<{ readonly list: Path; readonly words: readonly string[] }> {
  type Handler = { readonly exec?: { readonly command?: unknown } } | undefined
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container as unknown as {
    readonly lifecycle?: Readonly<Record<string, Handler>>
  } & Readonly<Record<'livenessProbe' | 'readinessProbe' | 'startupProbe', Handler>>
  const handlers: readonly (readonly [Path, Handler])[] = [
    ...Object.entries({ livenessProbe, readinessProbe, startupProbe }).map(([name, one]) => [[name], one] as const),
    ...Object.entries(lifecycle ?? {}).map(([name, one]) => [['lifecycle', name], one] as const),
  ]
  for (const list of ['command', 'args'] as const) if (Array.isArray(container[list])) yield { list: [list], words: container[list] }
  for (const [at, handler] of handlers) {
    const words = handler?.exec?.command
    if (Array.isArray(words)) yield { list: [...at, 'exec', 'command'], words }
  }
}
