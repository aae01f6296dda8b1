import { tidyKubeconfig } from '../../../remediations/kubeconfig.ts'
import { control } from '../../model/define.ts'
import type { KubeconfigFile, ObjectRef, Observation, Path, Remark, View } from '../../model/index.ts'
import { clusterFaults, type Fault, type KubeconfigEvidence, modeFault, userFaults } from '../../objects/kubeconfig-faults.ts'
import { refOf } from '../../objects/ref.ts'

type Found = Observation<KubeconfigEvidence>

export default control({
  title: 'Kubeconfigs must be private, and must tell a cluster from an impostor',
  severity: 'high',
  why: 'A kubeconfig is a key to a cluster. Whoever reads it logs in as its owner; where it does not verify the server, whoever stands between takes over the session.',
  references: [
    { standard: 'CIS', section: '1.1.13' },
    { standard: 'CIS', section: '4.1.5' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0104' },
    { standard: 'KS', section: 'C-0238' },
  ],
  reads: [],
  consults: ['KubeconfigFiles', 'Kubeconfig', 'Endpoint'],
  *evaluate(view): Iterable<Found | Remark> {
    const mine = view.fact('KubeconfigFiles')
    for (const file of mine?.files ?? []) yield* judgeOwn(file, view)
    for (const file of view.all('Kubeconfig')) {
      const subject = refOf(file)
      for (const cluster of file.clusters ?? [])
        for (const fault of clusterFaults(cluster)) yield placed(fault, subject, ['clusters', { name: cluster.name }])
      for (const user of file.users) for (const fault of userFaults(user)) yield placed(fault, subject, ['users', { name: user.name }])
    }
    if (view.all('Kubeconfig').length > 0)
      yield { note: 'who may read a kubeconfig among these files is not looked at: a copy has modes of its own' }
    if (mine?.files.length === 0) yield { notApplicable: 'this scan runs in a pod, without a kubeconfig' }
    if (mine === undefined && (view.source.kind === 'live' || view.all('Kubeconfig').length === 0)) {
      const unread = view.unread('KubeconfigFiles')
      yield view.source.kind === 'live'
        ? { unknown: unread?.because ?? 'no kubeconfig was looked at', answer: unread?.answer ?? 'scan with a kubeconfig' }
        : { unknown: 'no kubeconfig is among these files', answer: 'add admin.conf and its like, or scan a cluster with your kubeconfig' }
    }
  },
  remedy: tidyKubeconfig,
  verify: 'ls -l shows -rw------- for the file, and kubectl get --raw /livez works without --insecure-skip-tls-verify.',
})

const placed = (fault: Fault, subject: ObjectRef, at?: Path): Found => ({
  ...fault,
  subject,
  origin: 'workload',
  ...(at !== undefined && { at }),
})

function* judgeOwn(file: KubeconfigFile, view: View<'Endpoint'>): Iterable<Found | Remark> {
  const subject: ObjectRef = { apiVersion: 'k8s-harden/v1', kind: 'KubeconfigFile', name: file.path }
  if (file.problem !== undefined)
    yield { unknown: `${file.path} was not looked at: ${file.problem}`, answer: 'put the file right, or leave it out of KUBECONFIG' }
  const secrets = file.users.some(({ ways }) => ways.some((way) => way !== 'exec'))
  for (const [path, mode, holds] of [
    [file.path, file.mode, secrets ? 'with credentials in it' : 'without credentials of its own'] as const,
    ...file.keyFiles.map((key) => [key.path, key.mode, 'a key or token that it names'] as const),
  ]) {
    const fault = modeFault(path, mode, holds)
    if (fault !== undefined) yield placed(fault, subject)
  }
  if (file.gitRoot !== undefined)
    yield placed(
      {
        key: 'git',
        reason: 'lies in a Git work tree',
        detail: `of ${file.gitRoot}; whether it was committed is not looked at`,
        verdict: 'review',
        severity: 'medium',
        evidence: { fault: 'git', path: file.path },
      },
      subject,
    )
  const endpoint = view.fact('Endpoint')
  for (const cluster of file.clusters) {
    const isChosen = endpoint !== undefined && cluster.server === endpoint.url.replace(/\/+$/, '')
    const classes = isChosen ? endpoint.addresses.map((one) => one.class) : []
    for (const fault of clusterFaults(cluster, classes)) yield placed(fault, subject)
  }
  for (const user of file.users) for (const fault of userFaults(user)) yield placed(fault, subject)
}
