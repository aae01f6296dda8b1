/** Ports that are no front door: databases, administration, the cluster's own components. */
import type { ServiceObject } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import type { Workload } from './workloads.ts'

const NUMBERS: Readonly<Record<number, string>> = {
  22: 'SSH',
  23: 'Telnet',
  111: 'RPC',
  139: 'SMB',
  445: 'SMB',
  873: 'rsync',
  1433: 'SQL Server',
  1521: 'Oracle Database',
  2049: 'NFS',
  2181: 'ZooKeeper',
  2375: 'Docker',
  2376: 'Docker',
  2379: 'etcd',
  2380: 'etcd',
  3306: 'MySQL',
  3389: 'RDP',
  4194: 'cAdvisor',
  5432: 'PostgreSQL',
  5672: 'AMQP',
  5900: 'VNC',
  5984: 'CouchDB',
  6379: 'Redis',
  6443: 'the Kubernetes API',
  8086: 'InfluxDB',
  8500: 'Consul',
  9042: 'Cassandra',
  9092: 'Kafka',
  9200: 'Elasticsearch',
  9300: 'Elasticsearch',
  10250: 'the kubelet',
  10255: 'the kubelet',
  10257: 'the controller manager',
  10259: 'the scheduler',
  11211: 'Memcached',
  15672: 'RabbitMQ',
  26257: 'CockroachDB',
  27017: 'MongoDB',
  27018: 'MongoDB',
  27019: 'MongoDB',
  28015: 'RethinkDB',
  44134: 'Tiller',
}
const NAMES =
  /^(?:tcp-|client-)?(ssh|sshd|telnet|redis|mysql|mariadb|postgres|postgresql|pgsql|mongo|mongodb|mssql|oracle|etcd|docker|elasticsearch|opensearch|memcached|cassandra|cql|kafka|zookeeper|amqp|rabbitmq|couchdb|influxdb|consul|kubelet|rdp|vnc|nfs|smb)$/

export interface SensitivePort {
  /** Of the Service. */
  readonly port: number
  readonly what: string
}

/** By the number or name of the port, or of the port of the pods it leads to. */
export const sensitivePorts = ({ spec = {} }: ServiceObject, behind: readonly Workload[]): readonly SensitivePort[] =>
  (spec.ports ?? []).flatMap(({ port, targetPort, name }) => {
    const target = typeof targetPort === 'string' ? (numbered(targetPort, behind) ?? targetPort) : targetPort
    const what =
      NUMBERS[port] ??
      (typeof target === 'number' ? NUMBERS[target] : undefined) ??
      [name, typeof targetPort === 'string' ? targetPort : undefined]
        .map((text) => NAMES.exec(text ?? '')?.[1])
        .find((text) => text !== undefined)
    return what === undefined ? [] : [{ port, what }]
  })

function numbered(name: string, behind: readonly Workload[]): number | undefined {
  for (const { spec } of behind)
    for (const { container } of eachContainer(spec)) {
      const found = (container.ports ?? []).find((port) => port.name === name)
      if (found !== undefined) return found.containerPort
    }
  return undefined
}
