/** Where probes and lifecycle hooks make the kubelet connect to. */
import type { ContainerSpec } from '../model/index.ts'

const HANDLERS = [['livenessProbe'], ['readinessProbe'], ['startupProbe'], ['lifecycle', 'postStart'], ['lifecycle', 'preStop']] as const
export interface HandlerHost {
  /** Of the action that names the host, relative to the container: `['livenessProbe', 'httpGet']`. */
  readonly at: readonly string[]
  readonly action: 'httpGet' | 'tcpSocket'
  readonly host: string
}

/** The hosts that probes and hooks of a container name. Without one the kubelet connects to the pod itself. */
export function handlerHosts(container: ContainerSpec): HandlerHost[] {
  return HANDLERS.flatMap((at) => {
    const handler = at.reduce<unknown>((here, field) => (here as Record<string, unknown> | null | undefined)?.[field], container)
    return (['httpGet', 'tcpSocket'] as const).flatMap((action): HandlerHost[] => {
      const host = (handler as Record<string, { readonly host?: unknown } | null> | null | undefined)?.[action]?.host
      return typeof host === 'string' && host !== '' ? [{ at: [...at, action], action, host }] : []
    })
  })
}
