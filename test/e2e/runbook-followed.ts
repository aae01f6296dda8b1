/** An operator who does what a runbook says and nothing else: a line that is not understood word for word is a failure of the runbook. */
import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { parse, parseDocument, stringify } from 'yaml'
import type { RealNode } from '../cluster/nodes/node.ts'

export interface Operator {
  /** Where the files were handed over. */
  readonly directory: string
  readonly node: RealNode
  /** Environment of a shell that has kubectl, on this machine. */
  readonly env: Readonly<Record<string, string>>
  /** Lines that only a person can follow; what they ask is no business of the test. */
  readonly leftToPeople: readonly RegExp[]
}
export interface Deed {
  readonly line: string
  readonly said: string
}

/** The numbered lines of each step of a README: what to do, and the way back. */
export function stepsOf(readme: string): readonly { readonly title: string; readonly apply: string[]; readonly undo: string[] }[] {
  const plan = readme.slice(readme.indexOf('## Steps, in this order')).split(/^## (?!Steps)/m)[0]!
  return plan
    .split(/^### \d+\. /m)
    .slice(1)
    .map((step) => {
      const [, apply = '', undo = ''] = /^Apply:\n\n([\s\S]*?)(?:^Undo:\n\n([\s\S]*))?$(?![\s\S])/m.exec(step) ?? []
      const lines = (text: string) =>
        [...text.matchAll(/^\d+\. (.*)$/gm)].map(([, line]) => line!.replaceAll(/\\([\\`*_[\]<>|#~!&])/g, '$1'))
      return { title: step.split('\n')[0]!, apply: lines(apply), undo: lines(undo) }
    })
}

/** Follows the lines in order. */
export async function follow(lines: readonly string[], operator: Operator): Promise<readonly Deed[]> {
  const done: Deed[] = []
  for (const line of lines) done.push({ line, said: await followOne(line, operator) })
  return done
}

async function followOne(line: string, operator: Operator): Promise<string> {
  const commands = [...line.matchAll(/`` (.+?) ``|`([^`]+)`/g)].map(([, fenced, plain]) => fenced ?? plain!)
  if (/^on (the node|every node|every control-plane node|the node that does not come back.*), as root: /.test(line)) {
    const needed = line.includes('and where one was there before') ? commands.slice(0, 1) : commands
    let said = ''
    for (const command of needed) said += await onNode(command, operator, command.startsWith('diff ') ? [0, 1] : [0])
    return said
  }
  const edited = /^in (\/\S+), under (command|args), set: /.exec(line)
  if (edited) return onManifest(edited[1]!, operator, (list) => commands.reduce<string[]>(set, [...list]), edited[2]!)
  const mounted = /^in (\/\S+), under volumes, add: .* and under volumeMounts, add: /.exec(line)
  if (mounted) return addMount(mounted[1]!, operator, commands)
  const copied = /^copy (\S+) to every control-plane node \(\S+\), into (\/\S+)\/ /.exec(line)
  if (copied) {
    await onNode(commands[0]!, operator)
    // As scp leaves it.
    return onNode(`cat > ${copied[2]}/${copied[1]}`, operator, [0], await readFile(join(operator.directory, 'files', copied[1]!), 'utf8'))
  }
  const merged = /^merge (\S+) into the text under (\w+): /.exec(line)
  if (merged) return mergeIntoConfigMap(join(operator.directory, 'files', merged[1]!), merged[2]!, operator)
  if (
    /^(keep a copy|scan again|once all of them have it, keep a copy|store anew what is stored|prove it): /.test(line) ||
    /^`kubectl get --raw \S+ \| grep /.test(line)
  ) {
    let said = ''
    for (const command of commands.filter((one) => /^(kubectl|echo) /.test(one))) said += await inShell(command, operator)
    return said
  }
  if (operator.leftToPeople.some((known) => known.test(line))) return ''
  throw new Error(`the runbook says what nobody can follow word for word: ${line}`)
}

/** In the node's namespaces, with a home of root's own: the rest of the file system is this machine's. */
async function onNode(command: string, { node, env }: Operator, fine: readonly number[] = [0], input = ''): Promise<string> {
  const home = node.path('/var/lib/root-home')
  await mkdir(home, { recursive: true })
  const [nsenter, ...inside] = node.enter
  const shell = `mount --bind '${home}' /root && exec sh -c "$1"`
  const { exitCode, stdout, stderr } = await execa(nsenter!, [...inside, 'unshare', '--mount', 'sh', '-c', shell, 'sh', command], {
    reject: false,
    input,
    env: { PATH: `${node.path('/var/lib/node-programs')}:${env['PATH']}`, KUBECONFIG: '' },
  })
  if (!fine.includes(exitCode ?? -1)) throw new Error(`${command}\nends with ${exitCode}: ${stdout}${stderr}`)
  return `${stdout}\n`
}

async function inShell(command: string, { env, directory }: Operator): Promise<string> {
  const { exitCode, stdout, stderr } = await execa('sh', ['-c', command], { reject: false, cwd: directory, env: { ...env } })
  if (exitCode !== 0) throw new Error(`${command}\nends with ${exitCode}: ${stdout}${stderr}`)
  return `${stdout}\n`
}

const flagOf = (item: string) => /^--([\w-]+)/.exec(item)?.[1]
/** `- --profiling=false`: a line of YAML. */
function set(list: readonly string[], line: string): string[] {
  const [argument] = parse(line) as [string]
  const kept = list.filter((item) => flagOf(item) !== flagOf(argument))
  return [...kept, argument]
}

interface Manifest {
  spec: { containers: [Record<string, unknown[]>]; volumes: unknown[] }
}
async function onPod(file: string, operator: Operator, change: (pod: Manifest) => void): Promise<string> {
  const pod = parse(await onNode(`cat ${file}`, operator)) as Manifest
  change(pod)
  return onNode(`cat > ${file}`, operator, [0], stringify(pod))
}
const onManifest = (file: string, operator: Operator, change: (list: readonly string[]) => string[], at: string) =>
  onPod(file, operator, ({ spec: { containers } }) => {
    containers[0][at] = change(containers[0][at] as string[])
  })
const addMount = (file: string, operator: Operator, [volume, mount]: readonly string[]) =>
  onPod(file, operator, ({ spec }) => {
    spec.volumes.push(...(parse(volume!) as unknown[]))
    spec.containers[0]['volumeMounts']!.push(...(parse(mount!) as unknown[]))
  })

/** What somebody types into an editor: the same names replaced, lists joined. */
async function mergeIntoConfigMap(file: string, key: string, operator: Operator): Promise<string> {
  const name = key === 'kubelet' ? 'kubelet-config' : 'kubeadm-config'
  const map = JSON.parse(await inShell(`kubectl -n kube-system get configmap ${name} -o json`, operator)) as {
    data: Record<string, string>
  }
  const merged = joined(parse(map.data[key]!), parse(await readFile(file, 'utf8')))
  const patch = join(await mkdtemp(join(operator.directory, 'edit-')), 'patch.json')
  await writeFile(patch, JSON.stringify({ data: { [key]: parseDocument(stringify(merged)).toString() } }))
  return inShell(`kubectl -n kube-system patch configmap ${name} --type merge --patch-file ${patch}`, operator)
}
function joined(ours: unknown, theirs: unknown): unknown {
  if (Array.isArray(ours) && Array.isArray(theirs)) return [...ours, ...theirs]
  if (ours === null || theirs === null || typeof ours !== 'object' || typeof theirs !== 'object') return theirs
  const both = ours as Record<string, unknown>
  return {
    ...both,
    ...Object.fromEntries(Object.entries(theirs).map(([key, value]) => [key, key in both ? joined(both[key], value) : value])),
  }
}

/** kubeadm as the runbook needs it: `kubeadm upgrade node phase kubelet-config` writes the node's file from the ConfigMap. */
export async function placeKubeadm(node: RealNode): Promise<void> {
  const program = node.path('/var/lib/node-programs/kubeadm')
  await writeFile(
    program,
    `#!/bin/sh
[ "$*" = "upgrade node phase kubelet-config" ] || { echo "unknown: $*" >&2; exit 1; }
kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system get configmap kubelet-config -o 'jsonpath={.data.kubelet}' > /var/lib/kubelet/config.yaml
`,
    { mode: 0o755 },
  )
}

/** kubeadm's admin.conf, where it leaves one. */
export const placeAdminConf = (node: RealNode, kubeconfig: string): Promise<void> =>
  copyFile(kubeconfig, join(node.path('/etc/kubernetes'), basename('admin.conf')))
