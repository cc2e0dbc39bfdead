/**
 * Whether `text` matches a shell pattern as Go's `path.Match` understands it: `*` and `?` stop at a slash, `[a-z]` and
 * `[^a-z]` are sets, a backslash takes the next character as it is. A malformed pattern matches nothing.
 */
export function glob(pattern: string, text: string): boolean {
  let expression = ""
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!
    if (character === "*") expression += "[^/]*"
    else if (character === "?") expression += "[^/]"
    else if (character === "[") {
      const end = pattern.indexOf("]", at + 2)
      if (end < 0) return false
      const set = pattern.slice(at + 1, end)
      const inverted = set.startsWith("^")
      expression += `[${inverted ? "^" : ""}${(inverted ? set.slice(1) : set).replace(/[[\]\\^]/g, "\\$&")}]`
      at = end
    } else {
      const literal = character === "\\" ? pattern[++at] : character
      if (literal === undefined) return false
      expression += literal.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")
    }
  }
  try {
    return new RegExp(`^${expression}$`, "s").test(text)
  } catch {
    return false
  }
}
