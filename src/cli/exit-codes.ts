/** product.md section 3. Scripts rely on these numbers. */
export const EXIT = {
  clean: 0,
  findings: 1,
  usage: 2,
  unreadable: 3,
  changeFailed: 4,
  unknown: 5,
  interrupted: 130,
  terminated: 143,
} as const
