/** argv → command → exit code. The one place that catches, prints errors and ends the process. */
import { Command, CommanderError, Option } from 'commander'
import { explainError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import type { SourceOptions } from './options.ts'
import { outputGone } from './signals.ts'
import { VERSION } from './version.ts'

type Options = SourceOptions & Record<string, any>

const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...value.split(',').filter((part) => part !== ''),
]

/** Of an option that may be given often. */
const another = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** Options that name the source; the same for every command that reads one. */
const withCluster = (command: Command): Command =>
  command
    .option('--context <name>', 'kube-context to use (default: the current one)')
    .option('--kubeconfig <file>', 'kubeconfig to use (default: $KUBECONFIG or ~/.kube/config)')
const withSource = (command: Command): Command =>
  withCluster(command)
    .option('--manifests <path>', 'read manifests instead of a cluster: a file, a directory, or - for standard input')
    .option('--sample', 'use the small vulnerable cluster that comes with the tool')
const IMAGES =
  'ask the registries what their images run as, read-only ("registry"), or read it from a file (docker image inspect; see the README)'
const AUDIT_LOG =
  'learn from an audit log which rights are used: a file of JSON lines, plain or gzip, a directory of them, or - for standard input; may be given often'
const FLOWS =
  'learn from a record of network flows who talks to whom: JSON lines of Hubble (hubble observe -o json), conntrack -L, or {"source","destination","protocol","port","verdict"} a line (see the README); a file, plain or gzip, a directory of them, or - for standard input; may be given often'
const CLOUD_IAM =
  "run the provider's own CLI (aws, gcloud, az, oci), read-only, to see whom the cloud lets in: auto, eks:REGION/NAME, gke:PROJECT/LOCATION/NAME, aks:GROUP/NAME or oke:OCID"
const HOST =
  'reach the files of a node: NODE=CARRIER with ssh:[USER@]ADDRESS[:PORT], docker:CONTAINER (podman, nerdctl), local[:ROOT] or pod[:IMAGE], which makes a pod on the node and deletes it at the end; NODE * is every other node, {node} and {address} are filled in; may be given often'
/** Of the commands that look at nodes. */
const withHosts = (command: Command): Command => command.option('--host <node=carrier>', HOST, another)
/** Of the commands that judge: what is known besides the source. */
const withImages = (command: Command): Command =>
  withHosts(command)
    .option('--images <registry|file>', IMAGES)
    .option('--audit-log <file|->', AUDIT_LOG, another)
    .option('--flows <file|->', FLOWS, another)
    .option('--cloud-iam <auto|cluster>', CLOUD_IAM)
const withChoice = (command: Command): Command =>
  command
    .option('--practice <name...>', 'only these practices: rbac, secrets, api-endpoint, nodes-and-pods, images, audit', collect)
    .option('--control <id...>', 'only these controls', collect)
/** Of the commands that change something, step by step. */
const withConsent = (command: Command): Command =>
  command
    .option('--yes', 'take every step whose risk is at most --accept-risk, without asking')
    .addOption(
      new Option('--accept-risk <risk>', 'with --yes: the highest risk to take')
        .choices(['safe', 'restarts-pods', 'may-break'])
        .default('safe'),
    )
    .option('--dry-run', 'rehearse every step, change nothing')

/** Each command is loaded when it is asked for, so that the wizard loads no report and `scan` loads no Ink. */
function program(run: (job: () => Promise<number>) => Promise<void>): Command {
  const root = withImages(withSource(new Command('k8s-harden')))
    .description('Hardens a Kubernetes cluster in six practices: live findings, previewed and approved changes, proof, undo.')
    .version(VERSION)
    .option('--practice <name>', 'open the wizard at this practice')
    .option('--no-color', 'no colours (NO_COLOR works too)')
    // With their arguments there would be no room left to wrap what they do.
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .showHelpAfterError('(k8s-harden --help shows what it takes)')
    .enablePositionalOptions()
    .allowExcessArguments(false)
    .exitOverride()
    .action((options: Options) => run(() => wizardOrScan(options)))

  withChoice(withImages(withSource(root.command('scan').description('judge the source once and report (with --watch: go on)'))))
    .addOption(new Option('-o, --output <format>', 'report format').choices(['table', 'json', 'jsonl']).default('table'))
    .option('--output-file <file>', 'write the report there instead of standard output')
    .option('-n, --namespace <name...>', 'only these namespaces', collect)
    .option('--fail-on <severity>', 'exit 1 on findings at or above: critical, high, medium, low, none', 'high')
    .option('--fail-on-unknown', 'exit 5 when something could not be judged')
    .option('--watch', 'stay, and report every change')
    .option('--exceptions <file>', 'accepted risks, and answers to what cannot be seen: who, why, until when')
    .action((options: Options) => run(async () => (await import('./commands/scan.ts')).scanCommand(options)))

  withChoice(withImages(withSource(root.command('generate').description('write patch files; never touches a cluster or the source'))))
    .requiredOption('--out <dir>', 'directory to write to')
    .option('--exceptions <file>', 'accepted risks: left alone')
    .option('-n, --namespace <name...>', 'only these namespaces', collect)
    .option('--set <setting...>', 'CONTROL.OPTION=VALUE, a choice a remedy offers', another)
    .action((options: Options) =>
      run(async () => (await import('./commands/generate.ts')).generateCommand(options as Options & { out: string })),
    )

  withConsent(withChoice(withImages(withSource(root.command('apply').description('fix step by step: preview, confirm, apply, verify')))))
    .option('-n, --namespace <name...>', 'only these namespaces', collect)
    .option('--set <setting...>', 'CONTROL.OPTION=VALUE, a choice a remedy offers', another)
    .option('--exceptions <file>', 'accepted risks: left alone')
    .option('--timeout <seconds>', 'how long a roll-out may take before it is undone', '120')
    .option(
      '--steady <seconds>',
      'how long new pods are watched after their roll-out, and all pods after policies; what dies meanwhile is undone',
      '10',
    )
    .option('--canary', 'Deployments of two pods or more: one new pod first, the others once it has kept running')
    .option('--out <dir>', 'where files for you to place are written (default: under the state directory)')
    .action((options: Options) => run(async () => (await import('./commands/apply.ts')).applyMain(options)))

  withHosts(
    withSource(
      root
        .command('undo')
        .description('take a run back (default: the last one)')
        .argument('[run]', 'id of the run, from `k8s-harden history`'),
    ),
  )
    .option('--step <id>', 'only this step')
    .option('--yes', 'do not ask')
    .action((runId: string | undefined, options: Options) => run(async () => (await import('./commands/undo.ts')).undoMain(runId, options)))

  withConsent(
    withHosts(
      withSource(
        root
          .command('encryption')
          .description('encryption at rest on the nodes (--host): how it stands, a new key, more resources, or plain text again')
          .argument('<action>', 'status, rotate, cover or disable')
          .argument('[resources...]', 'of cover: configmaps, widgets.example.com'),
      ),
    ),
  )
    .option('--remove-old', 'of rotate: take the old key and plain text out of the files at the end (a copy stays on each node)')
    .option('--yes-store-secrets-in-plain-text', 'of disable: the consent to that')
    .option('--timeout <seconds>', 'how long an API server may take to come back before its change is undone', '120')
    .addHelpText(
      'after',
      `
What they do:
  status               which node writes and reads with what
  rotate --remove-old  a new key; the old one goes at the end
  cover configmaps     encrypts more than Secrets
  disable              plain text again
It is turned on with: k8s-harden apply --control sec-etcd-encryption --host ...
Each asks step by step, and is taken back with k8s-harden undo.`,
    )
    .action((action: string, resources: readonly string[], options: Options) =>
      run(async () => (await import('./commands/encryption.ts')).encryptionMain(action, resources, options)),
    )

  withCluster(
    root
      .command('try-enforcement')
      .description('try whether NetworkPolicies are enforced: makes a namespace with pods, and deletes it (exit 0 yes, 1 no, 5 not known)'),
  )
    .option('--image <image>', 'agnhost, or a copy of it that your nodes can pull (default: that of registry.k8s.io)')
    .option('--yes', 'do not ask')
    .action((options: Options) => run(async () => (await import('./commands/try-enforcement.ts')).tryEnforcementMain(options)))

  withHosts(
    withCluster(
      root
        .command('try-audit')
        .description(
          'try whether audit events are written: makes a marked ConfigMap, looks for its event, deletes it (exit 0 yes, 1 no, 5 not known)',
        ),
    ),
  )
    .option('--in-namespace <name>', 'where the ConfigMap is made', 'default')
    .option('--wait <seconds>', 'how long its event may take', Number, 35)
    .option('--yes', 'do not ask')
    .action((options: Options) => run(async () => (await import('./commands/try-audit.ts')).tryAuditMain(options)))

  root
    .command('history')
    .description('list the runs of apply, and what became of them')
    .addOption(new Option('-o, --output <format>').choices(['table', 'json']).default('table'))
    .action((options: Options) => run(async () => (await import('./commands/history.ts')).historyMain(options)))

  withSource(
    root
      .command('who-can')
      .description('who may do something, and by which binding; with --as: whether one subject may (exit 0 yes, 1 no, 5 not known)')
      .argument('[verb]', 'get, list, create, bind, impersonate, ...; * is every verb')
      .argument('[resource]', 'as kubectl takes it (po, deploy, deployments.apps), pods/exec for a subresource, /metrics for a path'),
  )
    .option('-n, --namespace <name>', 'the namespace of the request (default: all at once)')
    .option('--name <name>', 'the name of the object; of a list or watch: selected by metadata.name')
    .option('--as <subject>', 'User:NAME, Group:NAME or ServiceAccount:NAMESPACE:NAME: may it?')
    .option(
      '--as-group <name>',
      'with --as, repeatable: a group it is in, besides those that the API server adds',
      (value: string, before: string[] = []) => [...before, value],
    )
    .option(
      '--questions <file>',
      'many at once: JSON lines from a file or - (as, groups, verb, resource, group, subresource, namespace, name, path)',
    )
    .addOption(new Option('-o, --output <format>').choices(['table', 'json']).default('table'))
    .action((verb: string | undefined, resource: string | undefined, options: Options) =>
      run(async () => (await import('./commands/who-can.ts')).whoCanCommand(verb, resource, options)),
    )

  withChoice(
    withSource(
      root
        .command('reach')
        .description(
          'who reaches whom over the network, as its policies say; or whether one reaches another (exit 0 yes, 1 no, 5 not known)',
        )
        .argument('[from]', 'NAMESPACE/NAME or NAMESPACE/KIND/NAME of a workload or pod, an address, nodes, outside')
        .argument('[to]', 'the same, or a Service')
        .argument('[port]', 'PORT or PORT/PROTOCOL at the destination; of a Service: its own port'),
    ),
  )
    .option('-n, --namespace <name...>', 'only what reaches, or is reached by, these namespaces', collect)
    .option('--flows <file|->', 'with --planned: tell which flows of this record the plan would cut; may be given often', another)
    .option('--planned', 'also with the whole plan carried out, and what that changes; of a question: with the plan')
    .option('--set <setting...>', 'with --planned: CONTROL.OPTION=VALUE', (value: string, before: string[] = []) => [...before, value])
    .option('--questions <file|->', 'many at once: JSON lines from a file or - (from, to, protocol, port)')
    .addOption(new Option('-o, --output <format>', 'a table, or JSON for programs').choices(['table', 'json']).default('table'))
    .action((from: string | undefined, to: string | undefined, port: string | undefined, options: Options) =>
      run(async () => (await import('./commands/reach.ts')).reachCommand(from, to, port, options)),
    )

  withSource(
    root
      .command('explain')
      .description('what a control means; or, with --subject, what somebody may do and could become')
      .argument('[id]', 'control id'),
  )
    .option('--subject <subject>', 'ServiceAccount:NAMESPACE:NAME, User:NAME or Group:NAME')
    .option('--audit-log <file|->', `with --subject: ${AUDIT_LOG}`, another)
    .addOption(new Option('-o, --output <format>', 'with --subject').choices(['table', 'json']).default('table'))
    .action((id: string | undefined, options: Options) => run(async () => (await import('./commands/explain.ts')).explainMain(id, options)))

  root
    .command('controls')
    .description('list all controls')
    .addOption(new Option('-o, --output <format>').choices(['table', 'json', 'markdown']).default('table'))
    .action((options: Options) => run(async () => (await import('./commands/controls.ts')).controlsCommand(options.output)))

  root
    .command('permissions')
    .description('the least ClusterRole this tool needs to read everything it judges')
    .addOption(new Option('-o, --output <format>').choices(['yaml']).default('yaml'))
    .action(() => run(async () => (await import('./commands/permissions.ts')).permissionsCommand()))
  return root
}

/** The wizard wants a real terminal. Without one: the scan, and a word about it. */
async function wizardOrScan(options: Options): Promise<number> {
  // Before Ink is loaded: chalk looks once.
  if (options['color'] === false) process.env['FORCE_COLOR'] = '0'
  const terminal = process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== 'dumb'
  if (terminal) return (await import('./commands/wizard.tsx')).wizardCommand(options)
  process.stderr.write('k8s-harden: no terminal to draw on, so this is the scan; for changes see `k8s-harden apply`\n')
  return (await import('./commands/scan.ts')).scanCommand({
    ...options,
    practice: options.practice === undefined ? undefined : [options.practice],
    output: 'table',
    failOn: 'high',
  })
}

export async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.clean
  const cli = program(async (job) => {
    code = await job()
  })
  try {
    await cli.parseAsync(argv as string[], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.clean : EXIT.usage
    const { text, code: failure } = explainError(error)
    process.stderr.write(text)
    return failure
  }
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', outputGone)
process.exitCode = await main(process.argv.slice(2))
// A pipe that is still being read must not keep an interrupted program alive.
if (process.exitCode === EXIT.interrupted) process.stdout.write('', () => process.exit())
