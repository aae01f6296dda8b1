/** What a provider's own CLI changes about a control plane or nodes that Kubernetes itself cannot reach. Shown, never run without an approval. */

import { remedy } from '../src/model/define.ts'
import type { Json, Proposal, Readable, Remedy, RemedyOption, Risk, View } from '../src/model/index.ts'
import { type DistributionName, distribution } from '../src/objects/distribution.ts'
import { clusterNames, providerAnswer } from '../src/objects/provider-names.ts'

export type Provider = 'eks' | 'gke' | 'aks' | 'oke'
export interface ProviderCommand {
  /** With `{cluster}`, `{location}` (GKE), `{region}` (EKS), `{group}` (AKS) and whatever else `asks` names, as whole or part of an argument. */
  readonly argv: readonly string[]
  readonly undo?: readonly string[]
  readonly risk: Risk
  readonly summary: string
  readonly mayBreak?: readonly string[]
  /** Placeholders beyond the cluster's own, and the question that fills each. */
  readonly asks?: Readonly<Record<string, string>>
}
/** A command, or words where no single command does it. */
export type ProviderCommands = Partial<Readonly<Record<Provider, ProviderCommand | string>>>

/** Every placeholder may be given with `--set CONTROL.name=value`; what the context, its address or the nodes say is taken from there. */
export const PROVIDER_OPTIONS: Readonly<Record<string, RemedyOption>> = {
  cluster: { describe: "the cluster's name at its provider; on OKE its OCID" },
  location: { describe: 'the location of a GKE cluster' },
  region: { describe: 'the region of an EKS or OKE cluster' },
  group: { describe: 'the resource group of an AKS cluster' },
}
const QUESTIONS: Readonly<Record<string, string>> = {
  cluster: 'What is the cluster called at its provider (on OKE: its OCID)?',
  location: 'In which GKE location is the cluster?',
  region: 'In which region is the cluster?',
  group: 'In which Azure resource group is the cluster?',
}

export const DISTRIBUTION_READS = ['Pod', 'Node', 'ConfigMap', 'ServerVersion'] as const satisfies readonly Readable[]

/** A remedy of provider commands; `otherwise` are the words for a cluster that no provider runs. */
export const providerCommand = <E = any>(commands: ProviderCommands, otherwise: string): Remedy<E> =>
  remedy<E>({
    family: 'provider-command',
    reads: DISTRIBUTION_READS,
    options: { ...PROVIDER_OPTIONS, ...optionsOf(commands) },
    propose(_finding, { view, options }) {
      const { name } = distribution(view)
      return isProvider(name) ? providerProposal(name, commands, view, options) : { byHand: otherwise }
    },
  })

/** Options for the placeholders that only these commands have. */
export const optionsOf = (commands: ProviderCommands): Record<string, RemedyOption> =>
  Object.fromEntries(
    Object.values(commands)
      .flatMap((command) => (typeof command === 'object' ? Object.entries(command.asks ?? {}) : []))
      .map(([name, describe]) => [name, { describe }]),
  )

const isProvider = (name: DistributionName): name is Provider => ['eks', 'gke', 'aks', 'oke'].includes(name)
const WHERE: Readonly<Record<Provider, string>> = {
  eks: 'a shell with the AWS CLI, logged in',
  gke: 'a shell with gcloud, logged in',
  aks: 'a shell with the Azure CLI, logged in',
  oke: 'a shell with the OCI CLI, logged in',
}

/** The command with its placeholders filled, or the question for the first that nobody answered. */
export function providerProposal(
  name: DistributionName,
  commands: ProviderCommands | undefined,
  view: View<Readable>,
  options: Readonly<Record<string, Json>>,
): Proposal {
  const command = isProvider(name) ? commands?.[name] : undefined
  if (!isProvider(name) || command === undefined)
    return {
      byHand: `the provider runs the control plane and decides about this; no command of it changes that. What it does here is in its documentation; its settings of the cluster: ${providerAnswer(view)}`,
    }
  if (typeof command === 'string') return { byHand: command }
  const known = {
    ...clusterNames(view),
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => typeof value === 'string' && value !== '')),
  } as Record<string, string>
  const missing = [...command.argv, ...(command.undo ?? [])]
    .flatMap((argument) => [...argument.matchAll(PLACEHOLDER)].map((match) => match[1]!))
    .find((placeholder) => known[placeholder] === undefined)
  if (missing !== undefined)
    return { needs: { option: missing, question: command.asks?.[missing] ?? QUESTIONS[missing] ?? `What is ${missing}?` } }
  const fill = (argv: readonly string[]): string[] =>
    argv.map((argument) => argument.replaceAll(PLACEHOLDER, (_whole, placeholder: string) => known[placeholder]!))
  return {
    changes: [
      { type: 'command', argv: fill(command.argv), ...(command.undo !== undefined && { undo: fill(command.undo) }), where: WHERE[name] },
    ],
    risk: command.risk,
    summary: command.summary,
    ...(command.mayBreak !== undefined && { mayBreak: command.mayBreak }),
  }
}
const PLACEHOLDER = /\{([a-z-]+)\}/g
