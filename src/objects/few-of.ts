/** The first few, and how many more there are: for a line of text. */
export const fewOf = (list: readonly string[], most = 3): string =>
  list.length <= most ? list.join(', ') : `${list.slice(0, most).join(', ')} and ${list.length - most} more`
