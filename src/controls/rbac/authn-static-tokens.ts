import { setFlags } from '../../../remediations/apiserver-flag.ts'
import { control, remedy } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { componentFlags, FLAG_LADDER, flagFinding } from '../../objects/flags.ts'
import { usersInFiles } from '../../objects/kubeconfig-file.ts'
import { lastingLogins, loginInFile, type StaticLogin } from '../../objects/static-logins.ts'

const FILES = ['token-auth-file', 'basic-auth-file'] as const

export default control({
  title: 'Nobody must log in with a token from a list, a password, or the token of a service account',
  severity: 'high',
  why: 'Such tokens stand in files, say nothing of who uses them, and are good until somebody thinks of them. A list of tokens is read at start only, so taking one back restarts every API server.',
  references: [
    { standard: 'CIS', section: '1.2.2' },
    { standard: 'CIS', section: '3.1.2' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2025/K09' },
    { standard: 'KS', section: 'C-0114' },
    { standard: 'KS', section: 'C-0287' },
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'Credential', 'Kubeconfig'],
  *evaluate(view): Iterable<Observation<StaticLogin> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    for (const instance of instances)
      for (const flag of FILES)
        if (instance.flags.get(flag))
          yield {
            ...flagFinding(instance, flag),
            reason: flag === 'token-auth-file' ? 'takes tokens from a list in a file' : 'takes passwords from a list in a file',
            evidence: { flag },
          }
    yield* remarks
    if (unknown !== undefined) yield unknown
    for (const user of usersInFiles(view)) yield* loginInFile(user)
    const credential = view.fact('Credential')
    if (credential === undefined) {
      yield { note: `the users of a kubeconfig were not looked at: ${view.unread('Credential')!.because}` }
      return
    }
    yield* lastingLogins(credential.current, true)
    for (const user of credential.others) yield* lastingLogins(user, false)
    if (credential.current.ways.includes('service-account'))
      yield { note: 'this scan runs in a pod, with the token of its own service account' }
  },
  remedy: remedy<StaticLogin>({
    family: 'apiserver-flag',
    reads: FLAG_LADDER,
    propose(finding, context) {
      const { flag } = finding.evidence
      if (flag === undefined) return { byHand: finding.reason.startsWith('logs in as a service account') ? ROBOT : PERSON }
      return setFlags({
        flags: { [flag]: null },
        mayBreak: [
          `whoever logs in with an entry of that file gets 401 from then on: see who does before, in an audit log or in apiserver_request_total, and give them something else`,
        ],
        first: ['give everybody whom the file names another way in, and try it'],
        verify: ['a token of the file is answered 401'],
      }).propose(finding, context)
    },
  }),
  verify: 'A token or password of the old file is answered 401, and kubectl auth whoami names a person.',
})

const ROBOT =
  'give the person a login of their own (kubelogin for an identity provider, the plugin of the cloud), delete the token Secret it came from, and take the user out of the kubeconfig; a pipeline asks for a token when it needs one: kubectl create token NAME --duration=1h'
const PERSON =
  'log in through an identity provider (kubectl config set-credentials NAME --exec-command=kubelogin …), then take the old user out of the kubeconfig and out of whatever made it'
