/** What a helper pod and its node say of themselves, read. */
import { clean } from '../apiserver/refusal.ts'
import { CONTAINER, type podObject } from './helper-pod-object.ts'

export interface PodSeen {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly spec: {
    readonly nodeName?: string
    readonly volumes?: readonly { readonly name: string; readonly hostPath?: { readonly path: string }; readonly emptyDir?: object }[]
    readonly containers: readonly {
      readonly name: string
      readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
    }[]
  }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly containerStatuses?: readonly {
      readonly name: string
      readonly state?: {
        readonly running?: object
        readonly waiting?: { readonly reason?: string; readonly message?: string }
        readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string }
      }
    }[]
  }
}
export interface NodeSeen {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> }
  readonly spec?: { readonly taints?: readonly { readonly key: string }[]; readonly providerID?: string }
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

/** What is mounted is what was asked for. */
export function sameMounts(made: PodSeen, { spec }: ReturnType<typeof podObject>): boolean {
  const container = made.spec.containers.find(({ name }) => name === CONTAINER)
  return (
    made.spec.nodeName === spec.nodeName &&
    spec.volumes.every((wanted) =>
      made.spec.volumes?.some(
        (one) =>
          one.name === wanted.name && ('emptyDir' in wanted ? one.emptyDir !== undefined : one.hostPath?.path === wanted.hostPath.path),
      ),
    ) &&
    spec.containers[0]!.volumeMounts.every(({ name, mountPath }) =>
      container?.volumeMounts?.some((one) => one.name === name && one.mountPath === mountPath),
    )
  )
}

/** Of the kubelet, volume/hostpath: `hostPath type check failed, /srv/x is not a directory, …` (with a colon before 1.36). */
export const saysMissing = (event: string, volume: string, path: string): boolean =>
  event.includes(`for volume "${volume}"`) && event.includes(` ${path} is not a directory`)

/** Reasons that do not pass by themselves. A first ErrImagePull may. */
const FINAL = /^(ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError|Create\w+Error|RunContainerError|StartError)$/

export function problemOf({ status }: PodSeen): string | undefined {
  const state = status?.containerStatuses?.find(({ name }) => name === CONTAINER)?.state
  if (status?.phase === 'Failed' && state?.terminated === undefined) return said(status.reason, status.message) ?? 'it failed'
  if (state?.terminated !== undefined)
    return said(state.terminated.reason, state.terminated.message) ?? `its program ended with exit code ${state.terminated.exitCode}`
  if (state?.running !== undefined) return 'runs'
  return FINAL.test(state?.waiting?.reason ?? '') ? said(state?.waiting?.reason, state?.waiting?.message) : undefined
}
export function waitingFor({ status }: PodSeen): string | undefined {
  const { waiting } = status?.containerStatuses?.find(({ name }) => name === CONTAINER)?.state ?? {}
  return waiting?.message === undefined ? undefined : said(waiting.reason, waiting.message)
}
const said = (reason: string | undefined, message: string | undefined): string | undefined =>
  reason === undefined && message === undefined ? undefined : clean([reason, message].filter(Boolean).join(': '), 400)
