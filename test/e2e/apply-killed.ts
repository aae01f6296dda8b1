/** Run by apply.test.ts: applies a plan, stops at the boundary that was named, says so, and waits to be killed. */
import { notPrivileged, openSession } from './apply-harness.ts'

const [, , kubeconfig, state, name, boundary] = process.argv
const session = await openSession({ kubeconfig: kubeconfig!, controls: [notPrivileged(name!)], state: state! })
const here = async (): Promise<never> => {
  process.send!('here')
  return new Promise(() => setInterval(() => {}, 1000))
}
const { writer } = session
const commit = writer.commit.bind(writer)
writer.commit = async (...parts) => {
  if (boundary === 'before-commit') await here()
  const committed = await commit(...parts)
  if (boundary === 'after-commit') await here()
  return committed
}
await session.apply({ verifier: { verify: here } })
