import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { FlowEnd, ObservedFlows } from '../../src/model/index.ts'
import { readFlows } from '../../src/sources/flows-read.ts'
import { LogProblem } from '../../src/sources/log-lines.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-flows-'))
let files = 0
const file = (content: string | Buffer, name = `flows-${files++}.log`): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}
const read = (...contents: readonly (string | Buffer)[]) =>
  readFlows(
    contents.map((one) => file(one)),
    { now: NOW },
  )
const end = ({ ip, namespace, pod, entity }: FlowEnd) =>
  pod === undefined ? `${entity ?? ''}${entity && ip ? '@' : ''}${ip ?? ''}` : `${namespace}/${pod}`
const told = ({ flows }: Pick<ObservedFlows, 'flows'>) =>
  flows.map(({ source, destination, protocol, port, was }) => `${end(source)} > ${end(destination)} ${protocol} ${port} ${was}`)
const tell = async (...lines: readonly (string | object)[]) =>
  told(await read(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')))

const web = {
  ID: 1284,
  identity: 21344,
  namespace: 'shop',
  labels: ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop', 'k8s:io.cilium.k8s.policy.cluster=default'],
  pod_name: 'web-5d9c7bb4f-x7k2p',
  workloads: [{ name: 'web', kind: 'Deployment' }],
}
const db = {
  ID: 99,
  identity: 4711,
  namespace: 'shop',
  labels: ['k8s:app=db'],
  pod_name: 'db-0',
  workloads: [{ name: 'db', kind: 'StatefulSet' }],
}
const hubble = (more: object, l4: object = { TCP: { source_port: 41822, destination_port: 5432, flags: { ACK: true, PSH: true } } }) => ({
  flow: {
    time: '2026-11-20T10:00:00.123456789Z',
    uuid: '3a1c',
    verdict: 'FORWARDED',
    ethernet: { source: '76:82:ec:81:8b:77', destination: '82:ec:78:ef:54:ec' },
    IP: { source: '10.244.1.5', destination: '10.244.1.6', ipVersion: 'IPv4' },
    l4,
    source: web,
    destination: db,
    Type: 'L3_L4',
    node_name: 'default/worker-1',
    event_type: { type: 4 },
    traffic_direction: 'INGRESS',
    trace_observation_point: 'TO_ENDPOINT',
    is_reply: false,
    Summary: 'TCP Flags: ACK, PSH',
    ...more,
  },
  node_name: 'default/worker-1',
  time: '2026-11-20T10:00:00.123456789Z',
})
const FORWARDED = 'shop/web-5d9c7bb4f-x7k2p > shop/db-0 TCP 5432 forwarded'
const DROPPED = 'shop/web-5d9c7bb4f-x7k2p > shop/db-0 TCP 5432 dropped'
const OUT = { traffic_direction: 'EGRESS', trace_observation_point: 'TO_OVERLAY' }
const reserved = (name: string, identity: number) => ({ identity, labels: [`reserved:${name}`] })
const back = { source: db, destination: web, is_reply: true, IP: { source: '10.244.1.6', destination: '10.244.1.5' } }
const BACK = { TCP: { source_port: 5432, destination_port: 41822, flags: { ACK: true } } }

describe('Hubble', () => {
  test.each<[string, readonly object[], readonly string[]]>([
    ['a flow of jsonpb', [hubble({})], [FORWARDED]],
    ['a bare flow', [hubble({}).flow], [FORWARDED]],
    ['a reply, turned round', [hubble(back, BACK)], [FORWARDED]],
    ['what went out and was refused where it came in', [hubble(OUT), hubble({ verdict: 'DROPPED', is_reply: undefined })], [DROPPED]],
    ['what went out, with nothing known against it', [hubble(OUT)], [FORWARDED]],
    ['what was refused once and came through later', [hubble({ verdict: 'DROPPED' }), hubble({})], [FORWARDED]],
    ['a reply to what was refused once', [hubble({ verdict: 'DROPPED' }), hubble(back, BACK)], [FORWARDED]],
    ['what an audited policy would have dropped', [hubble({ verdict: 'AUDIT' })], [FORWARDED]],
    ['what the proxy got', [hubble({ verdict: 'REDIRECTED', ...OUT })], [FORWARDED]],
    ['a request that a rule for HTTP refused', [hubble({ verdict: 'DROPPED', Type: 'L7' }), hubble({})], [FORWARDED]],
    [
      'a first packet without is_reply',
      [hubble({ is_reply: null }, { TCP: { source_port: 41822, destination_port: 5432, flags: { SYN: true } } })],
      [FORWARDED],
    ],
    [
      'its answer',
      [hubble({ ...back, is_reply: null }, { TCP: { source_port: 5432, destination_port: 41822, flags: { SYN: true, ACK: true } } })],
      [FORWARDED],
    ],
    ['ports that tell who asked', [hubble({ ...back, is_reply: null }, BACK)], [FORWARDED]],
    [
      'an address that the socket was given',
      [
        hubble(
          { verdict: 'TRANSLATED', Type: 'SOCK', is_reply: null, sock_xlate_point: 'SOCK_XLATE_POINT_POST_DIRECTION_FWD' },
          { TCP: { destination_port: 5432 } },
        ),
      ],
      [FORWARDED],
    ],
    ['UDP', [hubble({}, { UDP: { source_port: 41822, destination_port: 53 } })], ['shop/web-5d9c7bb4f-x7k2p > shop/db-0 UDP 53 forwarded']],
    [
      'SCTP',
      [hubble({}, { SCTP: { source_port: 41822, destination_port: 36412 } })],
      ['shop/web-5d9c7bb4f-x7k2p > shop/db-0 SCTP 36412 forwarded'],
    ],
    [
      'the world',
      [hubble({ ...OUT, destination: reserved('world', 2), IP: { source: '10.244.1.5', destination: '93.184.216.34' } })],
      ['shop/web-5d9c7bb4f-x7k2p > world@93.184.216.34 TCP 5432 forwarded'],
    ],
    [
      'the world, by its number alone',
      [hubble({ ...OUT, destination: { identity: 9 }, IP: { source: '10.244.1.5', destination: '93.184.216.34' } })],
      ['shop/web-5d9c7bb4f-x7k2p > world@93.184.216.34 TCP 5432 forwarded'],
    ],
    [
      'the API server that is a node too',
      [
        hubble({
          destination: { identity: 7, labels: ['reserved:kube-apiserver', 'reserved:remote-node'] },
          IP: { source: '10.244.1.5', destination: '192.168.0.10' },
        }),
      ],
      ['shop/web-5d9c7bb4f-x7k2p > kube-apiserver@192.168.0.10 TCP 5432 forwarded'],
    ],
    [
      'IPv6',
      [hubble({ source: {}, destination: {}, IP: { source: 'fd00::5', destination: 'fd00::6' } })],
      ['fd00::5 > fd00::6 TCP 5432 forwarded'],
    ],
  ])('%s', async (_what, lines, expected) => {
    expect(await tell(...lines)).toEqual(expected)
  })

  test('what is kept of the ends', async () => {
    const { flows, since } = await read(JSON.stringify(hubble({ source: reserved('host', 1) })))
    expect(flows[0]!.source).toEqual({ ip: '10.244.1.5', entity: 'host', node: 'worker-1' })
    expect(flows[0]!.destination).toEqual({
      ip: '10.244.1.6',
      namespace: 'shop',
      pod: 'db-0',
      workload: { kind: 'StatefulSet', name: 'db' },
      labels: { app: 'db' },
    })
    expect([flows[0]!.last, since]).toEqual(['2026-11-20T10:00:00.123Z', '2026-11-20T10:00:00.123Z'])
    const outside = await read(
      JSON.stringify(hubble({ destination: reserved('world', 2), destination_names: ['api.example.com.', '\u001b[31mred'] })),
    )
    expect(outside.flows[0]!.destination).toEqual({ ip: '10.244.1.6', entity: 'world', names: ['api.example.com'] })
  })

  test.each<[string, readonly object[], RegExp]>([
    ['ping', [hubble({}, { ICMPv4: { type: 8 } })], /another protocol/],
    ['a trace without a verdict', [hubble({ verdict: 'TRACED', Type: 'SOCK' })], /whether it came through/],
    ['a reply that was dropped', [hubble({ ...back, verdict: 'DROPPED' }, BACK)], /whether it came through/],
    [
      'a translation on the way back',
      [hubble({ verdict: 'TRANSLATED', sock_xlate_point: 'SOCK_XLATE_POINT_POST_DIRECTION_REV' })],
      /whether it came through/,
    ],
    [
      'two ports that may both be a server',
      [hubble({ is_reply: null }, { TCP: { source_port: 8080, destination_port: 9090 } })],
      /who opened the connection/,
    ],
    ['health checks of the network itself', [hubble({ destination: reserved('health', 4) })], /health checks/],
    ['port 0', [hubble({}, { TCP: { source_port: 1 } })], /holds no flow that counts/],
  ])('counts nothing for %s', async (_what, lines, why) => {
    await expect(tell(...lines)).rejects.toThrow(why)
  })

  test('says what Hubble lost', async () => {
    const { doubts, records } = await read(
      [
        hubble({}),
        { lost_events: { source: 'HUBBLE_RING_BUFFER', num_events_lost: '12' } },
        { node_status: { state_change: 'NODE_CONNECTED' } },
      ]
        .map((one) => JSON.stringify(one))
        .join('\n'),
    )
    expect(records).toBe(1)
    expect(doubts.filter((one) => /lost|left out/.test(one))).toEqual([
      'Hubble lost 12 events while it recorded: flows among them are not known',
    ])
  })
})

const DNAT = 'src=10.244.1.5 dst=10.96.0.20 sport=41822 dport=80 src=10.244.2.9 dst=10.244.1.5 sport=8080 dport=41822'
describe('conntrack', () => {
  test.each<[string, string, readonly string[]]>([
    [
      'an entry, translated to the pod',
      `tcp      6 86392 ESTABLISHED ${DNAT} [ASSURED] mark=0 use=1`,
      ['10.244.1.5 > 10.244.2.9 TCP 8080 forwarded'],
    ],
    [
      '-o extended',
      `ipv4     2 tcp      6 86392 ESTABLISHED ${DNAT} [ASSURED] mark=0 use=1`,
      ['10.244.1.5 > 10.244.2.9 TCP 8080 forwarded'],
    ],
    [
      '/proc/net/nf_conntrack with counters and zones',
      'ipv4     2 tcp      6 100 TIME_WAIT src=10.244.1.5 dst=10.96.0.20 sport=50000 dport=80 packets=4 bytes=400 src=10.244.2.9 dst=10.244.1.5 sport=8080 dport=50000 packets=3 bytes=900 [ASSURED] mark=0 zone=0 use=2',
      ['10.244.1.5 > 10.244.2.9 TCP 8080 forwarded'],
    ],
    [
      'IPv6',
      'ipv6     10 tcp      6 300 ESTABLISHED src=fd00::5 dst=fd96::20 sport=40001 dport=80 src=fd00::9 dst=fd00::5 sport=8080 dport=40001 [ASSURED] mark=0 use=1',
      ['fd00::5 > fd00::9 TCP 8080 forwarded'],
    ],
    [
      'UDP',
      'udp      17 20 src=10.244.1.5 dst=10.96.0.10 sport=43210 dport=53 src=10.244.0.2 dst=10.244.1.5 sport=53 dport=43210 mark=0 use=1',
      ['10.244.1.5 > 10.244.0.2 UDP 53 forwarded'],
    ],
    [
      'UDP that nobody answers',
      'udp      17 25 src=10.244.1.5 dst=10.96.7.7 sport=41234 dport=8125 [UNREPLIED] src=10.244.2.2 dst=10.244.1.5 sport=8125 dport=41234 mark=0 use=1',
      ['10.244.1.5 > 10.244.2.2 UDP 8125 forwarded'],
    ],
    [
      'SCTP',
      'sctp     132 210 ESTABLISHED src=10.244.1.5 dst=10.244.2.37 sport=38211 dport=9999 src=10.244.2.37 dst=10.244.1.5 sport=9999 dport=38211 [ASSURED] mark=0 use=1',
      ['10.244.1.5 > 10.244.2.37 SCTP 9999 forwarded'],
    ],
    [
      'a first packet without an answer',
      'tcp      6 110 SYN_SENT src=10.244.1.5 dst=10.244.2.9 sport=41822 dport=8080 [UNREPLIED] src=10.244.2.9 dst=10.244.1.5 sport=8080 dport=41822 mark=0 use=1',
      ['10.244.1.5 > 10.244.2.9 TCP 8080 dropped'],
    ],
    [
      'a source that is translated on the way',
      'tcp      6 86392 ESTABLISHED src=203.0.113.9 dst=192.168.0.11 sport=50000 dport=30080 src=10.244.2.9 dst=192.168.0.11 sport=8080 dport=50000 [ASSURED] mark=0 use=1',
      ['203.0.113.9 > 10.244.2.9 TCP 8080 forwarded', '192.168.0.11 > 10.244.2.9 TCP 8080 forwarded'],
    ],
    ['events', ` [UPDATE] tcp      6 432000 ESTABLISHED ${DNAT} [ASSURED]`, ['10.244.1.5 > 10.244.2.9 TCP 8080 forwarded']],
    [
      'events with their time',
      `[1795168800.123456]\t [DESTROY] tcp      6 ${DNAT} [ASSURED]`,
      ['10.244.1.5 > 10.244.2.9 TCP 8080 forwarded'],
    ],
    [
      'the line at the end',
      `tcp 6 86392 ESTABLISHED ${DNAT} [ASSURED] mark=0 use=1\nconntrack v1.4.8 (conntrack-tools): 1 flow entries have been shown.`,
      ['10.244.1.5 > 10.244.2.9 TCP 8080 forwarded'],
    ],
  ])('%s', async (_what, line, expected) => {
    expect(await tell(line)).toEqual(expected)
  })
  test.each<[string, string, RegExp]>([
    [
      'ping',
      'icmp     1 29 src=10.244.1.5 dst=8.8.8.8 type=8 code=0 id=7 src=8.8.8.8 dst=10.244.1.5 type=0 code=0 id=7 mark=0 use=1',
      /another protocol/,
    ],
    [
      'a connection that was picked up in the middle',
      'tcp      6 367755 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=3306 dport=38205 packets=1 bytes=52 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=38205 dport=3306 packets=0 bytes=0 mark=0 use=1',
      /who opened the connection/,
    ],
    [
      'one from a server to its client',
      'tcp 6 300 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=443 dport=38205 src=10.0.0.2 dst=10.0.0.1 sport=38205 dport=443 [ASSURED] mark=0 use=1',
      /who opened the connection/,
    ],
    [
      'loopback',
      'tcp 6 300 ESTABLISHED src=127.0.0.1 dst=127.0.0.1 sport=40000 dport=2379 src=127.0.0.1 dst=127.0.0.1 sport=2379 dport=40000 [ASSURED] mark=0 use=1',
      /loopback/,
    ],
    [
      'a port out of range',
      'tcp 6 300 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=70000 src=10.0.0.2 dst=10.0.0.1 sport=70000 dport=40000 [ASSURED]',
      /holds no flow that counts$/,
    ],
  ])('counts nothing for %s', async (_what, line, why) => {
    await expect(tell(line)).rejects.toThrow(why)
  })
  test('says that it is taken to be of now', async () => {
    const { doubts, since } = await read(`tcp 6 86392 ESTABLISHED ${DNAT} [ASSURED]`)
    expect([since, doubts]).toEqual([undefined, ['1 of 1 records of flows do not say when: they are taken to be of now']])
  })
})

describe('files', () => {
  const own = (port: number) => `{"source":"10.0.0.1","destination":"shop/db-0","port":${port}}\n`
  const dump = `tcp 6 86392 ESTABLISHED ${DNAT} [ASSURED] mark=0 use=1\n`
  test('formats in one file, each line as it is', async () => {
    expect(await tell(own(1).trim(), dump.trim(), hubble({}))).toHaveLength(3)
  })
  test('gzip, a directory, several files, standard input', async () => {
    const kept = join(dir, 'kept')
    mkdirSync(kept)
    writeFileSync(join(kept, 'worker-1.txt'), dump)
    writeFileSync(join(kept, 'events.log.gz'), gzipSync(own(2)))
    writeFileSync(join(kept, 'empty.json'), '')
    writeFileSync(join(kept, 'README.md'), 'not a record')
    const { flows, from, doubts } = await readFlows([kept, file(own(3)), '-'], {
      now: NOW,
      input: Readable.from([Buffer.from(own(4))], { objectMode: false }),
    })
    expect(flows.map(({ port }) => port)).toEqual([2, 8080, 3, 4])
    expect(from).toHaveLength(3)
    expect(doubts).toContain(`${join(kept, 'empty.json')} holds no flow that counts`)
  })
  test.each([
    ['an empty file', '', /is empty$/],
    ['something else', 'hello\n{"kind":"Event"}\n', /holds no flow that counts$/],
  ])('%s is refused by its name, whatever the others hold', async (_what, content, why) => {
    const bad = file(content)
    const failure = await readFlows([file(own(1)), bad], { now: NOW }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LogProblem)
    expect((failure as LogProblem).message).toMatch(why)
    expect((failure as LogProblem).message).toContain(bad)
  })
  test('a file that is not there, a directory without records', async () => {
    await expect(readFlows([join(dir, 'none')])).rejects.toThrow(/none cannot be read \(ENOENT\)/)
    const bare = join(dir, 'bare')
    mkdirSync(bare)
    await expect(readFlows([bare])).rejects.toThrow(/holds no \*\.log/)
  })
})
