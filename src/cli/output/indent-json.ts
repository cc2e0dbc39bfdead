/**
 * JSON text with every element on a line of its own, indented by four spaces: Go's json.Indent, which leaves numbers,
 * strings and the order of keys as they were written. Empty objects and lists stay on their line.
 *
 * @param prefix begins every line but the first
 */
export function indentJson(text: string, prefix = "", step = "    "): string {
  let indented = ""
  let depth = 0
  const line = () => `\n${prefix}${step.repeat(depth)}`
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const last = indented.at(-1)
    const opens = last === "{" || last === "["
    if (token === "}" || token === "]") {
      depth--
      if (!opens) indented += line()
      indented += token
      continue
    }
    if (opens) indented += line()
    indented += token
    if (token === "{" || token === "[") depth++
    else if (token === ",") indented += line()
    else if (token === ":") indented += " "
  }
  return indented
}
