/** Limits requests without credentials to the health checks. Never by `--anonymous-auth=false`: the kubelet's own probes of the API server carry none. */

import { remedy } from '../src/model/define.ts'
import type { Change, ConfigFile, Finding, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { fileNamed } from '../src/objects/authentication.ts'
import { type ComponentInstance, componentFlags, FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { refOf } from '../src/objects/ref.ts'
import { authenticationFile, authenticationText, proposeAuthentication } from './authentication-file.ts'
import { apiServerNodes } from './flag-hosts.ts'
import { authenticatorFor } from './identity-provider.ts'
import { MIGRATION_OPTIONS, MOVED, oidcFlags, providerOfFlags } from './oidc-flags.ts'
import { PROVIDER_OPTIONS, type ProviderCommands } from './provider-command.ts'

export const HEALTH_PATHS: readonly string[] = ['/livez', '/readyz', '/healthz']
const LIMITED = { enabled: true, conditions: HEALTH_PATHS.map((path) => ({ path })) }

/** In the AuthenticationConfiguration that is there, or in a new one with the flag that names it. */
export const limitAnonymous: Remedy = remedy({
  family: 'authentication-config',
  reads: [...FLAG_LADDER, 'AuthenticationConfiguration'],
  options: { ...PROVIDER_OPTIONS, ...MIGRATION_OPTIONS },
  propose(finding, context) {
    const { view, options, alongside } = context
    const { instances } = componentFlags(view, 'kube-apiserver')
    const flags = instances.map((instance) => instance.flags)
    const minor = serverMinor(view)
    if (flags.length > 0 && minor !== undefined && minor < 32)
      return {
        byHand: `Kubernetes 1.${minor} cannot limit anonymous requests to paths (1.32 can): upgrade; meanwhile see that nothing is bound to system:unauthenticated`,
      }
    const named = flags.map((set) => set.get('authentication-config')).find((path) => path !== undefined && path !== '')
    const file = fileNamed(view, named)
    if (named !== undefined && file === undefined)
      return {
        byHand: `in ${named} on every control-plane node set anonymous to ${JSON.stringify(LIMITED)}, take --anonymous-auth away, and restart one API server after the other`,
      }
    if (file !== undefined)
      return turnDown(
        finding,
        context,
        { type: 'edit', target: refOf(file), edits: [{ set: ['anonymous'], to: LIMITED }] },
        named,
        instances,
      )
    // Whoever mends the names of the issuer in the same plan says what they become.
    const isMended = alongside.some(({ control }) => control === 'authn-oidc-users')
    const issuer = providerOfFlags(instances, options, !isMended)
    if (issuer !== undefined && !('issuer' in issuer)) return issuer
    const jwt = issuer === undefined ? {} : { jwt: [authenticatorFor(issuer)] }
    return turnDown(
      finding,
      context,
      authenticationFile(authenticationText({ ...jwt, anonymous: LIMITED }, minor), apiServerNodes(context.view)),
      named,
      instances,
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

function turnDown(
  finding: Finding<unknown>,
  context: RemedyContext,
  change: Change,
  named: string | undefined,
  instances: readonly ComponentInstance[],
): Proposal {
  const moved = named === undefined ? oidcFlags(instances) : []
  return proposeAuthentication(
    {
      change,
      named,
      flags: { 'anonymous-auth': null, ...Object.fromEntries(moved.map((flag) => [flag, null])) },
      verify: ['curl -k https://SERVER/livez says ok without credentials, and https://SERVER/api answers 401'],
      summary: 'answer requests without credentials on the health checks only',
      mayBreak: [
        'kubeadm join with a bootstrap token reads cluster-info without credentials: join with a discovery file instead',
        ...(moved.length > 0 ? [MOVED] : []),
        'load balancers and monitors that ask other paths without credentials get 401',
      ],
      provider: PROVIDER,
    },
    finding,
    context,
  )
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
