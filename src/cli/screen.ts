import type { Screen } from "./output/progress.ts"
import type { Output } from "./streams.ts"

/** An output as progress is drawn on it. */
export const screenOf = (out: Output): Screen => ({
  isTerminal: out.isTerminal,
  columns: out.columns,
  write: (text) => out.write(text),
})
