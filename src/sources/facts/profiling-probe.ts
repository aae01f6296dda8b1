import { refusalOfAnswer } from '../../apiserver/refusal.ts'
import { FACT_MS, type Fact, refusedPath } from './fact.ts'

const PATH = '/debug/pprof/'

/** `GET /debug/pprof/` as ourselves: only the index, no profile is taken. 404 means profiling is off, 403 says nothing. */
export const profilingProbe: Fact<'ProfilingProbe'> = async ({ client, signal }) => {
  const answer = await client.probe(PATH, { accept: '*/*', signal, limitMs: FACT_MS })
  if (!answer.ok) return refusedPath(PATH, answer.refusal)
  if (answer.status === 200 || answer.status === 404) return { value: { status: answer.status } }
  return refusedPath(PATH, refusalOfAnswer(answer.status, {}, answer.body, { verb: 'get', resource: PATH }))
}
