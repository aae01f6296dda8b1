/** NetworkPolicies that are enforced: the policy engine of kube-network-policies, run on a node of ours. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execaSync } from 'execa'
import { cacheDir } from '../binaries.ts'
import { componentKubeconfig, type Site, waitFor } from '../control-plane.ts'
import { buildPrograms, goIsThere, type Report } from '../go-build.ts'
import { withLock } from '../lock.ts'
import { type Build, goEnv, kubernetesVersion } from '../recipe.ts'
import type { Namespaces } from './namespaces.ts'

const source = fileURLToPath(new URL('./policies/main.go', import.meta.url))
const staging = kubernetesVersion.replace('v1.', 'v0.')

const build: Build<'policies'> = {
  program: 'policies',
  module: {
    name: 'policies',
    requires: ['sigs.k8s.io/kube-network-policies', 'v0.8.0'],
    // The versions of Kubernetes itself: its build has compiled them already.
    also: ['api', 'apimachinery', 'client-go', 'component-base', 'component-helpers'].map((name) => [`k8s.io/${name}`, staging] as const),
    main: readFileSync(source, 'utf8'),
  },
  package: '.',
  ldflags: '-s -w',
}

/** A cache key of its own: what is built for a node stays as it is when this changes. */
const folder = () =>
  cacheDir(
    `policies-${createHash('sha256')
      .update(JSON.stringify([build, goEnv, process.platform, process.arch]))
      .digest('hex')
      .slice(0, 12)}`,
  )
const program = () => join(folder(), 'bin', build.program)

/** Why no policies can be enforced here, in one sentence; undefined when they can, as far as is known before the build. */
export function whyNoPolicies(): string | undefined {
  if (!existsSync(program())) return goIsThere() ? undefined : 'the policy engine cannot be built without Go'
  const tried = execaSync('unshare', ['--net', program(), 'try'], { reject: false })
  return tried.failed ? `this kernel hands no packets to a policy engine: ${tried.stderr || tried.shortMessage}` : undefined
}

/** Builds it where it is missing, one builder at a time across processes. */
export async function policyProgram(report: Report): Promise<string> {
  if (existsSync(program())) return program()
  await mkdir(folder(), { recursive: true })
  await withLock(
    join(folder(), 'build.lock'),
    () => buildPrograms(folder(), [build], report),
    () => report('waiting for another process that builds the policy engine'),
  )
  return program()
}

/** From here on the node enforces what policies there are; returns when it does. */
export async function enforcePolicies(site: Site, node: Namespaces, name: string): Promise<void> {
  const file = await policyProgram(console.warn)
  const kubeconfig = await componentKubeconfig(site, { user: `policies-${name}`, groups: ['system:masters'] })
  const [config, log] = ['/etc/kubernetes/policies.kubeconfig', '/var/log/policies.log']
  await writeFile(node.path(config), await readFile(kubeconfig))
  // Pods of one node reach each other over its bridge: what crosses that is to be seen by the packet filter too.
  await node.run(['sh', '-c', 'echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables'])
  const running = node.start('policies', ['sh', '-c', `exec ${file} ${config} ${name} > ${log} 2>&1`])
  await waitFor(`the policy engine of ${name}`, running, async () => (await readFile(node.path(log), 'utf8')).includes('enforcing'))
}
