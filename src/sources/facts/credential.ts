import { readFile } from 'node:fs/promises'
import { delimiter } from 'node:path'
import type { Context } from '../../apiserver/context.ts'
import { type Kubeconfig, loadKubeconfig, type UserEntry } from '../../apiserver/kubeconfig.ts'
import { whoAmI } from '../../apiserver/permissions.ts'
import type { KubeconfigUser } from '../../model/index.ts'
import { reduceUser } from '../../objects/kubeconfig-user.ts'
import type { Fact } from './fact.ts'

/** How the operator's own kubeconfig logs in, and whom the API server takes it for. */
export const credential: Fact<'Credential'> = async ({ client, signal }) => {
  const { context } = client
  const [answer, current, others] = await Promise.all([
    whoAmI(client, signal),
    reduced(context.userName, context.user, context.files.length === 0),
    Promise.all(otherUsers(context).map(([name, user]) => reduced(name, user, false))),
  ])
  return {
    value: {
      ...('username' in answer ? { me: { user: answer.username, groups: answer.groups } } : { unsaid: answer.message }),
      current,
      others,
    },
  }
}

async function reduced(name: string, user: UserEntry, inCluster: boolean): Promise<KubeconfigUser> {
  const [certificate, token] = await Promise.all([textIn(user['client-certificate']), textIn(user.tokenFile)])
  return reduceUser(name, user, {
    ...(certificate !== undefined && { certificate }),
    ...(token !== undefined && { token }),
    inCluster: inCluster && user.tokenFile !== undefined,
  })
}

/** More than any certificate or token is. */
const LONGEST = 256 * 1024
async function textIn(file: string | undefined): Promise<string | undefined> {
  if (file === undefined || file === '') return undefined
  const text = await readFile(file, 'utf8').catch(() => undefined)
  return text === undefined || text.length > LONGEST ? undefined : text
}

/** Who else in the same kubeconfig may get into this cluster. */
function otherUsers({ files, server, userName }: Context): readonly (readonly [string, UserEntry])[] {
  const config = read(files)
  if (config === undefined) return []
  const contexts = [...config.contexts.values()]
  return [...config.users].filter(([name]) => {
    if (name === userName) return false
    const served = contexts.filter(({ user }) => user === name).map(({ cluster }) => config.clusters.get(cluster ?? '')?.server)
    return served.length === 0 || served.some((other) => other?.replace(/\/+$/, '') === server)
  })
}

function read(files: readonly string[]): Kubeconfig | undefined {
  if (files.length === 0) return undefined
  try {
    return loadKubeconfig({ env: { KUBECONFIG: files.join(delimiter) } })
  } catch {
    // It was read once, when the context was chosen; what became of it since is no business of a scan.
    return undefined
  }
}
