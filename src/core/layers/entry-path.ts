import { Failure } from "../../errors/failure.ts"

/**
 * Paths inside layers are handled as text in which each character is one byte (latin1): names need not be UTF-8, and
 * nothing may be lost.
 */
export type ByteText = string

export const toBytes = (text: ByteText): Buffer => Buffer.from(text, "latin1")

/** A path for people. */
export const showPath = (text: ByteText): string => `"${toBytes(text).toString()}"`

/** Longer paths cannot be reached by name in a container (PATH_MAX). */
const longestPath = 4095
const longestName = 255

/**
 * The components of a name in an archive, as Docker cleans it: relative to the layer's root whether it begins with a
 * slash or not, `.` and inner `..` resolved. Empty for the root itself.
 * @param whole what it is an entry of, for messages
 * @throws invalidArgument when it leads out of the root or is too long for a file system
 */
export function componentsOf(name: Buffer, whole: "layer" | "archive" = "layer"): ByteText[] {
  if (name.length > longestPath) {
    throw new Failure("invalidArgument", `the ${whole} has an entry whose path is ${name.length} bytes long`)
  }
  const text = name.toString("latin1")
  const components: ByteText[] = []
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue
    if (part === "..") {
      if (components.length === 0)
        throw new Failure("invalidArgument", `entry ${showPath(text)} leads out of its ${whole}`)
      components.pop()
    } else if (part.length > longestName) {
      throw new Failure("invalidArgument", `entry ${showPath(text)} has a name of ${part.length} bytes`)
    } else components.push(part)
  }
  return components
}
