/** Encryption at rest where the distribution writes the EncryptionConfiguration itself: its own setting and its own commands, never an edit of that file. */
import type { Change, Proposal, Readable, View } from '../src/model/index.ts'
import { distribution } from '../src/objects/distribution.ts'
import type { ProviderFault } from '../src/objects/encryption-weakness.ts'
import { serverMinor } from '../src/objects/flags.ts'
import type { Rancher } from '../src/objects/rancher-settings.ts'
import { restartOf } from './rancher-config.ts'
import { TALOS_FIRST, TALOS_LAST } from './talos-patch.ts'

/** Undefined where the file is the operator's. `plain`: Secrets are written in plain text now. */
export function encryptionElsewhere(about: ProviderFault | 'plain', view: View<Readable>): Proposal | undefined {
  const { name } = distribution(view)
  switch (name) {
    case 'k3s':
    case 'rke2':
      return atRancher(about, name, view)
    case 'talos':
      return atTalos(about)
    case 'openshift':
      return {
        byHand:
          'OpenShift encrypts by its own operator: oc patch apiserver cluster --type merge -p \'{"spec":{"encryption":{"type":"aesgcm"}}}\', then wait until every resource is reported as migrated',
      }
    case 'kops':
      // https://kops.sigs.k8s.io/cli/kops_create_secret_encryptionconfig/
      return {
        byHand: `kops hands the file to its nodes: ${FILE}, give it with kops create secret encryptionconfig -f FILE (--force in place of the present one), set spec.encryptionConfig: true (kops edit cluster), then kops update cluster --yes and kops rolling-update cluster --yes; ${ANEW}`,
      }
    case 'microk8s':
      return {
        byHand: `MicroK8s has no pod to edit: ${FILE}, place it with mode 0600, root, on every node, add --encryption-provider-config=FILE to /var/snap/microk8s/current/args/kube-apiserver, and snap restart microk8s.daemon-kubelite on one node after the other; ${ANEW}`,
      }
    case 'k0s':
      return {
        byHand: `k0s has no pod to edit: ${FILE}, place it with mode 0600, root, on every controller, set encryption-provider-config under spec.api.extraArgs of /etc/k0s/k0s.yaml, and systemctl restart k0scontroller on one after the other; ${ANEW}`,
      }
    default:
      return undefined
  }
}
const FILE =
  'write an EncryptionConfiguration, the very same for all API servers, with identity first and a secretbox key of 32 random bytes after it, and once all have that, the key first (what is there stays after it as long as anything is stored with it)'
const ANEW = 'then store all Secrets anew: k8s-harden apply --control sec-etcd-encryption-coverage'

function atRancher(about: ProviderFault | 'plain', name: Rancher, view: View<Readable>): Proposal {
  if (about === 'plain') return { byHand: turnedOff(name) }
  if (about === 'identity')
    return { byHand: `${name} writes its EncryptionConfiguration itself, with identity last: it has no setting that leaves it out` }
  const minor = serverMinor(view)
  const rotate = rotation(name)
  if (about === 'key' || (minor ?? 0) < 30)
    return {
      byHand: `${name} manages its own keys, so its file is never edited: ${[...rotate, ...(about === 'key' ? [] : [AFTER_UPGRADE])].join('; ')}`,
    }
  const target = `/etc/rancher/${name}/config.yaml.d/90-k8s-harden-encryption.yaml`
  const file: Change = {
    type: 'file',
    name: `${name}-encryption.yaml`,
    text: {
      text: `# Place as ${target} on every server node. It counts for the keys that are made from then on.\nsecrets-encryption-provider: secretbox\n`,
    },
    mode: 0o600,
    runbook: [
      `\`${name} --version\` says 1.30.12, 1.31.8, 1.32.4, 1.33.0 or later on every server: older ones know no other provider than aescbc`,
      `on every server node: \`install -D -o root -g root -m 0600 ${name}-encryption.yaml ${target}\``,
      `on one server node after the other: \`${restartOf(name)}\`, and wait until \`kubectl get --raw=/readyz\` says ok before the next node`,
      ...rotate,
      'scan again: `k8s-harden scan`',
    ],
    rollback: [`\`rm ${target}\` on every server node, \`${restartOf(name)}\` on one after the other, and once more: ${rotate.join('; ')}`],
  }
  return {
    changes: [file],
    risk: 'may-break',
    summary: `have ${name} encrypt Secrets with secretbox and a new key`,
    mayBreak: [
      'a server that is restarted is away for some seconds',
      `whoever loses the keys loses every Secret: they are part of a snapshot of ${name}'s datastore, which is of no use without the token of the servers`,
    ],
  }
}
const AFTER_UPGRADE = 'after an upgrade to 1.33 or later set secrets-encryption-provider: secretbox on every server and rotate once more'

/** https://docs.k3s.io/cli/secrets-encrypt, Encryption Key Rotation (1.30.5, 1.31.1 and later); RKE2 has the same command. */
const rotation = (name: Rancher): readonly string[] => [
  `take a snapshot of the datastore first: \`${name} etcd-snapshot save\`, or what the datastore has itself where that is no etcd`,
  `on one server: \`${name} secrets-encrypt rotate-keys\`, and wait until \`${name} secrets-encrypt status\` there says reencrypt_finished`,
  `restart that server, and then the others one by one: \`${restartOf(name)}\`; afterwards all hashes of \`${name} secrets-encrypt status\` match`,
]

/** https://docs.k3s.io/cli/secrets-encrypt: enabling is documented for servers that have encrypted before only; RKE2 encrypts from its first start. */
const turnedOff = (name: Rancher): string =>
  `${name} manages its own keys, so its file is never edited: take a snapshot of its datastore and look with "${name} secrets-encrypt status"; where it was turned off, run "${name} secrets-encrypt enable", restart the servers one by one and run "${name} secrets-encrypt reencrypt --force --skip"; ${name === 'k3s' ? 'a cluster that began without --secrets-encryption has no documented way to turn it on later: see the notes of your release, or move to a new cluster' : 'the status says why where it was never on'}`

/** Talos makes the file of what the machine configuration has: secretbox before aescbc before identity (its template kube-apiserver encryption config). */
function atTalos(about: ProviderFault | 'plain'): Proposal {
  if (about === 'identity')
    return {
      byHand: 'Talos writes its EncryptionConfiguration itself, with identity last: no setting of the machine configuration leaves it out',
    }
  if (about === 'key')
    return {
      byHand:
        'Talos has one key of each kind, and with another one in its place nothing could be read any more: where it is aescbcEncryptionSecret that is weak, add cluster.secretboxEncryptionSecret on all control-plane nodes, store all Secrets anew, and then take the old one out',
    }
  const name = 'talos-encryption.yaml'
  return {
    changes: [
      {
        type: 'file',
        name,
        text: {
          text: '# A patch of the machine configuration of every control-plane node: the very same on all of them.\ncluster:\n  secretboxEncryptionSecret: "{{key 1}}"\n',
          secretKeys: 1,
        },
        mode: 0o600,
        runbook: [
          'nothing may be set there yet: `talosctl -n NODE get mc v1alpha1 -o yaml | grep -c secretboxEncryptionSecret` says 0 on every control-plane node; with another key in its place nothing could be read any more',
          ...TALOS_FIRST,
          `keep a copy of ${name} away from the cluster and its backups`,
          `on all control-plane nodes, one right after the other: \`talosctl -n NODE patch mc --mode=no-reboot -p @${name}\`; until the last one has it, it cannot read what those before it write`,
          'once `talosctl -n NODE get staticpodstatus` shows kube-apiserver ready on all of them, store all Secrets anew: `k8s-harden apply --control sec-etcd-encryption-coverage`',
          'scan again: `k8s-harden scan`',
        ],
        rollback: ['not once anything was written with the key: nobody could read it any more. Before that:', ...TALOS_LAST],
      },
    ],
    risk: 'may-break',
    summary: 'have Talos encrypt Secrets with secretbox',
    mayBreak: [
      'the API servers restart, one after the other',
      'whoever loses the key loses every Secret: keep a copy of it away from the cluster and its backups',
      'until all control-plane nodes have the patch, one may write what another cannot read',
    ],
  }
}
