import { type CredentialEvidence, moveToSecret } from '../../../remediations/plaintext-credential.ts'
import { LAST_APPLIED } from '../../../remediations/secret.ts'
import { control } from '../../model/define.ts'
import type { ConfigMapObject, ContainerSpec, KubeObject, Observation, Path, Remark } from '../../model/index.ts'
import { commandsOf } from '../../objects/container-commands.ts'
import { eachContainer } from '../../objects/containers.ts'
import { credentialsInArguments, credentialsInText } from '../../objects/credential-places.ts'
import { type Credential, credentialIn, formatIn } from '../../objects/credentials.ts'
import { remembered } from '../../objects/derived.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

const ANNOTATED = ['ConfigMap', 'Service', 'Ingress'] as const

export default control({
  title: 'Credentials must not stand in environment variables, arguments, ConfigMaps or annotations',
  severity: 'high',
  why: 'Such objects are not encrypted at rest, are read by many more people than Secrets are, and end up in Git, logs and backups.',
  references: [
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2022/K08' },
    { standard: 'OWASP', section: '2025/K03' },
    { standard: 'KS', section: 'C-0012' },
    { standard: 'KS', section: 'C-0259' },
  ],
  reads: WORKLOAD_KINDS,
  consults: ['Secret', ...ANNOTATED],
  *evaluate(view): Iterable<Observation<CredentialEvidence> | Remark> {
    for (const workload of workloads(view)) yield* inWorkloadOnce(workload)
    for (const map of view.all('ConfigMap')) yield* inConfigMapOnce(map)
    for (const kind of ANNOTATED) for (const object of view.all(kind)) yield* inAnnotationsOnce(object)
    for (const secret of view.all('Secret')) {
      if (secret.metadata.annotations?.[LAST_APPLIED] === undefined) continue
      yield {
        subject: refOf(secret),
        at: ['metadata', 'annotations', LAST_APPLIED],
        severity: 'medium',
        reason: 'carries a copy of its content in an annotation',
        detail: 'kubectl apply left it there: whoever reads its metadata, or a dump of it, has the values',
        evidence: { where: 'lastApplied', name: LAST_APPLIED, format: 'copy of a Secret', length: 0 },
      }
    }
    for (const kind of ['Secret', ...ANNOTATED] as const) {
      const unread = view.unread(kind)
      if (unread !== undefined) yield { unknown: `${kind}s were not all looked at: ${unread.because}`, answer: unread.answer }
    }
  },
  remedy: moveToSecret(),
  verify: 'The old credential is refused where it was issued.',
})

type Found = Observation<CredentialEvidence>

/** Values are tested once for as long as their object does not change: a watch event must not cost a pass over every value. */
const inWorkloadOnce = remembered((workload: Workload): readonly Found[] => [
  ...inAnnotations(workload),
  ...[...eachContainer(workload.spec)].flatMap(({ container, at }) => [
    ...inContainer(workload, container, workload.at && [...workload.at, ...at]),
  ]),
])
const inConfigMapOnce = remembered((map: ConfigMapObject): readonly Found[] => [...inConfigMap(map)])

/** The value is never shown: its format and its length are. A name alone is for a human to judge. */
const found = (
  on: Pick<Found, 'subject' | 'container' | 'at' | 'key'>,
  where: CredentialEvidence['where'],
  name: string,
  { by, format, length }: Credential,
): Found => ({
  ...on,
  reason: REASONS[where],
  detail: `${name} (${by === 'format' ? format : `named like ${article(format)} ${format}${by === 'name' ? ', and looks like one' : ''}`}; ${length} characters)`,
  evidence: { where, name, format, length },
  ...(by === 'named' && { verdict: 'review' as const }),
})
const article = (word: string): string => (/^[aeiou]/i.test(word) ? 'an' : 'a')
const REASONS: Readonly<Record<CredentialEvidence['where'], string>> = {
  env: 'has a credential in an environment variable',
  argument: 'has a credential on its command line',
  data: 'has a credential in its data',
  annotation: 'has a credential in an annotation',
  binaryData: 'has a key store in its data',
  lastApplied: 'carries a copy of its content in an annotation',
}

function* inContainer({ ref: subject }: Workload, container: ContainerSpec, at: Path | undefined): Iterable<Found> {
  const on = (...path: Path) => ({ subject, container: container.name, ...(at && { at: [...at, ...path] }) })
  for (const [index, { name, value }] of (container.env ?? []).entries()) {
    const credential = typeof value === 'string' && value !== '' ? credentialIn(name, value) : undefined
    // Two variables of one name are told apart by their place.
    if (credential !== undefined)
      yield found(
        { ...on('env', container.env!.findIndex((one) => one.name === name) === index ? { name } : index, 'value'), key: name },
        'env',
        name,
        credential,
      )
  }
  for (const { list, words } of commandsOf(container)) {
    for (const { name, credential } of credentialsInArguments(words))
      yield found({ ...on(...list), key: name }, 'argument', name, credential)
  }
}

/** Of objects without a pod template: Services and entries carry settings of their controllers there. */
const inAnnotationsOnce = remembered((object: KubeObject): readonly Found[] =>
  Object.entries(object.metadata.annotations ?? {}).flatMap(([key, value]) => {
    const credential = key === LAST_APPLIED || typeof value !== 'string' ? undefined : formatIn(value)
    return credential === undefined
      ? []
      : [found({ subject: refOf(object), at: ['metadata', 'annotations', key] }, 'annotation', key, credential)]
  }),
)

function* inAnnotations({ ref: subject, at, templateAnnotations, object }: Workload): Iterable<Found> {
  const own = Object.entries(object?.metadata.annotations ?? {}).map(
    ([key, value]) => [key, value, ['metadata', 'annotations', key]] as const,
  )
  const ofTemplate =
    at === undefined || at.length < 2
      ? []
      : Object.entries(templateAnnotations).map(
          ([key, value]) => [key, value, [...at.slice(0, -1), 'metadata', 'annotations', key]] as const,
        )
  for (const [key, value, path] of [...own, ...ofTemplate]) {
    // What kubectl left there repeats the object, which is looked at itself.
    const credential = key === LAST_APPLIED || typeof value !== 'string' ? undefined : formatIn(value)
    if (credential !== undefined) yield found({ subject, at: path }, 'annotation', key, credential)
  }
}

const inData = remembered(
  (map: ConfigMapObject): readonly { readonly key: string; readonly name: string; readonly credential: Credential }[] =>
    Object.entries(map.data ?? {}).flatMap(([key, value]) => {
      if (typeof value !== 'string') return []
      const hits = [...credentialsInText(value)].map(({ name, credential }) => ({ key, name, credential }))
      const whole = hits.length > 0 || value.includes('\n') ? undefined : credentialIn(key, value)
      return whole === undefined ? hits : [{ key, name: key, credential: whole }]
    }),
)

function* inConfigMap(map: ConfigMapObject): Iterable<Found> {
  for (const { key, name, credential } of inData(map)) {
    yield found(
      { subject: refOf(map), at: ['data', key], key: name },
      'data',
      name === key || name === credential.format ? key : `${key}: ${name}`,
      credential,
    )
  }
  for (const key of map.binaryKeys ?? []) {
    const kind = /\.(p12|pfx|keystore|jks)$/i.exec(key)?.[1]?.toLowerCase()
    if (kind === undefined || /trust|cacerts/i.test(key)) continue
    yield {
      ...found({ subject: refOf(map), at: ['binaryData', key] }, 'binaryData', key, {
        by: 'format',
        format: `${kind} key store`,
        length: 0,
      }),
      detail: `${key}: what it holds is not looked at`,
      ...(kind === 'jks' && { verdict: 'review' as const }),
    }
  }
}
