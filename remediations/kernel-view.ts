/** Gives back what a pod sees of the kernel by default: masked parts of /proc, and only sysctls that are its own. */
import type { Json, Path, Remedy } from '../src/model/index.ts'
import { setPodField } from './pod-field.ts'
import { mayBreak } from './pod-template.ts'

type Evidence = { readonly procMount?: string; readonly sysctls: readonly { readonly name: string }[] }

export const kernelViewRemedy = (): Remedy<Evidence> =>
  setPodField<Evidence>({
    wish: ({ container, evidence: { procMount, sysctls } }) =>
      procMount === undefined
        ? `remove ${sysctls.map(({ name }) => name).join(', ')} from securityContext.sysctls`
        : `remove securityContext.procMount from container ${container}`,
    change(place, { at = [], container, evidence: { procMount, sysctls } }) {
      const path = at.slice(place.at.length) as Path
      if (procMount !== undefined)
        return {
          edits: [{ unset: path }],
          summary: `no longer unmask /proc in container ${container}`,
          prediction: mayBreak('containers inside it (rootless builds, nested runtimes) cannot mount a /proc of their own'),
        }
      const names = sysctls.map(({ name }) => name)
      const kept = (place.workload.spec.securityContext?.sysctls ?? []).filter(({ name }) => !names.includes(name))
      return {
        edits: [kept.length > 0 ? { set: path, to: kept as unknown as Json } : { unset: path }],
        summary: `no longer set ${names.join(', ')}`,
        prediction: mayBreak(
          `it runs with the node's own value of ${names.join(', ')}: limits it was tuned for (connections, queues, shared memory) are lower; set them on the nodes that need them`,
        ),
      }
    },
  })
