// Stands in for undici in the bundle: client-node is used for reading kubeconfigs and credentials, and never sends a request.
export class Agent {}
export class ProxyAgent {}
export const fetch = () => Promise.reject(new Error('client-node sends no requests here'))
export default { Agent, ProxyAgent, fetch }
