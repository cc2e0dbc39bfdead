import { Failure } from "../../errors/failure.ts"

/**
 * Whether `text` matches a shell pattern as Go's `path.Match` understands it: `*` and `?` stop at a slash, `[a-z]` and
 * `[^a-z]` are sets, a backslash takes the next character as it is.
 * @throws invalidArgument for a malformed pattern, in Docker's words
 */
export function glob(pattern: string, text: string): boolean {
  let expression = ""
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!
    if (character === "*") expression += "[^/]*"
    else if (character === "?") expression += "[^/]"
    else if (character === "[") {
      const end = pattern.indexOf("]", at + 2)
      if (end < 0) throw malformed()
      const set = pattern.slice(at + 1, end)
      const inverted = set.startsWith("^")
      expression += `[${inverted ? "^" : ""}${(inverted ? set.slice(1) : set).replace(/[[\]\\^]/g, "\\$&")}]`
      at = end
    } else {
      const literal = character === "\\" ? pattern[++at] : character
      if (literal === undefined) throw malformed()
      expression += literal.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")
    }
  }
  try {
    return new RegExp(`^${expression}$`, "s").test(text)
  } catch (error) {
    throw malformed(error)
  }
}

const malformed = (cause?: unknown) => new Failure("invalidArgument", "syntax error in pattern", cause)
