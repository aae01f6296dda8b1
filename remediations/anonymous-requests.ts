/** Limits requests without credentials to the health checks. Never by `--anonymous-auth=false`: the kubelet's own probes of the API server carry none. */

import { remedy } from '../src/model/define.ts'
import type { Change, ConfigFile, Finding, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { fileNamed } from '../src/objects/authentication.ts'
import { componentFlags, FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { refOf } from '../src/objects/ref.ts'
import { type FlagChange, type HostFile, proposeFlags } from './apiserver-flag.ts'
import { PROVIDER_OPTIONS, type ProviderCommands } from './provider-command.ts'

export const HEALTH_PATHS: readonly string[] = ['/livez', '/readyz', '/healthz']
const DIRECTORY = '/etc/kubernetes/authn'
const MOUNT: HostFile = { name: 'authn-config', path: DIRECTORY, type: 'Directory', readOnly: true }
const LIMITED = { enabled: true, conditions: HEALTH_PATHS.map((path) => ({ path })) }

/** In the AuthenticationConfiguration that is there, or in a new one with the flag that names it. */
export const limitAnonymous: Remedy = remedy({
  family: 'authentication-config',
  reads: [...FLAG_LADDER, 'AuthenticationConfiguration'],
  options: PROVIDER_OPTIONS,
  propose(finding, context) {
    const { view } = context
    const flags = componentFlags(view, 'kube-apiserver').instances.map((instance) => instance.flags)
    const minor = serverMinor(view)
    if (flags.length > 0 && minor !== undefined && minor < 32)
      return {
        byHand: `Kubernetes 1.${minor} cannot limit anonymous requests to paths (1.32 can): upgrade; meanwhile see that nothing is bound to system:unauthenticated`,
      }
    if (
      flags.some((set) =>
        [...set].some(
          ([name, value]) => name.startsWith('oidc-') && value !== '' && name !== 'oidc-signing-algs' && name !== 'oidc-username-claim',
        ),
      )
    ) {
      return {
        byHand:
          'the flags --oidc-* and an AuthenticationConfiguration exclude each other: move the issuer into its jwt list first, then limit anonymous there',
      }
    }
    const named = flags.map((set) => set.get('authentication-config')).find((path) => path !== undefined && path !== '')
    const file = fileNamed(view, named)
    if (named !== undefined && file === undefined)
      return {
        byHand: `in ${named} on every control-plane node set anonymous to ${JSON.stringify(LIMITED)}, take --anonymous-auth away, and restart one API server after the other`,
      }
    return turnDown(
      finding,
      context,
      file === undefined ? newFile(minor) : { type: 'edit', target: refOf(file), edits: [{ set: ['anonymous'], to: LIMITED }] },
      named,
    )
  },
})

interface Anonymous {
  readonly enabled?: boolean
  readonly conditions?: readonly { readonly path?: string }[]
}
/** Does the file let requests without credentials reach anything but the health checks? */
export function beyondHealth(file: ConfigFile): boolean {
  const { enabled, conditions = [] } = file['anonymous'] as Anonymous
  return enabled === true && (conditions.length === 0 || conditions.some(({ path }) => !HEALTH_PATHS.includes(path ?? '')))
}

function turnDown(finding: Finding<unknown>, context: RemedyContext, change: Change, named: string | undefined): Proposal {
  return proposeAuthentication(
    {
      change,
      named,
      flags: { 'anonymous-auth': null },
      verify: ['curl -k https://SERVER/livez says ok without credentials, and https://SERVER/api answers 401'],
      summary: 'answer requests without credentials on the health checks only',
      mayBreak: [
        'kubeadm join with a bootstrap token reads cluster-info without credentials: join with a discovery file instead',
        'load balancers and monitors that ask other paths without credentials get 401',
      ],
      provider: PROVIDER,
    },
    finding,
    context,
  )
}

/** A change of the AuthenticationConfiguration, with the flag that names it: the API server reads one file, whoever wants something in it. */
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
      first: [
        ...first,
        `on every control-plane node: place ${AUTHENTICATION_FILE} in ${DIRECTORY}, owner root, mode 0600 (without the file the API server does not start)`,
      ],
    },
    finding,
    context,
  )
}

export const AUTHENTICATION_FILE = 'authentication-config.yaml'
export const AUTHENTICATION_PATH: string = `${DIRECTORY}/${AUTHENTICATION_FILE}`
export const authenticationVersion = (minor: number | undefined): string =>
  `apiserver.config.k8s.io/${(minor ?? 0) >= 34 ? 'v1' : 'v1beta1'}`

function newFile(minor: number | undefined): Change {
  return authenticationFile(`# Requests without credentials are answered here and nowhere else. A change of "anonymous" needs a restart of the API server.
apiVersion: ${authenticationVersion(minor)}
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions:
${HEALTH_PATHS.map((path) => `    - path: ${path}`).join('\n')}
`)
}

/** The file as it is to be placed; two findings that write one are merged by the plan. */
export function authenticationFile(text: string): Change {
  return {
    type: 'file',
    name: AUTHENTICATION_FILE,
    mode: 0o600,
    text: { text },
    runbook: [
      `on every control-plane node, before any API server is told of it: place ${AUTHENTICATION_FILE} in ${DIRECTORY}, owner root, mode 0600; where there is one of that name, keep a copy first: cp -p ${AUTHENTICATION_PATH} /root/${AUTHENTICATION_FILE}.before-k8s-harden`,
    ],
    rollback: [
      `where there was one before: cp -p /root/${AUTHENTICATION_FILE}.before-k8s-harden ${AUTHENTICATION_PATH}`,
      `otherwise, once no API server names it any more: remove ${AUTHENTICATION_PATH}`,
    ],
  }
}

const PROVIDER: ProviderCommands = {
  gke: {
    argv: [
      'gcloud',
      'container',
      'clusters',
      'update',
      '{cluster}',
      '--location',
      '{location}',
      '--anonymous-authentication-config=LIMITED',
    ],
    undo: [
      'gcloud',
      'container',
      'clusters',
      'update',
      '{cluster}',
      '--location',
      '{location}',
      '--anonymous-authentication-config=ENABLED',
    ],
    risk: 'may-break',
    summary: 'let GKE answer requests without credentials on the health checks only',
    mayBreak: ['whoever reads the API without credentials gets 401'],
  },
}
