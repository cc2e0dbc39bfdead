export type Labels = Readonly<Record<string, string>>

/** `changes` over `labels`; an empty value removes one. */
export const mergeLabels = (labels: Labels, changes: Labels): Labels =>
  Object.fromEntries(Object.entries({ ...labels, ...changes }).filter(([, value]) => value !== ""))
