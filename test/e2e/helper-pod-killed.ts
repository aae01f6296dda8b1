/** Writes a file of node-0 anew through a helper pod, one content after the other, until it is killed. Arguments: kubeconfig, image, path. */
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { HelperPodHost } from '../../src/hosts/helper-pod-host.ts'

const [kubeconfig = '', image = '', path = ''] = process.argv.slice(2)
const host = new HelperPodHost(new ApiClient(pickContext({ kubeconfig })), 'node-0', { image })
for (let before = await host.read(path), turn = 0; ; turn++) {
  await host.write(path, (turn % 2 === 0 ? 'b' : 'a').repeat(1_000_000), { mode: 0o600, expected: before?.sha256 ?? null })
  before = await host.read(path)
  process.stdout.write('written\n')
}
