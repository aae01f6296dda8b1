/** Flags where neither a manifest nor a provider's command is the place for them, and where a tool writes them again later. */
import { describe, expect, test } from 'vitest'
import { proposeFlags } from '../../remediations/apiserver-flag.ts'
import { encryptionElsewhere } from '../../remediations/encryption-elsewhere.ts'
import type { Change, Finding } from '../../src/model/index.ts'
import { componentFlags } from '../../src/objects/flags.ts'
import { worldOf } from '../helpers/world.ts'

interface Made {
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly version?: string
  readonly flags?: readonly string[]
  readonly hosts?: boolean
}
function world({ labels, annotations, version = 'v1.36.1', flags, hosts }: Made) {
  const host = {
    node: 'n',
    carrier: 'ssh',
    controlPlane: true,
    unread: [],
    files: [{ path: '/etc/kubernetes/manifests/kube-apiserver.yaml', role: 'static-pod', is: 'file', mode: 0o600, uid: 0, gid: 0 }],
  }
  return worldOf(
    [
      {
        apiVersion: 'k8s-harden.test/v1',
        kind: 'World',
        kubernetes: version,
        facts: {
          ...(flags === undefined && { ApiServerFlagz: { flags: { profiling: 'true' } } }),
          ...(hosts && { Hosts: { hosts: [host] } }),
        },
      },
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', labels, annotations } },
      ...(flags === undefined
        ? []
        : [
            {
              apiVersion: 'v1',
              kind: 'Pod',
              metadata: { name: 'kube-apiserver-n', namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
              spec: { nodeName: 'n', containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', ...flags] }] },
            },
          ]),
    ]
      .map((one) => JSON.stringify(one))
      .join('\n---\n'),
  ).snapshot
}
function proposed(made: Made) {
  const view = world(made)
  const [instance] = componentFlags(view, 'kube-apiserver').instances
  return proposeFlags({ flags: { profiling: 'false' } }, { subject: instance!.subject, evidence: null } as unknown as Finding, {
    view,
    options: {},
  })
}
const MICROK8S = { labels: { 'microk8s.io/cluster': 'true' } }
const KOPS = { labels: { 'kops.k8s.io/instancegroup': 'cp' } }
const K0S = { version: 'v1.36.1+k0s.0' }

describe('told in words', () => {
  test.each([
    ['MicroK8s', MICROK8S, ['/var/snap/microk8s/current/args/kube-apiserver set --profiling=false', 'snap restart']],
    ['k0s', K0S, ['/etc/k0s/k0s.yaml', 'spec.api.extraArgs', 'k0scontroller']],
    ['kops', KOPS, ['kops edit cluster', 'spec.kubeAPIServer set --profiling=false', 'kops rolling-update']],
    ['kops, whose nodes are reached', { ...KOPS, flags: ['--profiling=true'], hosts: true }, ['kops edit cluster']],
    ['OpenShift', { labels: { 'node.openshift.io/os_id': 'rhcos' } }, ["OpenShift's operators"]],
  ] as const)('%s', (_what, made, words) => {
    const proposal = proposed(made)
    for (const one of words) expect(proposal).toEqual({ byHand: expect.stringContaining(one) })
    expect(JSON.stringify(proposal)).not.toContain('/etc/kubernetes/manifests')
  })

  test('a provider that is not known by name in our commands is still a provider', () => {
    expect(proposed({ labels: { 'lke.linode.com/pool-id': '1' } })).toEqual({
      byHand: expect.stringContaining('the provider runs the control plane'),
    })
  })

  test.each([
    ['kops', KOPS, 'kops create secret encryptionconfig'],
    ['MicroK8s', MICROK8S, '/var/snap/microk8s/current/args/kube-apiserver'],
    ['k0s', K0S, 'spec.api.extraArgs'],
  ] as const)('encryption with %s', (_what, made, words) => {
    expect(encryptionElsewhere('plain', world(made))).toEqual({ byHand: expect.stringContaining(words) })
  })
})

describe('what the maker is told as well', () => {
  const runbook = (made: Made) => {
    const proposal = proposed(made)
    if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
    return (proposal.changes as Extract<Change, { type: 'file' }>[]).flatMap((change) => change.runbook).join('\n')
  }
  const flags = ['--profiling=true']
  test.each([
    ['Cluster API', { annotations: { 'cluster.x-k8s.io/machine': 'm' }, flags }, 'KubeadmControlPlane'],
    ['minikube', { labels: { 'minikube.k8s.io/name': 'm' }, flags }, '--extra-config=apiserver.profiling=VALUE'],
    ['kubespray', { flags: [...flags, '--tls-cert-file=/etc/kubernetes/ssl/apiserver.crt'] }, 'kube_kubeadm_apiserver_extra_args'],
  ])('%s', (_what, made, words) => {
    expect(runbook(made)).toContain(words)
    const onNodes = proposed({ ...made, hosts: true })
    if (!('changes' in onNodes)) throw new Error(JSON.stringify(onNodes))
    expect(onNodes.changes[0]!.type).toBe('host')
    expect(onNodes.mayBreak?.join()).toContain(words)
  })

  test('nobody where kubeadm alone made it', () => {
    expect(runbook({ flags: [...flags, '--tls-cert-file=/etc/kubernetes/pki/apiserver.crt'] })).not.toMatch(
      /kubespray|Cluster API|minikube/,
    )
  })
})
