import { FACT_MS, type Fact, refusedPath } from './fact.ts'

// The text form changes its delimiter from one start of the server to the next: only JSON is asked for and read.
const FLAGZ_JSON = 'application/json;v=v1beta1;g=config.k8s.io;as=Flagz,application/json;v=v1alpha1;g=config.k8s.io;as=Flagz'

/** `GET /flagz` (1.36 and later, KEP-4828): every flag of the instance that answered, defaults included. */
export const apiServerFlagz: Fact<'ApiServerFlagz'> = async ({ client, signal }) => {
  const answer = await client.get<{ kind?: string; flags?: unknown }>('/flagz', {
    accept: FLAGZ_JSON,
    signal,
    limitMs: FACT_MS,
    resource: '/flagz',
  })
  if (!answer.ok) return refusedPath('/flagz', answer.refusal)
  const { kind, flags } = answer.body ?? {}
  if (kind !== 'Flagz' || flags === null || typeof flags !== 'object') {
    return {
      unread: {
        why: 'not-served',
        because: 'the API server answers /flagz in a form that cannot be relied on',
        answer: "scan the control plane's files with --manifests PATH",
      },
    }
  }
  return { value: { flags: Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, String(value)])) } }
}
