/** Why encryption at rest cannot be looked at or changed on the nodes, and what to do instead. */
import type { PodObject, Readable, View } from '../../model/index.ts'
import { distribution } from '../../objects/distribution.ts'
import { componentFlags, serverMinor } from '../../objects/flags.ts'
import { refOf, sameObject } from '../../objects/ref.ts'

const SAY =
  'say with --host NODE=CARRIER how every node with an API server is reached, as root (for instance --host "*=ssh:root@{address}")'

/** One clause; for a view of which `encryptionHosts` is undefined. */
export function whyNotReached(view: View<Readable>): string {
  const { name, managed } = distribution(view)
  if (managed)
    return 'the provider runs the API servers: k8s-harden scan --control sec-etcd-encryption tells what it does, and apply with the same control its command'
  if (name === 'k3s' || name === 'rke2') return `${name} manages its own keys: on a server node, ${name} secrets-encrypt status`
  if (name === 'openshift') return 'OpenShift encrypts by its own operator: oc get apiserver cluster -o yaml, under spec.encryption'
  if (view.source.kind !== 'live') return `it stands in files of the nodes of a live cluster: take --context NAME, and ${SAY}`
  const hosts = view.fact('Hosts')?.hosts ?? []
  if (hosts.length === 0) return `it stands in files of the nodes: ${SAY}`
  const refused = hosts.find((host) => host.refused !== undefined)
  if (refused !== undefined) return `node ${refused.node} could not be looked at: ${refused.refused}; ${SAY}`
  const minor = serverMinor(view)
  if (minor !== undefined && minor < 26)
    return `API servers before 1.26 cannot take up a changed file by themselves, and this one is 1.${minor}: follow the files of k8s-harden generate --control sec-etcd-encryption`
  const missing = nodesOfServers(view).filter((node) => !hosts.some((host) => host.node === node))
  if (missing.length > 0)
    return `an API server runs on ${missing.join(', ')}, which no --host names: changes are made on all of them or on none; ${SAY}`
  return `not every API server is seen with its node and an EncryptionConfiguration that can be read and is known here: ${SAY}`
}

const nodesOfServers = (view: View<Readable>): readonly string[] =>
  componentFlags(view, 'kube-apiserver').instances.flatMap(({ subject }) => {
    const pod = view.all('Pod').find((one) => sameObject(refOf(one), subject)) as PodObject | undefined
    return pod?.spec.nodeName ?? []
  })
