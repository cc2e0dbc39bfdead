/**
 * Splits the arguments of a Dockerfile instruction into words: single and double quotes group, a backslash takes the
 * next character as it is, `$NAME` and `${NAME}` are replaced outside single quotes.
 */
export function splitWords(text: string, variable: (name: string) => string | undefined): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote: '"' | "'" | undefined
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (quote === undefined && /\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
      continue
    }
    word ??= ""
    if (character === quote) quote = undefined
    else if (quote === undefined && (character === '"' || character === "'")) quote = character
    else if (character === "\\" && quote !== "'" && at + 1 < text.length) {
      const next = text[++at]!
      // Within double quotes a backslash is one, unless it protects something.
      word += quote === '"' && !/["\\$]/.test(next) ? `\\${next}` : next
    } else if (character === "$" && quote !== "'") {
      const name = /^(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/.exec(text.slice(at + 1))
      if (name) {
        word += variable((name[1] ?? name[2])!) ?? ""
        at += name[0].length
      } else word += character
    } else word += character
  }
  if (word !== undefined) words.push(word)
  return words
}

/** The words of a JSON array, Dockerfile's exec form; undefined when `text` is not one. */
export function execForm(text: string): string[] | undefined {
  if (!text.trimStart().startsWith("[")) return undefined
  try {
    const parsed: unknown = JSON.parse(text)
    return Array.isArray(parsed) && parsed.every((item) => typeof item === "string") ? parsed : undefined
  } catch {
    return undefined
  }
}
