import type { PodSecurityAnswer } from '../../model/index.ts'
import { isNeverRefused } from '../../objects/admission-policies.ts'
import { isSystemNamespace } from '../../objects/ownership.ts'
import { ENFORCE } from '../../objects/pod-security-labels.ts'
import { answerOf, DANGEROUS_POD, isNoRight } from '../../objects/pod-security-probe.ts'
import { type Asking, FACT_MS, type Fact } from './fact.ts'

const MOST = 3

/**
 * Does a cluster-wide Pod Security default hold where no label says so? Its file cannot be read through the API, so a privileged pod is
 * created with `dryRun=All`, which nothing keeps and nothing runs, in up to three namespaces. A server that names no such file is not asked.
 */
export const podSecurityProbe: Fact<'PodSecurityProbe'> = async (asking) => {
  const [flagz, namespaces] = await Promise.all([asking.fact('ApiServerFlagz'), unlabelled(asking)])
  if (namespaces.length === 0) return { value: { answers: [] } }
  if ('value' in flagz && (flagz.value.flags['admission-control-config-file'] ?? '') === '') return { value: { answers: [] } }
  const answers = await Promise.all(namespaces.map((namespace) => tryIn(namespace, asking)))
  const given = answers.filter((answer) => answer !== undefined)
  if (given.length > 0) return { value: { answers: given } }
  return {
    unread: {
      why: 'forbidden',
      because: 'the API server refused a dry run of a pod: you may not create pods (403)',
      answer: 'allow create on pods, dry run: nothing else is sent with that right',
    },
  }
}

/** Where something runs and nothing says how strictly: the first by name, so that the same are asked each time. */
async function unlabelled(asking: Asking): Promise<readonly string[]> {
  return (await asking.namespaces())
    .filter(({ namespace, busy }) => busy && namespace.status?.phase !== 'Terminating')
    .map(({ namespace }) => namespace.metadata)
    .filter(({ name, labels }) => labels?.[ENFORCE] === undefined && !isSystemNamespace(name) && !isNeverRefused(name))
    .map(({ name }) => name)
    .sort()
    .slice(0, MOST)
}

/** Undefined: we have no right to ask. */
async function tryIn(namespace: string, { client, signal }: Asking): Promise<PodSecurityAnswer | undefined> {
  const answer = await client.create(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`, DANGEROUS_POD, {
    dryRun: true,
    signal,
    limitMs: FACT_MS,
  })
  if (answer.ok) return answerOf(namespace, undefined)
  const { said = '', kind } = answer.refusal
  return kind === 'forbidden' && isNoRight(said) ? undefined : answerOf(namespace, said)
}
