import './circle-a.ts'
export const circle = 1
