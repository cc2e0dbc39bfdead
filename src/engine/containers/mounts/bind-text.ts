import type { MountRequest } from "../../../api/container-config.ts"
import { Failure, messageOf } from "../../../errors/failure.ts"
import type { ResolvedMount } from "../record/document.ts"
import { parseMount, propagations } from "./mount-request.ts"

/** The property that each word of a mode sets; a mode may set each property once. */
const categories = new Map<string, string>([
  ["ro", "access"],
  ["rw", "access"],
  ["z", "label"],
  ["Z", "label"],
  ["nocopy", "copy"],
  ...propagations.map((word) => [word, "propagation"] as const),
  ...["consistent", "cached", "delegated"].map((word) => [word, "consistency"] as const),
])

/** Whether `mode` is valid behind the last colon of `-v`. */
export function isMode(mode: string): boolean {
  if (mode === "") return true
  const seen = new Set<string>()
  return mode.split(",").every((word) => {
    const category = categories.get(word)
    if (!category || seen.has(category)) return false
    seen.add(category)
    return true
  })
}

export const invalidMode = (mode: string) => new Failure("invalidArgument", `invalid mode: ${mode}`)

/** Parses one text of HostConfig.Binds, `[SOURCE:]DESTINATION[:MODE]`. @throws invalidArgument in Docker's words */
export function parseBind(text: string): ResolvedMount {
  const invalid = `invalid volume specification: '${text}'`
  const parts = text.split(":")
  const [first = "", second, mode = ""] = parts
  // `-v SOURCE:ro`: a mode in the place of the destination.
  if (first === "" || parts.length > 3 || (parts.length === 2 && isMode(second!))) {
    throw new Failure("invalidArgument", invalid)
  }
  if (!isMode(mode)) throw invalidMode(mode)
  const words = mode.split(",")
  const source = second === undefined ? "" : first
  const Propagation = words.find((word) => propagations.includes(word))
  const request: MountRequest = {
    Type: source.startsWith("/") ? "bind" : "volume",
    Source: source,
    Target: second ?? first,
    ReadOnly: words.includes("ro"),
    ...(words.includes("nocopy") ? { VolumeOptions: { NoCopy: true } } : {}),
    ...(Propagation ? { BindOptions: { Propagation } } : {}),
  }
  try {
    const mount = parseMount(request, { sourceMayBeMissing: true })
    return { ...mount, mode: mount.type === "volume" ? mode || "z" : mode }
  } catch (error) {
    throw new Failure("invalidArgument", `${invalid}: ${messageOf(error)}`, error)
  }
}
