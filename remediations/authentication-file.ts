/** The AuthenticationConfiguration as a file to be placed, and the flag that names it: the API server reads one, whoever wants something in it. */
import { stringify } from 'yaml'
import type { Change, Finding, Json, Proposal, RemedyContext } from '../src/model/index.ts'
import { type FlagChange, type HostFile, proposeFlags } from './apiserver-flag.ts'
import { liesThere, placing } from './flag-runbook.ts'

const DIRECTORY = '/etc/kubernetes/authn'
const MOUNT: HostFile = { name: 'authn-config', path: DIRECTORY, type: 'Directory', readOnly: true }
export const AUTHENTICATION_FILE = 'authentication-config.yaml'
export const AUTHENTICATION_PATH: string = `${DIRECTORY}/${AUTHENTICATION_FILE}`

/** A change of the file, with the flag that names it. */
export function proposeAuthentication(
  {
    change,
    named,
    flags,
    first = [],
    ...more
  }: Omit<FlagChange, 'before' | 'files'> & { readonly change: Change; readonly named: string | undefined },
  finding: Finding<unknown>,
  context: RemedyContext,
): Proposal {
  return proposeFlags(
    {
      ...more,
      flags: { 'authentication-config': named ?? AUTHENTICATION_PATH, ...flags },
      ...(named === undefined && { files: [MOUNT] }),
      before: [change],
      first: [...first, liesThere(AUTHENTICATION_PATH)],
    },
    finding,
    context,
  )
}

/** The API server reads YAML 1.1, where a claim named `y` is a boolean. */
const AS_QUOTED = { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' } as const

export interface AuthenticationContent {
  readonly jwt?: readonly Json[]
  readonly anonymous?: Json
}
/** The file's text. */
export function authenticationText({ jwt, anonymous }: AuthenticationContent, minor: number | undefined): string {
  const content = {
    apiVersion: `apiserver.config.k8s.io/${(minor ?? 0) >= 34 ? 'v1' : 'v1beta1'}`,
    kind: 'AuthenticationConfiguration',
    ...(jwt !== undefined && { jwt }),
    ...(anonymous !== undefined && { anonymous }),
  }
  const comment =
    '# Who vouches for people, and what is answered without credentials. A change of "jwt" is taken up within a minute; one of "anonymous" needs a restart of the API server.\n'
  return `${comment}${stringify(content, AS_QUOTED)}`
}

/** The file as it is to be placed; two findings that write one are merged by the plan. */
export function authenticationFile(text: string, nodes: readonly string[]): Change {
  return {
    type: 'file',
    name: AUTHENTICATION_FILE,
    mode: 0o600,
    text: { text },
    ...placing(AUTHENTICATION_FILE, AUTHENTICATION_PATH, nodes, DIRECTORY),
  }
}
