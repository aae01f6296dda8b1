/** Ports below 1024: only root, CAP_NET_BIND_SERVICE or a sysctl of the pod lets a process listen on them. */
import type { ContainerSpec, Facts, Json, PodSpec, ServiceObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived, rememberedWith } from './derived.ts'
import { imageConfigIn } from './image-config.ts'
import { matchesPairs } from './selectors.ts'
import type { Workload } from './workloads.ts'

/** The pod's own sysctl below which ports want a privilege. A safe one, in the baseline set of every policy version; containerd 2 starts pods with 0. */
export const PORT_SYSCTL = 'net.ipv4.ip_unprivileged_port_start'

/**
 * Low ports that a container seems to listen on: declared, probed, sent to by a Service that selects its pods, or named in its
 * command, arguments or environment, or exposed by its image. Rather one too many than one too few: what follows from it does no harm.
 */
export const lowPortsOf = (view: View<'Service' | 'ImageConfigs'>, workload: Workload, container: ContainerSpec): readonly number[] =>
  portsOnce(container, workload, derived(view, servicesByNamespace), view.fact('ImageConfigs'))

/** Several remedies ask of one container. */
const portsOnce = rememberedWith(
  (container: ContainerSpec, workload: Workload, services: Services, images: Facts['ImageConfigs'] | undefined): readonly number[] => {
    const ports = [
      ...declaredPorts(container),
      ...probedPorts(container),
      ...servedPorts(services, workload, container),
      ...spokenPorts(container),
      ...exposedPorts(images, container),
    ]
    return [...new Set(ports.filter((port) => port > 0 && port < 1024))].sort((a, b) => a - b)
  },
)

/** Whether the pod says itself that its processes may listen on the port whoever they are. */
export function opensPort(spec: PodSpec, port: number): boolean {
  const start = (spec.securityContext?.sysctls ?? []).find((sysctl) => sysctl?.name === PORT_SYSCTL)?.value
  return start !== undefined && Number(start) <= port
}

const declaredPorts = (container: ContainerSpec): number[] => (container.ports ?? []).map((port) => Number(port?.containerPort))

const isMapping = (value: unknown): value is Readonly<Record<string, Json>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

function probedPorts(container: ContainerSpec): number[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  const hooks = isMapping(lifecycle) ? [lifecycle['postStart'], lifecycle['preStop']] : []
  return [livenessProbe, readinessProbe, startupProbe, ...hooks].flatMap((handler) =>
    isMapping(handler)
      ? ['httpGet', 'tcpSocket', 'grpc'].map((how) => (isMapping(handler[how]) ? Number(handler[how]['port']) : Number.NaN))
      : [],
  )
}

/** Where the Services of its pods send to, unless another container declares that port. */
function servedPorts(services: Services, { namespace, templateLabels, spec }: Workload, container: ContainerSpec): number[] {
  const others = eachContainer(spec).filter((one) => one.container !== container)
  const isOthers = (port: number) => others.some((one) => declaredPorts(one.container).includes(port))
  return (services.get(namespace) ?? [])
    .filter(({ spec: service }) => matchesPairs(service?.selector, templateLabels))
    .flatMap(({ spec: service }) => (service?.ports ?? []).map(({ port, targetPort }) => Number(targetPort ?? port)))
    .filter((port) => !isOthers(port))
}
type Services = ReadonlyMap<string, readonly ServiceObject[]>
const servicesByNamespace = (view: View<'Service'>): Services =>
  Map.groupBy(view.all('Service'), ({ metadata }) => metadata.namespace ?? 'default')

const exposedPorts = (images: Facts['ImageConfigs'] | undefined, { image }: ContainerSpec): number[] =>
  images === undefined ? [] : (imageConfigIn(images, image ?? '')?.exposedPorts ?? []).map((port) => Number.parseInt(port, 10))

const PORT_FLAG = /^--?[\w.-]*(port|listen|bind|addr|address)[\w-]*(?:=(.*))?$/i
const PORT_VARIABLE = /(^|_)(PORT|LISTEN|ADDR|ADDRESS|BIND)S?$/i

function spokenPorts({ command, args, env }: ContainerSpec): number[] {
  const words = [...(command ?? []), ...(args ?? [])].map(String)
  const ofFlags = words.flatMap((word, index) => {
    const flag = PORT_FLAG.exec(word)
    if (flag !== null) return portsIn(flag[2] ?? words[index + 1] ?? '')
    return word === '-p' || word === '-l' ? portsIn(words[index + 1] ?? '') : addressesIn(word)
  })
  const ofEnv = (env ?? []).filter((one) => PORT_VARIABLE.test(String(one?.name))).flatMap((one) => portsIn(String(one.value ?? '')))
  return [...ofFlags, ...ofEnv]
}
/** `80`, `:80`, `0.0.0.0:80`, `[::]:80`, and several of them. */
const portsIn = (text: string): number[] =>
  text.split(/[\s,]+/).flatMap((one) => (/^\d{1,4}$/.test(one) ? [Number(one)] : addressesIn(one)))
const addressesIn = (word: string): number[] => [...word.matchAll(/:(\d{1,4})(?![\w.])/g)].map((match) => Number(match[1]))
