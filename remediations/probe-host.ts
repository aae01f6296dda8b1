/** Takes the host out of a probe or hook, so that the kubelet asks the pod itself. */
import type { Json, Path, Remedy } from '../src/model/index.ts'
import { valueAt } from '../src/objects/path.ts'
import { type SpecEdit, setPodField } from './pod-field.ts'
import { HARMLESS, mayBreak, type Prediction, type TemplatePlace } from './pod-template.ts'

type Evidence = { readonly handler: string; readonly action: string; readonly host: string }
type Header = { readonly name?: string; readonly value?: string }

export const probeHostRemedy = (): Remedy<Evidence> =>
  setPodField<Evidence>({
    wish: ({ container, evidence }) => `remove host from the ${evidence.handler} of container ${container}`,
    options: {
      mode: {
        describe: 'What becomes of the host',
        default: 'remove',
        choices: [
          { value: 'remove', label: 'goes; a name that HTTP servers may look at is sent on as the header Host', risk: 'may-break' },
          { value: 'keep', label: 'stay as it is' },
        ],
      },
    },
    change(place, { at = [], container, evidence: { handler, action, host } }, { mode }) {
      if (mode !== 'remove') return { refused: `the option mode=${String(mode)} keeps it` }
      const path = at.slice(place.at.length) as Path
      return {
        edits: [{ unset: path }, ...hostHeader(place, path.slice(0, -1), action, host)],
        summary: `let the ${handler} of container ${container} ask the pod itself instead of ${host}`,
        prediction: predict(place, handler, host),
      }
    },
  })

/** The header that the host stood for. A server that answers by name would else be asked by the address of the pod. */
function hostHeader({ workload }: TemplatePlace, at: Path, action: string, host: string): SpecEdit[] {
  if (action !== 'httpGet' || isAddress(host)) return []
  const headers = (valueAt(workload.spec, [...at, 'httpHeaders']) ?? []) as readonly Header[]
  if (headers.some(({ name }) => name?.toLowerCase() === 'host')) return []
  return [{ set: [...at, 'httpHeaders'], to: [...headers, { name: 'Host', value: host }] as Json }]
}

function predict({ workload: { pods } }: TemplatePlace, handler: string, host: string): Prediction {
  // The kubelet asks the same address as before.
  if (pods.length > 0 && pods.every((pod) => pod.status?.podIP === host)) return HARMLESS
  const failing = FAILING[handler] ?? 'the hook fails'
  // Without the network of the node this was the node's loopback, where the pod cannot listen: what answered was something else.
  if (isLoopback(host)) return mayBreak(`the kubelet asks the address of the pod: if it listens on ${host} only, ${failing}`)
  return mayBreak(
    handler === 'postStart' || handler === 'preStop'
      ? `the hook calls the pod itself, and ${host} no longer hears of it; if nothing answers there, ${failing}`
      : `it no longer tells whether ${host} answers, but whether the pod does; if nothing answers on that port, ${failing}`,
  )
}

const FAILING: Readonly<Record<string, string>> = {
  livenessProbe: 'the container is restarted again and again',
  startupProbe: 'the container never counts as started and is restarted',
  readinessProbe: 'the pod never becomes ready',
  postStart: 'the container is killed as it starts',
  preStop: 'the pod stops without it',
}

const isAddress = (host: string): boolean => /^[\d.]+$/.test(host) || host.includes(':')
const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host === '0.0.0.0' || host.startsWith('127.')
