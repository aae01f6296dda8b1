/** The first few, and how many more there are: for a line of text. */
export const fewOf = (list: readonly string[], most = 3, between = ', '): string =>
  list.length <= most ? list.join(between) : `${list.slice(0, most).join(between)} and ${list.length - most} more`
