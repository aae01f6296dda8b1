/** Kubeconfigs on the machine of the operator: a command for who may read them, words for what is in them. */
import { remedy } from '../src/model/define.ts'
import type { Proposal } from '../src/model/index.ts'
import type { KubeconfigEvidence } from '../src/objects/kubeconfig-faults.ts'

const BY_HAND: Readonly<Record<Exclude<KubeconfigEvidence['fault'], 'permissions'>, string>> = {
  git: 'move the file out of the work tree (~/.kube) and name it in KUBECONFIG; if git log --all -- FILE shows it was ever committed, its credentials are everybody’s: have new ones made',
  tls: 'take insecure-skip-tls-verify out and put the CA in: kubectl config set-cluster NAME --certificate-authority=ca.crt --embed-certs, with the ca.crt that the administrator or the provider gives you, never one fetched over this very connection',
  plain: 'use the https address of the API server, with its CA; through a bastion, kubectl works over an SSH tunnel as well',
  authority:
    'set the CA of the cluster, unless its certificate is from a public authority: kubectl config set-cluster NAME --certificate-authority=ca.crt --embed-certs',
  name: 'connect to a name that stands in the certificate, or have the address added to it; leave it where a tunnel is the reason',
  proxy:
    'use a proxy with an https:// address, or an SSH tunnel that ends on this machine; a password in proxy-url crosses the network in the clear',
  inside:
    'log in through a plugin (kubelogin, the one of the cloud) that gets short-lived tokens, then take the token or password out of the file and have it withdrawn where it was issued',
  provider: 'replace auth-provider by the exec plugin that came after it: gke-gcloud-auth-plugin, kubelogin (Azure), kubectl oidc-login',
  plugin: 'name the plugin by its absolute path, or by its bare name with its directory in PATH',
}

export const tidyKubeconfig = remedy<KubeconfigEvidence>({
  family: 'kubeconfig',
  reads: [],
  propose({ evidence: { fault, path, mode } }): Proposal {
    if (fault !== 'permissions') return { byHand: BY_HAND[fault] }
    if (path === undefined || mode === undefined) return { byHand: 'chmod 600 the file' }
    return {
      changes: [
        {
          type: 'command',
          argv: ['chmod', '600', path],
          undo: ['chmod', mode.toString(8).padStart(3, '0'), path],
          where: 'a shell on this machine, as the owner of the file',
        },
      ],
      risk: 'safe',
      summary: `let nobody but its owner read ${path}`,
      mayBreak: ['other users of this machine who share the file lose it: give them a kubeconfig of their own'],
    }
  },
})
