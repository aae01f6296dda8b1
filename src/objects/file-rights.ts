/** Programs that gain rights from their file, by a setuid bit or a capability, and who seems to use one. Nothing outside an image tells its files. */
import type { ContainerSpec, Json } from '../model/index.ts'
import { parseImage } from './image.ts'

/** Installed so by Debian, Alpine, Fedora and their like. */
const PROGRAMS: ReadonlySet<string> = new Set(
  `sudo su doas pkexec newgrp sg passwd chsh chfn crontab at ping ping6 fping arping mtr mtr-packet traceroute tcptraceroute tcpdump
  dumpcap tshark newuidmap newgidmap mount umount fusermount fusermount3 bwrap chrome-sandbox sendmail postdrop suexec`.split(/\s+/),
)
/** Images whose own work needs such programs, or namespaces of their own (their documentation, read in 2026). */
const IMAGES: readonly (readonly [repository: RegExp, needs: string])[] = [
  [/(^|\/)(podman|buildah)\/stable$|(^|\/)(podman|buildah|buildkit|img)$/, 'newuidmap and user namespaces'],
  [/(^|\/)(chrome|chromium|alpine-chrome|headless-shell|puppeteer|playwright)$|^browserless\//, 'its sandbox of user namespaces'],
]
/** Programs that carry cap_net_bind_service in their file: where it may not be had at all, the kernel does not even start them. */
const BINDERS = /(^|\/)(caddy|coredns|adguardhome|ingress-nginx\/controller)$/

/** What of it the container uses by all that its specification says, such as `ping`; undefined where nothing does. */
export function gainsRights(container: ContainerSpec): string | undefined {
  const { command = [], args = [], livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  const hooks = isMapping(lifecycle) ? [lifecycle['postStart'], lifecycle['preStop']] : []
  const own = command.length > 0 ? [[...command, ...args]] : [args]
  const asked = [livenessProbe, readinessProbe, startupProbe, ...hooks].flatMap((handler) => {
    const exec = isMapping(handler) ? handler['exec'] : undefined
    return isMapping(exec) && Array.isArray(exec['command']) ? [exec['command'].map(String)] : []
  })
  const program = [...own, ...asked].flatMap((argv) => programsIn(argv.map(String))).find((name) => PROGRAMS.has(name))
  return program ?? IMAGES.find(([name]) => name.test(repositoryOf(container)))?.[1] ?? rootless(container)
}
export const carriesNetBind = (container: ContainerSpec): boolean => BINDERS.test(repositoryOf(container).toLowerCase())

const repositoryOf = ({ image = '' }: ContainerSpec): string => parseImage(image)?.repository.replace(/^library\//, '') ?? ''
const rootless = ({ image = '' }: ContainerSpec): string | undefined =>
  /-rootless(@|$)/.test(image) ? 'newuidmap and user namespaces' : undefined
const isMapping = (value: unknown): value is Readonly<Record<string, Json>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** Names in the place of a command: `redis-cli ping` runs no ping, `sh -c "sleep 5; ping db"` does. */
function programsIn(argv: readonly string[]): readonly string[] {
  const [first = ''] = argv
  const script = SHELL.test(first) ? argv.slice(1).find((word) => !word.startsWith('-')) : undefined
  const starts = script === undefined ? [first] : script.split(/&&|\|\||[;|&(){}\n`]/).map((part) => part.replace(LEADING, ''))
  return starts.map((start) => start.trim().split(/\s+/)[0]!.split('/').at(-1)!)
}
const SHELL = /(^|\/)(ba|da|a|z|k)?sh$/
const LEADING = /^\s*((exec|then|do|if|else|while|until|time|env|!)\s+|[A-Za-z_]\w*=\S*\s+)*/
