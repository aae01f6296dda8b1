import { expect, test } from 'vitest'
import { cli } from '../helpers/cli.ts'
import { directoryOf } from './manifests-helper.ts'

test('drop-ins without the file that they change let nothing pass', async () => {
  using directory = directoryOf({
    'kubelet.conf.d/10-pids.yaml': 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nreadOnlyPort: 0\n',
  })
  const { stdout } = await cli(['scan', '--manifests', directory.path, '-o', 'json'])
  const { results } = JSON.parse(stdout) as { results: { control: string; status: string }[] }
  const kubelets = results.filter(({ control }) => /^node-(kubelet-|pod-pids|seccomp-default)|^sec-kubelet/.test(control))
  expect(kubelets.length).toBeGreaterThan(6)
  expect(kubelets.filter(({ status }) => status !== 'unknown')).toEqual([])
})
