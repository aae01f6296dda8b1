/** Keys and issuer of service account tokens: flags that are safe to set are set; a change of keys is told step by step. */
import { remedy } from '../src/model/define.ts'
import type { Proposal } from '../src/model/index.ts'
import { componentFlags, effectiveFlag, FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { proposeFlags } from './apiserver-flag.ts'

export interface KeyEvidence {
  readonly component: 'kube-apiserver' | 'kube-controller-manager'
  readonly lacks: 'key' | 'lookup' | 'issuer' | 'private-key' | 'root-ca'
}

const NEW_KEY =
  'make a key pair for tokens alone and change over without a moment in which a token is not known: (1) openssl genrsa -out /etc/kubernetes/pki/sa.key 3072 and openssl rsa -in sa.key -pubout -out sa.pub, the same two files on every control-plane node; (2) on every API server name both as verifiers, --service-account-key-file once for the old key and once for sa.pub, and wait until all run with it; (3) only then let --service-account-signing-key-file of every API server and --service-account-private-key-file of every controller manager name sa.key; (4) take the old verifier out once no token of the old key is left: after a year where tokens are extended, and with the old token Secrets made anew'
const NEW_ISSUER =
  'name the new https issuer first and keep the old one as a second --service-account-issuer on every API server: the first signs, all are taken. Whoever verifies tokens outside of the cluster (cloud roles, Vault) must know the new one first. Take the old one out after a year, or a day where tokens are not extended'

export const mendTokenKeys = remedy<KeyEvidence>({
  family: 'apiserver-flag',
  reads: FLAG_LADDER,
  propose(finding, context): Proposal {
    const { component, lacks } = finding.evidence
    const { view } = context
    if (lacks === 'key') return { byHand: NEW_KEY }
    if (lacks === 'issuer') return { byHand: NEW_ISSUER }
    if (lacks === 'lookup')
      return proposeFlags(
        { flags: { 'service-account-lookup': 'true' }, mayBreak: ['tokens of deleted accounts, pods and Secrets are answered 401'] },
        finding,
        context,
      )
    const [server] = componentFlags(view, 'kube-apiserver').instances
    const source = lacks === 'private-key' ? 'service-account-signing-key-file' : 'client-ca-file'
    const file = server && effectiveFlag(server, source, serverMinor(view)).value
    const flag = lacks === 'private-key' ? 'service-account-private-key-file' : 'root-ca-file'
    if (file === undefined || !file.startsWith('/'))
      return { byHand: `set --${flag} on ${component}: the file that --${source} of the API server names is the one in most clusters` }
    return proposeFlags(
      {
        component,
        flags: { [flag]: file },
        files: [{ name: 'k8s-certs', path: file.slice(0, file.lastIndexOf('/')), type: 'DirectoryOrCreate', readOnly: true }],
        mayBreak: [`it does not start where ${file} is not on its node`],
      },
      finding,
      context,
    )
  },
})
