/** Lines of a text by offset; `\n` and `\r\n` end a line, a byte order mark is no part of the first. */
export function lineStart(text: string, at: number): number {
  const start = text.lastIndexOf('\n', at - 1) + 1
  return start === 0 && text.charCodeAt(0) === 0xfeff ? 1 : start
}
/** Before the line break. */
export function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  if (newline < 0) return text.length
  return newline > at && text[newline - 1] === '\r' ? newline - 1 : newline
}
/** Behind the line break. */
export function nextLine(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  return newline < 0 ? text.length : newline + 1
}
export const columnOf = (text: string, at: number): number => at - lineStart(text, at)
export const isAlone = (text: string, at: number): boolean => /^ *$/.test(text.slice(lineStart(text, at), at))
