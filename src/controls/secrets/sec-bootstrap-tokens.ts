import { type BootstrapEvidence, removeBootstrapSecret } from '../../../remediations/bootstrap-token.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, SecretObject } from '../../model/index.ts'
import { componentFlags, FLAG_LADDER, isOn, listFlag, serverMinor } from '../../objects/flags.ts'
import { isNarrowed } from '../../objects/narrowed.ts'
import { refOf } from '../../objects/ref.ts'

const HOUR = 3_600_000
/** kubeadm gives a token 24 hours, and the keys of a control plane 2. */
const TOKEN_LIVES = 24 * HOUR
const KEYS_LIVE = 2 * HOUR
const DEFAULT_GROUP = 'system:bootstrappers:kubeadm:default-node-token'

type Found = Observation<BootstrapEvidence> | Remark

export default control({
  title: 'Bootstrap tokens must expire, and keys for joining a control plane must not be left behind',
  severity: 'medium',
  why: 'Whoever has a bootstrap token can join a machine to the cluster and run pods of others on it. The Secret kubeadm-certs holds the private keys of the whole cluster, locked by one key that was printed on a terminal.',
  references: [
    { standard: 'CIS', section: '3.1.3' },
    { standard: 'KS', section: 'C-0288' },
  ],
  reads: ['Secret'],
  consults: FLAG_LADDER,
  *evaluate(view): Iterable<Found> {
    if (isNarrowed(view, 'Secret') && !view.source.namespaces!.includes('kube-system')) {
      yield {
        unknown: 'bootstrap tokens are in kube-system, which was left out of this scan',
        answer: 'scan kube-system as well (-n kube-system)',
      }
      return
    }
    const minor = serverMinor(view)
    const managers = componentFlags(view, 'kube-controller-manager').instances
    const cleaned =
      managers.length > 0 &&
      managers.every((one) =>
        listFlag(one, 'controllers', minor).some((name) => name === 'tokencleaner' || name === 'token-cleaner-controller'),
      )
    let tokens = 0
    for (const secret of view.all('Secret')) {
      if (secret.metadata.namespace !== 'kube-system') continue
      const age = view.now - Date.parse(secret.metadata.creationTimestamp ?? '')
      if (secret.metadata.name === 'kubeadm-certs') yield* leftKeys(secret, age)
      if (secret.type !== 'bootstrap.kubernetes.io/token') continue
      tokens++
      if (secret.bootstrap !== undefined) yield* written(secret, secret.bootstrap, view.now)
      else if (view.source.kind === 'live') yield byAge(secret, age, cleaned)
      else
        yield {
          unknown: `whether ${secret.metadata.name} expires cannot be seen: its content is not in the file`,
          answer: `kubeadm token list`,
        }
    }
    const servers = componentFlags(view, 'kube-apiserver').instances
    if (tokens === 0 && servers.some((one) => isOn(one, 'enable-bootstrap-token-auth', minor)))
      yield { note: 'the API server takes bootstrap tokens (--enable-bootstrap-token-auth), and there are none' }
  },
  remedy: removeBootstrapSecret,
  verify: 'kubeadm token list shows no token with <forever>, and kubectl get secrets -n kube-system shows no kubeadm-certs.',
})

const on = (secret: SecretObject): Pick<Observation<BootstrapEvidence>, 'subject' | 'origin' | 'evidence'> => ({
  subject: refOf(secret),
  // kubeadm puts them there, for the operator.
  origin: 'workload',
  evidence: { name: secret.metadata.name },
})

function* written(secret: SecretObject, bootstrap: NonNullable<SecretObject['bootstrap']>, now: number): Iterable<Found> {
  const { expiration, authentication, groups } = bootstrap
  const end = Date.parse(expiration ?? '')
  if (expiration === undefined || expiration === '')
    yield { ...on(secret), key: 'expiration', reason: 'is a bootstrap token that never expires' }
  else if (Number.isNaN(end))
    // The authenticator refuses it; whoever wrote it meant something else.
    yield { ...on(secret), key: 'expiration', reason: 'is a bootstrap token whose expiration is no time', severity: 'low' }
  else if (end <= now)
    yield { ...on(secret), key: 'expiration', reason: 'is a bootstrap token that has expired', detail: `on ${expiration}`, severity: 'low' }
  else if (end - now > 2 * TOKEN_LIVES)
    yield {
      ...on(secret),
      key: 'expiration',
      reason: 'is a bootstrap token that lives for days',
      detail: `until ${expiration}`,
      severity: 'low',
    }
  const others = groups.filter((group) => group !== DEFAULT_GROUP)
  if (authentication && others.length > 0)
    yield {
      ...on(secret),
      key: 'groups',
      verdict: 'review',
      reason: 'lets whoever has the token in as a group of its own',
      detail: others.join(', '),
    }
}

/** Live, its content is never read: the time since it was made has to tell. */
function byAge(secret: SecretObject, age: number, cleaned: boolean): Found {
  if (Number.isNaN(age) || age <= TOKEN_LIVES)
    return {
      ...on(secret),
      key: 'expiration',
      verdict: 'review',
      severity: 'low',
      reason: 'is a bootstrap token, and whether it expires is not looked at',
      detail: `${ageText(age)}; kubeadm token list says until when it is good`,
    }
  return {
    ...on(secret),
    key: 'expiration',
    reason: 'is a bootstrap token that is older than a day',
    detail: `${ageText(age)}: ${cleaned ? 'expired ones are cleared away, so it has no end, or a late one' : 'it has no end, or nothing clears expired ones away'}; kubeadm token list tells`,
    // Where nothing clears up it may be one that is refused already.
    ...(!cleaned && age < 7 * TOKEN_LIVES && { verdict: 'review' as const }),
  }
}

function* leftKeys(secret: SecretObject, age: number): Iterable<Found> {
  if (age <= KEYS_LIVE) {
    yield { note: 'kubeadm-certs is there, made within the last two hours: it goes when its token expires' }
    return
  }
  yield {
    ...on(secret),
    key: 'keys',
    reason: 'holds the private keys of the control plane, for a join that is long over',
    detail: Number.isNaN(age) ? 'it is meant to be there for two hours' : `${ageText(age)}; it is meant to be there for two hours`,
  }
}

const ageText = (age: number): string =>
  Number.isNaN(age)
    ? 'of unknown age'
    : age < 2 * 24 * HOUR
      ? `made ${Math.floor(age / HOUR)} hours ago`
      : `made ${Math.floor(age / 24 / HOUR)} days ago`
