import { stringify } from 'yaml'
import { controls } from '../../controls/index.gen.ts'
import { wantedBy } from '../../engine/evaluator.ts'
import { leastClusterRole } from '../../sources/permissions.ts'
import { EXIT } from '../exit-codes.ts'

/** The ClusterRole that lets every control be judged, from what the controls declare they read. */
export async function permissionsCommand(): Promise<number> {
  process.stdout.write(permissionsYaml())
  return EXIT.clean
}

export function permissionsYaml(): string {
  return [
    '# The least that k8s-harden needs to judge every control. It can read and nothing else; Secrets are read as metadata only,',
    '# but RBAC cannot grant metadata alone: whoever holds this role can read their values. Leave that rule out and the controls',
    '# that need it answer "unknown". nodes/proxy lets its holder run commands on nodes: grant it for a scan, not for good.',
    '# --host NODE=pod wants more, in namespace k8s-harden-nodes: create, get, list and delete pods, create and get pods/exec, list events;',
    '# and get, create and delete that namespace, unless somebody has made it. To be there is to be root on the node: grant it for a run.',
    stringify(leastClusterRole(wantedBy(controls)), { lineWidth: 0 }),
  ].join('\n')
}
