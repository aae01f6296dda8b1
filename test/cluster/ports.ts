import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

// Below the range that systems take the ports of outgoing connections from: between the choice of a port and the moment
// its program listens there, no connection of another cluster can be given it.
const [lowest, highest] = [15_000, 30_000]

/** Free ports on the loopback address, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>()
  // All are held until all are known, or one could be handed out twice.
  while (held.size < count) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    const server = held.has(port) ? undefined : await listen(port)
    if (server) held.set(port, server)
  }
  await Promise.all([...held.values()].map((server) => once(server.close(), 'close')))
  return [...held.keys()]
}

async function listen(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1')
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  )
}
