/**
 * The floor of a live scan: a bare Node process that streams the kinds a scan reads by watch-list and parses every line, keeping
 * nothing. Usage: floor.ts KUBECONFIG PATH…  Prints one JSON line: objects, bytes, milliseconds, milliseconds to the first object.
 */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { load } from 'js-yaml'

const [kubeconfig = '', ...paths] = process.argv.slice(2)
const config = load(readFileSync(kubeconfig, 'utf8')) as {
  clusters: [{ cluster: Record<string, string> }]
  users: [{ user: Record<string, string> }]
}
const { cluster } = config.clusters[0]
const { user } = config.users[0]
const pem = (holder: Record<string, string>, name: string) =>
  holder[`${name}-data`] === undefined ? readFileSync(holder[name]!) : Buffer.from(holder[`${name}-data`]!, 'base64')
const agent = new Agent({
  keepAlive: true,
  ca: pem(cluster, 'certificate-authority'),
  cert: pem(user, 'client-certificate'),
  key: pem(user, 'client-key'),
})

const started = performance.now()
let objects = 0
let bytes = 0
let first = 0

/** One kind: until the bookmark that ends the initial set. */
function stream(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const url = `${cluster['server']}${path}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`
    const sent = request(url, { agent, headers: { accept: 'application/json' } }, (answer) => {
      let rest: Buffer[] = []
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        let from = 0
        for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
          rest.push(chunk.subarray(from, end))
          const event = JSON.parse((rest.length === 1 ? rest[0]! : Buffer.concat(rest)).toString('utf8')) as {
            type: string
            object: { metadata?: { annotations?: Record<string, string> } }
          }
          rest = []
          from = end + 1
          if (event.type === 'BOOKMARK' && event.object.metadata?.annotations?.['k8s.io/initial-events-end'] === 'true') {
            answer.destroy()
            resolve()
            return
          }
          objects++
          first ||= performance.now() - started
        }
        if (from < chunk.length) rest.push(chunk.subarray(from))
      })
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

const waiting = [...paths]
await Promise.all(
  Array.from({ length: 6 }, async () => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) await stream(path)
  }),
)
process.stdout.write(`${JSON.stringify({ objects, bytes, ms: performance.now() - started, first })}\n`)
agent.destroy()
