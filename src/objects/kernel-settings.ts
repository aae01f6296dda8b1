/** What a kubelet with protectKernelDefaults insists on (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables). */
export const KERNEL_SETTINGS: readonly (readonly [name: string, value: number])[] = [
  ['vm.overcommit_memory', 1],
  ['vm.panic_on_oom', 0],
  ['kernel.panic', 10],
  ['kernel.panic_on_oops', 1],
  ['kernel.keys.root_maxkeys', 1_000_000],
  ['kernel.keys.root_maxbytes', 25_000_000],
]
