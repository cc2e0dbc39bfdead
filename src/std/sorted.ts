/** The same entries in the order of their names: the order that Go writes maps in, which is what programs compare and people diff. */
export const sortedByName = <T>(entries: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)))
