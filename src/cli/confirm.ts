import { createInterface } from "node:readline"
import { Exit } from "./command.ts"
import type { Output } from "./streams.ts"

/**
 * Asks a yes-no question; anything but `y` and `yes`, and no answer, mean no.
 * @throws Exit 0 when an interrupt (Ctrl-C, SIGTERM) comes instead of an answer; the line has been ended
 */
export async function confirm(question: string, out: Output): Promise<boolean> {
  const lines = createInterface({ input: process.stdin })
  const answer = new Promise<string>((resolve) => {
    lines.once("line", resolve)
    lines.once("close", () => resolve(""))
  })
  let interrupted = () => {}
  const interrupt = new Promise<never>((_resolve, reject) => {
    interrupted = () => {
      out.line()
      reject(new Exit(0))
    }
  })
  for (const signal of signals) process.on(signal, interrupted)
  out.write(`${question} [y/N] `)
  try {
    return /^y(es)?$/i.test((await Promise.race([answer, interrupt])).trim())
  } finally {
    for (const signal of signals) process.off(signal, interrupted)
    lines.close()
    process.stdin.unref?.()
  }
}

const signals = ["SIGINT", "SIGTERM"] as const
