import { control } from '../../model/define.ts'
import type { BindingObject, KubeconfigUser, Observation, Remark } from '../../model/index.ts'
import { placeOf, usersInFiles } from '../../objects/kubeconfig-file.ts'
import { kubeconfigUser } from '../../objects/kubeconfig-user.ts'
import { MASTERS, type MastersEvidence, requestsOfMasters } from '../../objects/masters.ts'
import { isDefaultSubject } from '../../objects/rbac-bootstrap.ts'
import { refOf, refText } from '../../objects/ref.ts'

export default control({
  title: 'Nobody must work as a member of system:masters',
  severity: 'high',
  why: 'No authorizer is asked about members of this group: no role can narrow what they may do, and no binding that is removed takes it away. A certificate that names it is good until it expires, or until the whole authority is replaced.',
  references: [
    { standard: 'CIS', section: '5.1.7' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K06' },
    { standard: 'OWASP', section: '2025/K09' },
    { standard: 'KS', section: 'C-0246' },
  ],
  reads: ['ClusterRoleBinding', 'RoleBinding'],
  consults: ['Credential', 'CertificateSigningRequest', 'Kubeconfig'],
  *evaluate(view): Iterable<Observation<MastersEvidence> | Remark> {
    for (const binding of [...view.all('ClusterRoleBinding'), ...view.all('RoleBinding')])
      if (isPointless(binding)) yield pointless(binding)
    for (const request of view.all('CertificateSigningRequest')) yield* requestsOfMasters(request, view.now)
    for (const { user, subject, at, place, isComponent } of usersInFiles(view)) {
      if (isMember(user, view.now)) yield { ...found(user, 'its certificate says so', place), subject, at, key: user.name }
      else if (user.ways.includes('client-certificate') && user.certificate === undefined && !isComponent)
        yield {
          unknown: `the certificate of user ${user.name} in ${subject.name} could not be read`,
          answer: 'openssl x509 -noout -subject -in FILE, with the file that client-certificate names: O must not be system:masters',
        }
    }
    const credential = view.fact('Credential')
    if (credential === undefined) {
      const { because, answer } = view.unread('Credential')!
      yield { unknown: `who logs in as a member of system:masters is not seen: ${because}`, answer: `${answer}; or kubectl auth whoami` }
      return
    }
    const { me, current, others } = credential
    if (me?.groups.includes(MASTERS) || isMember(current, view.now))
      yield found(current, me === undefined ? 'its certificate says so' : `the API server takes it for ${me.user}`, placeOf(current))
    else if (me === undefined)
      yield {
        unknown: `whom the API server takes the current user for is not seen: ${credential.unsaid ?? 'it did not say'}`,
        answer: 'kubectl auth whoami',
      }
    else if (current.as !== undefined)
      yield {
        unknown: `the context acts as ${current.as}, so who it really is was not said`,
        answer: 'scan with a context that has no "as"',
      }
    for (const user of others) if (isMember(user, view.now)) yield found(user, 'its certificate says so', placeOf(user))
    for (const { name, ways, certificate } of others)
      if (ways.includes('client-certificate') && certificate === undefined)
        yield {
          unknown: `the certificate of user ${name} in the kubeconfig could not be read`,
          answer: 'put the file in its place, or take the user out of the kubeconfig',
        }
    yield {
      note: 'only this kubeconfig was looked at: nobody keeps a list of the certificates that were ever issued, on a provider those of az aks get-credentials --admin and the like among them',
    }
  },
  remedy: {
    byHand:
      'make a credential of a group that roles can be bound to (kubeadm 1.29 and later: kubeadm kubeconfig user --org kubeadm:cluster-admins --client-name NAME; on AKS log in without --admin and turn local accounts off), try it with kubectl auth whoami, then take the old one away and keep super-admin.conf offline; what has got out can only be stopped by a new certificate authority',
  },
  verify: 'kubectl auth whoami does not list system:masters.',
})

const isMember = ({ certificate }: KubeconfigUser, now: number): boolean =>
  certificate?.organizations.includes(MASTERS) === true && !(Date.parse(certificate.notAfter) < now)

function found(user: KubeconfigUser, how: string, place = ''): Observation<MastersEvidence> {
  const until = user.certificate === undefined ? '' : `, until ${user.certificate.notAfter.slice(0, 10)}`
  return {
    subject: kubeconfigUser(user.name),
    origin: 'workload',
    reason: 'is a member of system:masters',
    detail: `${how}${until}${place}`,
    evidence: { by: user.certificate?.commonName ?? user.name },
  }
}

/** The one that Kubernetes makes itself is no choice of anybody's. */
const isPointless = (binding: BindingObject): boolean =>
  (binding.subjects ?? []).some((subject) => subject.kind === 'Group' && subject.name === MASTERS && !isDefaultSubject(binding, subject))

const pointless = (binding: BindingObject): Observation<MastersEvidence> => ({
  subject: refOf(binding),
  at: ['subjects'],
  severity: 'low',
  reason: 'binds a role to system:masters, whose members may do everything anyway',
  detail: `somebody meant to work as one: ${refText(refOf(binding))} grants ${binding.roleRef.kind} ${binding.roleRef.name}`,
  evidence: { by: binding.metadata.name },
})
