/** What would keep a kubelet down, as far as it can be seen before its configuration is touched. */
import type { Host } from '../hosts/host.ts'
import { KERNEL_SETTINGS } from '../objects/kernel-settings.ts'
import { yamlValue } from '../objects/yaml-dialect.ts'

/** Undefined where nothing speaks against it. Fields that it does not know a kubelet only warns of (kubeletconfig/util/codec). */
export async function whyKubeletRefuses(host: Host, text: string): Promise<string | undefined> {
  const config = yamlValue(text) as { readonly kind?: unknown; readonly protectKernelDefaults?: unknown } | null
  if (config?.kind !== 'KubeletConfiguration' || config.protectKernelDefaults !== true) return undefined
  const others: string[] = []
  for (const [name, value] of KERNEL_SETTINGS) {
    const file = await host.read(`/proc/sys/${name.replaceAll('.', '/')}`).catch(() => undefined)
    const now = file?.text.trim()
    if (now !== undefined && now !== '' && now !== String(value)) others.push(`${name} is ${now} and must be ${value}`)
  }
  return others.length === 0
    ? undefined
    : `with protectKernelDefaults the kubelet of ${host.node} would not start: ${others.join(', ')}; put that into /etc/sysctl.d and load it (sysctl --system) first`
}
