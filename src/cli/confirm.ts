import { createInterface } from "node:readline"
import type { Output } from "./streams.ts"

/** Asks a yes-no question; anything but `y` and `yes`, and no answer, mean no. */
export async function confirm(question: string, out: Output): Promise<boolean> {
  out.write(`${question} [y/N] `)
  const lines = createInterface({ input: process.stdin })
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim())
    return false
  } finally {
    lines.close()
    process.stdin.unref?.()
  }
}
