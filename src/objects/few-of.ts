/** The first three, and how many more there are: for a line of text. */
export const fewOf = (list: readonly string[]): string =>
  list.length <= 3 ? list.join(', ') : `${list.slice(0, 3).join(', ')} and ${list.length - 3} more`
