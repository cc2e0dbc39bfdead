import { Failure } from "../../errors/failure.ts"

export type Labels = Readonly<Record<string, string>>

/** `changes` over `labels`; an empty value removes one. */
export const mergeLabels = (labels: Labels, changes: Labels): Labels =>
  Object.fromEntries(Object.entries({ ...labels, ...changes }).filter(([, value]) => value !== ""))

/**
 * An object's labels after an update in containerd's manner.
 * @param paths a field mask: `labels` takes all of `given`, `labels.KEY` the one label, which goes when `given` does not have it.
 *   Absent or empty: all of `given`
 * @param what the object, for messages
 * @throws invalidArgument for another path
 */
export function updatedLabels(
  labels: Labels,
  given: Labels,
  paths: readonly string[] | undefined,
  what: string,
): Labels {
  let updated = paths?.length ? labels : given
  for (const path of paths ?? []) {
    if (path === "labels") updated = given
    else if (path.startsWith("labels.")) {
      const key = path.slice("labels.".length)
      updated = { ...updated, [key]: given[key] ?? "" }
    } else throw new Failure("invalidArgument", `cannot update ${JSON.stringify(path)} field on ${what}`)
  }
  return mergeLabels(updated, {})
}
