import type { Screen } from "./output/progress.ts"
import type { Output } from "./streams.ts"

/** An output as progress is drawn on it. */
export const screenOf = (out: Output): Screen => ({
  isTerminal: out.isTerminal,
  columns: out.columns,
  write: (text) => out.write(text),
})

/** Text drawn over what was drawn before, from the top left: every line's rest, and all below, is cleared. */
export const redrawn = (text: string): string => `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[J`
