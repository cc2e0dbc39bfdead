/**
 * JSON text with every element on a line of its own, indented by four spaces: Go's json.Indent, which leaves numbers,
 * strings and the order of keys as they were written. Empty objects and lists stay on their line.
 *
 * @param prefix begins every line but the first
 */
export function indentJson(text: string, prefix = "", step = "    "): string {
  // Pieces are joined once: looking back into a text that grows would copy it each time.
  const pieces: string[] = []
  let depth = 0
  let opened = false
  const line = () => pieces.push(`\n${prefix}${step.repeat(depth)}`)
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const closes = token === "}" || token === "]"
    if (closes) depth--
    if (opened !== closes) line()
    pieces.push(token)
    opened = token === "{" || token === "["
    if (opened) depth++
    else if (token === ",") line()
    else if (token === ":") pieces.push(" ")
  }
  return pieces.join("")
}
