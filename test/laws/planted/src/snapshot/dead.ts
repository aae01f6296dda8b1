export const dead = true
